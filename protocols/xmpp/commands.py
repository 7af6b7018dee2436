"""Buttons for clients that know ad-hoc commands (XEP-0050): one command for each open choice."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0030 import DiscoItems
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from gateway.delivery.server import Arrival
from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.choices import Choice, Choices
from protocols.xmpp.elements import CLIENT, COMMANDS
from protocols.xmpp.forms import (
    COMMAND,
    CommandRefused,
    Request,
    button_from_form,
    cancelled,
    error_from_refusal,
    question_from_choice,
    request_from_element,
    thanks_from_choice,
)
from protocols.xmpp.identity import Identity, bare, facts_from_place
from protocols.xmpp.intake import Intake
from protocols.xmpp.link import Link
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.stream import Stream
from protocols.xmpp.translate import author_from_stanza

SESSIONS = 1_000
"""Forms that wait to be filled in, one of each client; of more, the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A choice, and where it is open."""

    place: str
    choice: Choice


@dataclass(slots=True, kw_only=True)
class Commands:
    """Answers who asks for the buttons, and records what they press."""

    us: Identity
    link: Link
    rooms: Rooms
    choices: Choices
    catchup: CatchUp
    intake: Intake
    _sessions: OrderedDict[str, tuple[str, Offer]] = field(default_factory=OrderedDict)

    def serve(self, stream: Stream) -> None:
        """Take what is asked over a new connection."""
        stream.plugin["xep_0030"].set_node_handler("get_items", handler=self.items)
        asked = MatchXPath(f"{CLIENT}iq/{COMMAND}")
        stream.register_handler(Callback("commands", asked, self.asked))

    def items(self, _jid: Any, node: str | None, _asker: Any, iq: Any) -> Any:
        """Answer with what is open to who asks, as a node handler of slixmpp's."""
        found = DiscoItems()
        if not node:
            return _answer_of(iq, found.xml)
        if node != COMMANDS:
            raise XMPPError("item-not-found")
        found["node"] = COMMANDS
        room = self.rooms.room(bare(iq.xml.get("from", "")))
        own = f"{room.jid}/{room.nick}" if room is not None else iq.xml.get("to", "")
        for offer in self._offers(iq.xml):
            found.add_item(own, node=offer.choice.node, name=offer.choice.name)
        return _answer_of(iq, found.xml)

    def asked(self, iq: Any) -> None:
        """Answer a command."""
        if iq["type"] not in ("get", "set"):
            return
        try:
            self._take(iq)
        except CommandRefused as refusal:
            self._answer(iq, error_from_refusal(refusal))

    def _take(self, iq: Any) -> None:
        if iq["type"] != "set":
            raise CommandRefused("bad-request", "malformed-action")
        request = request_from_element(iq.xml.find(COMMAND))
        if request.session is None:
            self._answer(iq, self._begin(iq.xml, request))
        elif request.action == "cancel":
            self._end(iq.xml, request)
            self._answer(iq, cancelled(request.node, request.session))
        else:
            self._press(iq, request, request.session)

    def _begin(self, stanza: Element, request: Request) -> Element:
        offer = self._offer(stanza, request.node)
        session = uuid.uuid4().hex
        sender = stanza.get("from", "")
        self._sessions[sender] = (session, offer)
        self._sessions.move_to_end(sender)
        if len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return question_from_choice(offer.choice, session)

    def _press(self, iq: Any, request: Request, session: str) -> None:
        offer = self._session(iq.xml, request)
        if offer != self._offer(iq.xml, request.node):  # the buttons are others by now
            raise CommandRefused("item-not-found")
        button = button_from_form(request.form, offer.choice)
        self._end(iq.xml, request)
        thanks = thanks_from_choice(offer.choice, session, button)
        archive = offer.place if offer.choice.group else self.us.jid
        arrival = self._arrival(iq.xml, offer, button)
        self.catchup.put(archive, arrival, partial(self._answer, iq, thanks))
        if self.intake.full:
            self.link.pause()

    def _arrival(self, stanza: Element, offer: Offer, button: str) -> Arrival:
        room = self.rooms.room(bare(offer.place))
        author = author_from_stanza(stanza, self.us, room)
        user = None if offer.choice.group else author
        key = self.us.key(offer.place)
        facts = facts_from_place(offer.place, self.us, room, user=user)
        event = {
            "type": "xmpp.action",
            "id": offer.choice.id,
            "button": button,
            "author": author,
            "token": f"{key}|{uuid.uuid4().hex}",
            "at": time.time(),
        }
        return Arrival(key, facts, event, None)

    # Sessions

    def _session(self, stanza: Element, request: Request) -> Offer:
        """The offer that a session of this client is about; raises ``CommandRefused``."""
        session, offer = self._sessions.get(stanza.get("from", ""), (None, None))
        if offer is None or session != request.session or offer.choice.node != request.node:
            raise CommandRefused("bad-request", "bad-sessionid")
        return offer

    def _end(self, stanza: Element, request: Request) -> None:
        self._session(stanza, request)
        del self._sessions[stanza.get("from", "")]

    # What is open to whom

    def _offer(self, stanza: Element, node: str) -> Offer:
        for offer in self._offers(stanza):
            if offer.choice.node == node:
                return offer
        raise CommandRefused("item-not-found")

    def _offers(self, stanza: Element) -> Iterator[Offer]:
        for place, group in self._places(stanza):
            choice = self.choices.at(place)
            if choice is not None and choice.group == group:
                yield Offer(place, choice)

    def _places(self, stanza: Element) -> Iterator[tuple[str, bool]]:
        """Where who asks may speak, and whether to all: in private, or in the room they are in."""
        sender = stanza.get("from", "")
        if bare(stanza.get("to", "")) != self.us.jid or bare(sender) in ("", self.us.jid):
            return
        room = self.rooms.room(bare(sender))
        if room is None:
            yield bare(sender), False
            return
        nick = sender.partition("/")[2]
        person = room.occupants.get(nick)
        if not room.joined or person is None or nick == room.nick:
            return
        if person.role != "visitor":
            yield room.jid, True
        yield f"{room.jid}/{person.place}", False

    # Answers

    def _answer(self, iq: Any, inside: Element) -> None:
        """Say it over the connection of now; nobody waits for it after a gap."""
        stream = self.link.online()
        if stream is None or stream.congested:
            return
        stream.send(_answer_of(iq, inside))


def _answer_of(iq: Any, inside: Element) -> Any:
    """An answer from the JID that was asked: a component's is not only its full one."""
    answer = iq.reply()
    answer["from"] = iq["to"]
    answer["type"] = "error" if inside.tag == f"{CLIENT}error" else "result"
    answer.append(inside)
    return answer
