"""Presses that nobody has answered yet: they are answered with nothing, so that nobody waits.

Telegram shows a running clock on a button until its press is answered, and takes no answer when
that is too late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from gateway.vocabulary.errors import GatewayError

logger = logging.getLogger(__name__)

SECONDS = 8.0
"""How long an application may take; clients give up after 10 to 15."""

MOST = 10_000
"""Presses that wait; of more the oldest are let go."""

AT_ONCE = 8


class Answers:
    """The presses of one account, oldest first."""

    def __init__(
        self, answer: Callable[[str], Awaitable[object]], seconds: float = SECONDS
    ) -> None:
        self._answer = answer
        self._seconds = seconds
        self._due: dict[str, float] = {}
        self._more = asyncio.Event()

    def opened(self, query: str) -> None:
        """Somebody pressed."""
        self._due.setdefault(query, monotonic() + self._seconds)
        if len(self._due) > MOST:
            del self._due[next(iter(self._due))]
        self._more.set()

    def answered(self, query: str) -> None:
        """Somebody answered."""
        self._due.pop(query, None)

    async def run(self) -> None:
        """Answer what is due, until cancelled."""
        while True:
            await self._more.wait()
            await asyncio.gather(*map(self._settle, self._overdue()))
            if self._due:
                first = next(iter(self._due.values()))
                await asyncio.sleep(max(0.0, first - monotonic()))
            else:
                self._more.clear()

    def _overdue(self) -> list[str]:
        now = monotonic()
        return [query for query, due in self._due.items() if due <= now][:AT_ONCE]

    async def _settle(self, query: str) -> None:
        self.answered(query)
        try:
            await self._answer(query)
        except GatewayError as error:  # a clock on a button is worth no more
            logger.debug("press %s not answered: %s", query, error)
