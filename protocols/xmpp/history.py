"""What the archives' messages mean to us: arrivals, proofs of what we said, or nothing."""

from __future__ import annotations

import logging
import time
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.delivery.server import Arrival
from protocols.xmpp.attendance import Attendance
from protocols.xmpp.gap import Gap
from protocols.xmpp.identity import Identity, bare
from protocols.xmpp.ids import id_from_stanza
from protocols.xmpp.intake import Unreadable
from protocols.xmpp.occupants import Room
from protocols.xmpp.past import Result, from_room, room_as_of, said_by_us
from protocols.xmpp.proofs import Proofs
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.translate import PASSING, arrival_from_stanza, skipped_arrival

logger = logging.getLogger(__name__)


class History:
    """The ``Historian`` of an account."""

    def __init__(self, us: Identity, rooms: Rooms, proofs: Proofs, attendance: Attendance) -> None:
        self._us = us
        self._rooms = rooms
        self._proofs = proofs
        self._attendance = attendance

    def past(self, archive: str, result: Result) -> Arrival | Unreadable | None:
        """Take a message of the past, whatever it may hold."""
        try:
            return self._past(archive, result.message)
        except Exception as error:
            logger.exception("archive=%s a past stanza could not be understood", archive)
            raw = ElementTree.tostring(result.message, encoding="unicode")
            return Unreadable(f"{archive} {result.id}", raw, repr(error))

    def skipped(self, archive: str, gap: Gap) -> Arrival | None:
        """In a room a notice tells it; in private chats there is nobody who would miss them."""
        room = self._rooms.room(archive)
        if room is None or gap.passed is None:
            return None
        return skipped_arrival(gap.skipped, gap.passed.id, self._us, room)

    def caught_up(self, archive: str) -> None:
        """Whoever waits to learn from this archive what became of a message waits no more."""
        self._proofs.give_up(None if archive == self._us.jid else archive)

    def _past(self, archive: str, message: Element) -> Arrival | None:
        if message.get("type") in ("error", "headline"):
            return None
        if archive == self._us.jid:
            return self._of_ours(message)
        room = self._rooms.room(archive)
        if room is None or not from_room(message, room):
            return None
        if said_by_us(message, room):
            self._proofs.archived(room.jid, message, id_from_stanza(message, self._us, room))
            return None
        return self._arrival(message, room_as_of(room, message))

    def _of_ours(self, message: Element) -> Arrival | None:
        sender = bare(message.get("from", ""))
        if sender == self._us.jid:
            self._proofs.archived(bare(message.get("to", "")), message, None)
            return None
        if message.get("type") == "groupchat" or self._attendance.invited(message):
            return None
        room = self._rooms.room(sender)
        return self._arrival(message, None if room is None else room_as_of(room, message))

    def _arrival(self, message: Element, room: Room | None) -> Arrival | None:
        arrival = arrival_from_stanza(message, self._us, room, time.time())
        return None if arrival is None or arrival.event["type"] in PASSING else arrival
