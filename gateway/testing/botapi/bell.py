"""Waiting for something to become true, instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds that a test waits for what a bot does, if it does not say otherwise."""


class Bell:
    """Rung when something changed; those who wait look again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Wait until ``condition`` holds; raises ``TimeoutError`` after ``seconds``, if given."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._next()

    async def _next(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
