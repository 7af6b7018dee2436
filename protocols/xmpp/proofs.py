"""Messages of ours whose fate is not known yet, by their id."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import DeliveryError, NotSent, Uncertain
from gateway.vocabulary.events import Event
from protocols.xmpp.elements import BODY, ORIGIN_ID
from protocols.xmpp.identity import bare
from protocols.xmpp.outcomes import outcome_from_error
from protocols.xmpp.stanzas import body_from_event
from protocols.xmpp.text import text_from_body

SAID = 1000
"""Messages of ours that archives showed and nobody has asked about."""
SAID_SECONDS = 900.0
"""How long they may speak for a repetition."""


@dataclass(slots=True)
class Proof:
    """What is awaited of one message: its native id, or what became of it."""

    place: str
    """The bare JID that it was sent to."""
    future: asyncio.Future[str]
    reflected: bool
    """Whether only the room's own copy of it counts, not that our server took it."""
    name: str
    lost: bool = False
    """Its session is gone; only an archive can tell whether it arrived."""

    def succeed(self, native: str) -> None:
        """It arrived."""
        if not self.future.done():
            self.future.set_result(native)

    def fail(self, error: DeliveryError) -> None:
        """It did not, or nobody knows."""
        if not self.future.done():
            self.future.set_exception(error)

    def verdict(self, handled: bool | None) -> None:
        """What the stream says of the stanza (``acknowledgement.Verdict``)."""
        if handled is None:
            self.lost = True
        elif not handled:
            self.fail(NotSent("the connection was lost before the server had it"))
        elif not self.reflected:
            self.succeed(self.name)


@dataclass(frozen=True, slots=True)
class _Said:
    native: str
    text: str
    at: float = field(default_factory=time.monotonic)


class Proofs:
    """Who waits for which message, and what archives have shown of ours that nobody waits for."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Proof] = {}
        self._said: OrderedDict[tuple[str, str], _Said] = OrderedDict()

    def __iter__(self) -> Iterator[Proof]:
        return iter(list(self._open.values()))

    @contextmanager
    def await_(self, place: str, name: str, *, reflected: bool) -> Iterator[Proof]:
        """Watch for what becomes of the message ``name`` sent to ``place``."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        proof = self._open[(place, name)] = Proof(place, future, reflected, name)
        try:
            yield proof
        finally:
            if self._open.get((place, name)) is proof:
                del self._open[(place, name)]
            if future.done() and not future.cancelled():
                future.exception()
            future.cancel()

    def reflection(self, message: Element, native: str) -> None:
        """A room's copy of something that we said there."""
        self._prove(bare(message.get("from", "")), message, native)

    def archived(self, place: str, message: Element, native: str | None) -> None:
        """An archive's copy of something that we said to ``place``: it did arrive.

        Nobody may wait for it because the process that did is gone; its message, still in the
        ledger, is going to be sent again.
        """
        name = _names(message)[-1]
        if self._prove(place, message, native) or not name:
            return
        text = text_from_body(message.findtext(BODY) or "")
        self._said[(place, name)] = _Said(native or name, text)
        if len(self._said) > SAID:
            self._said.popitem(last=False)

    def said(self, place: str, name: str, event: Event) -> str | None:
        """The native id of a message, if an archive has shown that it was said already."""
        said = self._said.pop((place, name), None)
        if said is None or time.monotonic() - said.at > SAID_SECONDS:
            return None
        # The address of a file is another one each time that it is uploaded.
        if event.get("attachments") or said.text == text_from_body(body_from_event(event)):
            return said.native
        return None

    def _prove(self, place: str, message: Element, native: str | None) -> bool:
        for name in _names(message):
            proof = self._open.get((place, name))
            if proof is not None:
                proof.succeed(native or name)
                return True
        return False

    def error(self, message: Element) -> DeliveryError | None:
        """An error that answers a message of ours; it must come from where that one went."""
        place = bare(message.get("from", ""))
        proof = self._open.get((place, message.get("id", "")))
        if proof is None:
            return None
        outcome = outcome_from_error(message)
        proof.fail(outcome)
        return outcome

    def lose(self) -> None:
        """The session is gone: what was not confirmed may or may not have been said."""
        for proof in self:
            proof.lost = True

    def give_up(self, room: str | None) -> None:
        """The archive of a room, or ours (None), has told what arrived of what was lost."""
        for proof in self:
            if proof.lost and (proof.place if proof.reflected else None) == room:
                proof.fail(Uncertain("the session was lost before this was confirmed"))

    def abandon(self) -> None:
        """Nobody will tell any more."""
        for proof in self:
            proof.fail(Uncertain("the session was lost before this was confirmed"))


def _names(message: Element) -> list[str]:
    """The names that a message of ours bears; its origin-id last."""
    origin = message.find(ORIGIN_ID)
    names = (message.get("id"), origin.get("id") if origin is not None else None)
    return [name for name in names if name] or [""]
