"""Messages that may be why the server ended the stream: they are said alone, and not for ever."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

REMEMBERED = 1000
"""Messages under suspicion."""
TWICE = 2
"""So often may the stream end over a message; nobody else was speaking the second time."""


class Suspects:
    """Lets everybody speak side by side, but for those that were there when the stream ended."""

    def __init__(self) -> None:
        self._blamed: OrderedDict[str, int] = OrderedDict()
        self._alone = asyncio.Lock()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._speaking = 0

    def blame(self, name: str) -> None:
        """The server ended the stream, with an error, before it had this message."""
        self._blamed[name] = self._blamed.get(name, 0) + 1
        if len(self._blamed) > REMEMBERED:
            self._blamed.popitem(last=False)

    def acquit(self, name: str) -> None:
        """It arrived."""
        self._blamed.pop(name, None)

    def guilty(self, name: str) -> bool:
        """Whether it is the message that the server does not bear."""
        return self._blamed.get(name, 0) >= TWICE

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn to speak."""
        if name in self._blamed:
            async with self._alone:
                await self._quiet.wait()
                yield
            return
        async with self._alone:  # nobody speaks beside a suspect
            self._speaking += 1
            self._quiet.clear()
        try:
            yield
        finally:
            self._speaking -= 1
            if not self._speaking:
                self._quiet.set()
