"""A line to PostgreSQL that breaks where a test wants it to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from loopback import Loopback


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the line breaks: as a client sends something, or only as its answer comes back."""

    word: bytes
    arrives: bool


ANSWER = Cut(b"COMMIT", arrives=True)
"""The commit takes effect, and nobody hears of it."""

COMMIT = Cut(b"COMMIT", arrives=False)
"""The commit does not arrive."""


class Line(Loopback):
    """Passes everything on to a port, but for the cuts that are to come, in their order."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target = port
        self._to_come: list[Cut] = []
        self._every = 0
        self._commits = 0
        self.cuts = 0

    @property
    def url(self) -> str:
        """What the database is called over this line."""
        return f"postgres://gateway@127.0.0.1:{self.port}/postgres"

    def cut(self, *cuts: Cut) -> None:
        """Break at the next that fits the first of these, then the second."""
        self._to_come += cuts

    def lose_answers(self, every: int) -> None:
        """Lose the answer to each so many'th commit, from now on; 0 to stop."""
        self._every, self._commits = every, 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        ends = {writer, to_server}
        self._open |= ends
        broken: list[Cut] = []

        def sent(data: bytes) -> bool:
            if cut := self._next(data):
                broken.append(cut)
            return not broken or broken[0].arrives

        there = asyncio.create_task(_pass_on(reader, to_server, sent))
        back = asyncio.create_task(_pass_on(from_server, writer, lambda _: not broken))
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.transport.abort()
        await asyncio.wait({there, back})
        self._open -= ends

    def _next(self, data: bytes) -> Cut | None:
        cut = None
        if self._to_come and self._to_come[0].word in data:
            cut = self._to_come.pop(0)
        elif self._every and ANSWER.word in data:
            self._commits += 1
            cut = ANSWER if self._commits % self._every == 0 else None
        self.cuts += cut is not None
        return cut


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may: Callable[[bytes], bool]
) -> None:
    with contextlib.suppress(ConnectionError):
        while (data := await reader.read(1 << 20)) and may(data):
            writer.write(data)
            await writer.drain()
