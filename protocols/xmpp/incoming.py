"""What comes from the wire, sorted: conversations, proofs, rooms' business, small talk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.delivery.server import Port
from gateway.vocabulary.errors import NotSent
from protocols.xmpp.acknowledgement import Settle
from protocols.xmpp.apologies import Apologies
from protocols.xmpp.attendance import Attendance
from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.comings import Comings
from protocols.xmpp.elements import BODY, DELAY, RECEIPTS
from protocols.xmpp.encryption import encryption_of_stanza
from protocols.xmpp.identity import Identity, bare
from protocols.xmpp.ids import archive_of_stanza, id_from_stanza
from protocols.xmpp.intake import Intake, Unreadable
from protocols.xmpp.link import Link
from protocols.xmpp.occupants import Change, Room
from protocols.xmpp.proofs import Proofs
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.stanzas import receipt_for
from protocols.xmpp.subscriptions import Subscriptions
from protocols.xmpp.translate import PASSING, arrival_from_stanza, place_from_stanza

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Incoming:
    """The ``Receiver`` of an account."""

    us: Identity
    port: Port
    link: Link
    rooms: Rooms
    attendance: Attendance
    proofs: Proofs
    intake: Intake
    catchup: CatchUp
    subscriptions: Subscriptions
    comings: Comings
    apologies: Apologies

    def message(self, stanza: Element, settle: Settle) -> None:
        """Take a message, whatever it may hold."""
        self._guarded(self._message, stanza, settle)

    def presence(self, stanza: Element, settle: Settle) -> None:
        """Take a presence, whatever it may hold."""
        self._guarded(self._presence, stanza, settle)

    async def hold(self) -> None:
        """See ``Receiver``."""
        await self.intake.hold()

    def resumed(self, *, again: bool) -> None:
        """See ``Receiver``."""
        self.intake.release(forget=again)
        if not again:
            self.catchup.close(self.us.jid)

    def _guarded(
        self, take: Callable[[Element, Settle], None], stanza: Element, settle: Settle
    ) -> None:
        try:
            take(stanza, settle)
        except Exception as error:
            # The stream must go on: a stanza that breaks us would break every connection anew.
            logger.exception("account=%s a stanza could not be understood", self.us.jid)
            raw = ElementTree.tostring(stanza, encoding="unicode")
            self.intake.put(Unreadable(None, raw, repr(error)), settle)
        if self.intake.full:
            self.link.pause()

    # Messages

    def _message(self, stanza: Element, settle: Settle) -> None:
        sender = stanza.get("from", "")
        room = self.rooms.room(bare(sender))
        if self.link.reader is not None and self.link.reader.take(stanza):
            logger.debug("account=%s an archive answers: %s", self.us.jid, sender)
        elif stanza.get("type") == "error":
            self._error(stanza)
        elif bare(sender) == self.us.jid:
            logger.debug("account=%s our own message came by", self.us.jid)
        elif room is not None and _is_ours(stanza, room):
            self.proofs.reflection(stanza, id_from_stanza(stanza, self.us, room))
        elif stanza.get("type") == "groupchat" and not _is_news(stanza, room):
            logger.debug("account=%s a room's past, or no room of ours: %s", self.us.jid, sender)
        elif self.attendance.invited(stanza, settle):
            return None
        else:
            return self._conversation(stanza, room, settle)
        return settle()

    def _conversation(self, stanza: Element, room: Room | None, settle: Settle) -> None:
        arrival = arrival_from_stanza(stanza, self.us, room, time.time())
        if arrival is None:
            encryption = encryption_of_stanza(stanza)
            if encryption is not None and encryption.says:
                self.apologies.make(place_from_stanza(stanza, room), encryption)
            return settle()
        if stanza.get("type") == "headline":
            return settle()
        if arrival.event["type"] in PASSING:
            self.port.pass_on(arrival.conversation, arrival.event)
            return settle()
        if room is not None and arrival.event["type"] == "xmpp.message":
            nick = stanza.get("from", "").partition("/")[2]
            room.heard_from(nick, arrival.event["id"], arrival.event.get("origin_id"))
        if room is None and stanza.find(f"{RECEIPTS}request") is not None and stanza.get("id"):
            settle = partial(self._receive, stanza, settle)
        return self.catchup.put(archive_of_stanza(stanza, self.us, room), arrival, settle)

    def _receive(self, stanza: Element, settle: Settle) -> None:
        """It is safe: say so to our server, and to who asked to be told (XEP-0184)."""
        settle()
        stream = self.link.online()
        if stream is not None:
            stream.say(receipt_for(stanza.get("id", ""), to=stanza.get("from", "")))

    def _error(self, stanza: Element) -> None:
        outcome = self.proofs.error(stanza)
        if outcome is None:
            logger.info("account=%s a late error from=%s", self.us.jid, stanza.get("from"))
        elif isinstance(outcome, NotSent):
            self.rooms.lost(bare(stanza.get("from", "")))

    # Presences

    def _presence(self, stanza: Element, settle: Settle) -> None:
        if stanza.get("type") == "subscribe":
            self.subscriptions.grant(bare(stanza.get("from", "")))
            return settle()
        found = self.rooms.presence(stanza)
        if found is None:
            return settle()
        change, person, room = found
        if person is not None and change in (Change.CAME, Change.WENT):
            self.comings.changed(change, person, room)
        return settle()


def _is_ours(stanza: Element, room: Room) -> bool:
    """Whether it is the room's copy of what we said there."""
    return (
        stanza.get("type") == "groupchat"
        and stanza.get("from", "").partition("/")[2] == room.nick
        and room.joined
    )


def _is_news(stanza: Element, room: Room | None) -> bool:
    """Whether a room's message is one that we have not had.

    A room repeats what was said before (XEP-0045, 7.2.13): of that, only what was said while we
    were out is news. Our own server marks what it repeats after a gap as delayed too, in its own
    name; that was never settled.
    """
    if room is None:
        return False
    new = room.hear(stanza, time.monotonic()) if stanza.find(BODY) is not None else True
    delay = stanza.find(DELAY)
    if room.archived and delay is not None and bare(delay.get("from", "")) == room.jid:
        return False
    if delay is None or bare(delay.get("from", "")) != room.jid:
        return room.joined
    return room.joined and new
