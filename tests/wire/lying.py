"""A web server that says what a test lets it say, and counts who asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from loopback import Loopback

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Liar(Loopback):
    """Answers each request by its path; a path that it does not know is never answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.once_asked = asyncio.Event()
        self.heads: list[bytes] = []

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Where a path is."""
        return f"http://{host}:{self.port}{path}"

    def says(self, path: str, head: str, body: bytes = b"") -> str:
        """Let a path answer with these lines and this body, and close; its URL."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            lines = head.strip().replace("\n", "\r\n")
            writer.write(f"HTTP/1.1 {lines}\r\n\r\n".encode() + body)

        self.answers[path] = answer
        return self.url(path)

    def gives(self, path: str, body: bytes) -> str:
        """Let a path answer well; its URL."""
        return self.says(path, f"200 OK\nContent-Length: {len(body)}", body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode()
        self.heads.append(head)
        self.asked.append(path)
        self.once_asked.set()
        if answer := self.answers.get(path):
            await answer(writer)
            await writer.drain()
        else:
            await reader.read()
