"""The way out to one conversation: what is next, in memory; the rest in its table."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from gateway.ledger.queries import Outgoing
from gateway.vocabulary.events import Event

DEPTH = 16
"""Rows of one conversation that are in memory."""

BROADCASTER = "gateway:broadcast"
"""The author of what is said to many at once: it goes out when nobody waits for an answer."""


class Line:
    """The oldest rows of one conversation, in order; one task works them off."""

    def __init__(self, conversation: str, *, answers: bool) -> None:
        self.conversation = conversation
        self.rows: deque[Outgoing] = deque()
        """What is in memory; the first of them may be on the wire."""
        self.more = False
        """Whether the table may hold rows behind those in memory."""
        self.answers = answers
        """Whether an answer may be among those in the table."""
        self.sending = False
        self.task: asyncio.Task[None]
        self._after: set[asyncio.Future[Any]] = set()

    def offer(self, row: Outgoing) -> None:
        """Take a row that was just committed; what does not fit is fetched later."""
        if row.id in [known.id for known in self.rows]:
            return
        if self.more or len(self.rows) >= DEPTH:
            self.more = True
            self.answers = self.answers or not is_broadcast(row.event)
        else:
            self.rows.append(row)

    @property
    def yields(self) -> bool:
        """Whether nobody waits for an answer here; an answer behind a broadcast hurries it on."""
        return not self.answers and all(is_broadcast(row.event) for row in self.rows)

    async def fill(self, page: Callable[[], Awaitable[list[Outgoing]]]) -> bool:
        """Fetch what is next if nothing is in memory; whether there is something."""
        while True:
            while pending := {other for other in self._after if not other.done()}:
                await asyncio.wait(pending)
            self._after.clear()
            if self.rows or not self.more:
                return bool(self.rows)
            self.more = False
            try:
                rows = await page()
            except BaseException:
                self.more = True
                raise
            if not self._after:  # else the rows have another name by now
                self._take(rows)

    def _take(self, rows: list[Outgoing]) -> None:
        late, self.rows = self.rows, deque(rows)
        # What was offered meanwhile may be among what was read, or behind it.
        self.more = self.more or bool(late) or len(rows) >= DEPTH
        answers = self.answers or not all(is_broadcast(row.event) for row in late)
        self.answers = self.more and answers

    def give_back(self) -> None:
        """Keep in memory only what is on the wire."""
        while len(self.rows) > self.sending:
            self.rows.pop()

    def end(self) -> None:
        """Come to an end behind what is on the wire; the table keeps the rest."""
        self.give_back()
        self.more = False

    def look_first(self) -> None:
        """Go on with what the table holds."""
        self.give_back()
        self.more = self.answers = True

    def wait_for(self, others: Iterable[asyncio.Future[Any]]) -> None:
        """Go on after these are done, with what the table holds then."""
        self.look_first()
        self._after.update(others)


def is_broadcast(event: Event) -> bool:
    """Whether an event was said to many at once."""
    author: Mapping[str, Any] = event.get("author") or {}
    return author.get("id") == BROADCASTER
