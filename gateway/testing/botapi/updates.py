"""The updates of one bot: getUpdates, where the offset of a request confirms those before it.

Read in tdlib/telegram-bot-api: only a *waiting* poll is ended by a second one, where updates are
queued both get them; an update of a type that was not asked for is dropped when it happens; a
request with the offset of the one before, within three seconds, waits at least three, and
within half a second gets one update.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Any

from gateway.testing.botapi.bell import Bell
from gateway.testing.botapi.errors import conflict

LONGEST_POLL = 50
MOST_UPDATES = 100

ON_REQUEST_ONLY = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Types that come only if they are asked for by name."""

TERMINATED = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)


@dataclass(frozen=True, slots=True)
class Timing:
    """The server's own pauses, in seconds; the real ones, but for the webhook's, which are short.

    The real server waits 2 s before it tries a webhook for the third time, and then doubles that
    up to a minute or two.
    """

    gather: float = 0.001
    """Between the first update and the answer of a waiting poll."""
    repeat: float = 3
    """How long a repeated offset counts as repeated, and waits."""
    hurry: float = 0.5
    """How long a repeated offset gets one update only."""
    conflict: float = 3
    """A 409 within so long of the last one is held back for as long."""
    press: float = 60
    """How long a press of a button can be answered."""
    webhook_first: float = 0.02
    webhook_last: float = 0.5
    webhook_answer: float = 10


class Updates:
    """The queue of one bot."""

    def __init__(self, first: int, timing: Timing) -> None:
        self.waiting: dict[int, dict[str, Any]] = {}
        self.allowed: frozenset[str] | None = None
        self.bell = Bell()
        self.confirmed = 0
        self._next = first
        self.timing = timing
        self._poll: asyncio.Future[None] | None = None
        self._offset = -1
        self._asked_at = 0.0
        self._conflict_at = float("-inf")

    def allow(self, kinds: Iterable[str] | None) -> None:
        """Set allowed_updates; an empty list asks for the default, None for no change."""
        if kinds is not None:
            self.allowed = frozenset(kinds) or None

    def add(self, kind: str, payload: Any) -> int | None:
        """Queue an update and return its id, or None if nobody asked for its kind."""
        wanted = kind not in ON_REQUEST_ONLY if self.allowed is None else kind in self.allowed
        if not wanted:
            return None
        number, self._next = self._next, self._next + 1
        self.waiting[number] = {"update_id": number, kind: payload}
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        self.bell.ring()
        return number

    def confirm(self, offset: int) -> None:
        """Forget all before ``offset``; a negative one counts from the end."""
        if offset < 0:
            offset = next(islice(reversed(self.waiting), -offset - 1, None), 0)
        for number in list(self.waiting):
            if number >= offset:
                break
            self.settle(number)

    def settle(self, number: int) -> None:
        """Forget one."""
        if self.waiting.pop(number, None) is not None:
            self.confirmed += 1
            self.bell.ring()

    def drop(self) -> None:
        """Forget all (drop_pending_updates)."""
        self.waiting.clear()
        self.bell.ring()

    async def poll(self, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        """Carry out getUpdates; raises a 409 if another poll ends this one."""
        limit, seconds = self._hold_back(offset, limit, min(max(seconds, 0), LONGEST_POLL))
        self.confirm(offset)
        if not self.waiting and seconds:
            await self._wait(seconds)
        return list(islice(self.waiting.values(), limit))

    def _hold_back(self, offset: int, limit: int, seconds: float) -> tuple[int, float]:
        limit = limit if 0 < limit <= MOST_UPDATES else MOST_UPDATES
        now = monotonic()
        ago, repeated = now - self._asked_at, offset == self._offset
        self._offset, self._asked_at = offset, now
        if repeated and ago < self.timing.repeat:
            seconds = max(seconds, self.timing.repeat)
        if repeated and ago < self.timing.hurry:
            limit = 1
        return limit, seconds

    async def _wait(self, seconds: float) -> None:
        self._end_waiting_poll()
        poll = self._poll = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await poll
        except TimeoutError:
            return
        except ConnectionAbortedError:
            await self.refuse(TERMINATED)
        finally:
            if self._poll is poll:
                self._poll = None
        await asyncio.sleep(self.timing.gather)

    def _end_waiting_poll(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(ConnectionAbortedError())

    async def refuse(self, what: str) -> None:
        """Raise a 409, at once or, after another one, later."""
        now = monotonic()
        if now < self._conflict_at + self.timing.conflict:
            await asyncio.sleep(self.timing.conflict)
        else:
            self._conflict_at = now
        raise conflict(what)
