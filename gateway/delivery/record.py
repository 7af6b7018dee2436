"""What a conversation asks of the ledger; the port between the two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from gateway.ledger.chain import Chain
from gateway.vocabulary.events import Event, Facts
from gateway.vocabulary.ids import room_name

if TYPE_CHECKING:
    from gateway.ledger.journal import Operation
from gateway.vocabulary.refs import OPENING as OPENING

INBOX = "inbox"
LOG = "log"
GROUP = "group"
HOOK = "hook"

KEPT = (INBOX, LOG)
"""Sources whose events are in a table, which has to know that they are handled."""


@dataclass(slots=True, eq=False)
class Item:
    """One event on its way into an application.

    ``source`` says who keeps it: the inbox (``number`` is the row), the log of the conversation's
    room (``number`` is the seq), or nobody (a group message, best effort; a hook of the
    application that is called without an event).
    """

    source: str
    number: int
    event: Event
    tries: int = 0
    waiting: bool = False
    until: float | None = None
    deaths: int = 0
    """How often a process may have died of it."""
    after: int = 0
    """The row of the inbox that goes before it, if another process may have recorded that."""

    @property
    def key(self) -> str:
        """The event's key."""
        return str(self.event["key"])


@dataclass(frozen=True, slots=True)
class Learned:
    """A step of a handler: the ``ordinal``-th thing that the handler of ``cause`` learned."""

    cause: str
    ordinal: int
    result: Any


@dataclass(slots=True)
class Done:
    """An event that was handled: how it changed the session, which questions it answered."""

    item: Item
    changes: dict[str, Any]
    steps: Sequence[Learned] = ()

    @property
    def worth_keeping(self) -> bool:
        """Whether the ledger has to know of it."""
        return self.item.source in KEPT or bool(self.changes or self.steps)


@dataclass(frozen=True, slots=True)
class Send:
    """A send that was not committed yet: what the ledger is to do, and who hears of its answer."""

    operation: Operation[Any] | None
    told: Callable[[Any], Any]


@dataclass(slots=True)
class Known:
    """What the ledger knows of a conversation when it wakes."""

    facts: Facts
    session: dict[str, Any] = field(default_factory=dict)
    stream: str = ""
    position: int = 0
    fresh: bool = False
    """Whether it has handled nothing yet; the first handled event brings a step of OPENING."""
    skipped: int = 0
    """Entries of the stream that came too long ago to be shown; ``position`` is after them."""
    missed: int = 0
    """How many of them were messages."""

    def show_from(self, position: int | None) -> int:
        """Show all that came after ``position``, however long ago; where it begins, then."""
        cursor = self.position - self.skipped
        if position is not None:
            self.position = max(cursor, position)
            self.skipped = self.position - cursor
            self.missed = min(self.missed, self.skipped)
        return self.position


def item_from_skipped(known: Known) -> Item:
    """The one event for all that came too long ago; handled, it moves the cursor past them."""
    room, position = room_name(known.stream), known.position
    event = {"type": "room.skipped", "key": f"{room}#{position}", "count": known.missed}
    return Item(LOG, position, event)


Written = asyncio.Future[Any] | None
"""Done when it is committed; None if it is already."""


class Record(Protocol):
    """The ledger, as a conversation sees it."""

    async def wake(self, conversation: str) -> Known:
        """Load what is known; raises ``LedgerAway``."""

    async def unhandled(self, conversation: str, skip: Iterable[str], limit: int) -> list[Item]:
        """The next arrivals in the inbox, in order."""

    async def unread(self, stream: str, after: int, limit: int) -> list[Item]:
        """The next entries of a log, in order."""

    def handled(
        self, conversation: str, done: Sequence[Done], sends: Sequence[Send], chain: Chain
    ) -> Written:
        """Events were handled, and these sends are said with their marks: one commit."""

    def learned(self, conversation: str, step: Learned) -> Awaitable[None]:
        """A handler learned something before it ended."""

    def waits(self, conversation: str, item: Item, chain: Chain) -> Written:
        """An event's handler waits for a person, until ``item.until``."""

    def tried(self, conversation: str, item: Item, chain: Chain) -> Written:
        """An event's handler raised; ``item.tries`` says how often."""

    def aside(self, conversation: str, item: Item, error: str, chain: Chain) -> Written:
        """An event is set aside."""

    async def prepared(
        self, conversation: str, cause: str | None, ordinal: int, event: Event
    ) -> Send:
        """A durable send that ``handled`` takes."""

    async def said(self, conversation: str, cause: str | None, ordinal: int, event: Event) -> None:
        """Take a durable send; returns once it is committed."""

    def passing(self, conversation: str, event: Event) -> None:
        """Take a best effort send."""
