"""Messages of ours whose fate is not known yet, by their id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import DeliveryError, NotSent, Uncertain
from protocols.xmpp.translate import ORIGIN_ID, bare, outcome_from_error


@dataclass(slots=True)
class Proof:
    """What is awaited of one message: its native id, or what became of it."""

    place: str
    """The bare JID that it was sent to."""
    future: asyncio.Future[str]
    reflected: bool
    """Whether only the room's own copy of it counts, not that our server took it."""
    name: str

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
            self.fail(Uncertain("the connection was lost before the server confirmed it"))
        elif not handled:
            self.fail(NotSent("the connection was lost before the server had it"))
        elif not self.reflected:
            self.succeed(self.name)


class Proofs:
    """Who waits for which message."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Proof] = {}

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
        place = bare(message.get("from", ""))
        origin = message.find(ORIGIN_ID)
        for name in (message.get("id"), origin.get("id") if origin is not None else None):
            proof = self._open.get((place, name or ""))
            if proof is not None:
                return proof.succeed(native)
        return None

    def error(self, message: Element) -> DeliveryError | None:
        """An error that answers a message of ours; it must come from where that one went."""
        place = bare(message.get("from", ""))
        proof = self._open.get((place, message.get("id", "")))
        if proof is None:
            return None
        outcome = outcome_from_error(message)
        proof.fail(outcome)
        return outcome

    def abandon(self) -> None:
        """The session is gone: what a room has not reflected may or may not have been said."""
        for proof in self:
            proof.fail(Uncertain("the session was lost before the room confirmed it"))
