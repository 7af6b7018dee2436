"""The way out of one socket of the web platform."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from protocols.websocket.translate import payload_from_wire

Send = Callable[[dict[str, Any]], Awaitable[None]]

WAITING = 256
"""Frames that may wait for a slow reader on a server that is not ours."""


class Outlet(Protocol):
    """Where the frames of one socket go; each is whole and framed, and goes to many outlets."""

    def put(self, wire: bytes) -> None:
        """Write a frame now or soon, in order; never waits and never fails."""

    def drained(self) -> Awaitable[None]:
        """Wait until the client has taken most of what was put; what is long comes in pieces."""

    def close(self) -> None:
        """Let go of everything."""


class WireOutlet:
    """On our own server: framed bytes go to the socket as they are."""

    __slots__ = ("drained", "put")

    def __init__(self, extension: dict[str, Any]) -> None:
        self.put: Callable[[bytes], None] = extension["put"]
        self.drained: Callable[[], Awaitable[None]] = extension["drained"]

    def close(self) -> None:
        """Nothing is held."""


class PlainOutlet:
    """On any other ASGI server: an event for each frame, sent by a task of its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._cut = False

    def put(self, wire: bytes) -> None:
        """See ``Outlet.put``; a reader that is too slow is cut."""
        if self._cut or self._task.done():
            return
        try:
            self._waiting.put_nowait(wire)
        except asyncio.QueueFull:
            self._cut = True

    async def drained(self) -> None:
        """See ``Outlet.drained``."""
        drained = asyncio.ensure_future(self._waiting.join())
        await asyncio.wait({drained, self._task}, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()

    def close(self) -> None:
        """See ``Outlet.close``."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while not self._cut:
                payload = payload_from_wire(await self._waiting.get())
                await self._send({"type": "websocket.send", "text": payload.decode()})
                self._waiting.task_done()
            await self._send({"type": "websocket.close", "code": 1013, "reason": "too slow"})
        except OSError:
            return
