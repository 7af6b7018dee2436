"""What a client has said and its application has not yet taken."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

OVERHEAD = 512
"""Bytes that an event costs beside its payload, about."""


class Tap(Protocol):
    """What an inbox can hold up."""

    def stop_reading(self) -> None:
        """Read no more from the client."""

    def start_reading(self) -> None:
        """Read on."""


class Inbox(asyncio.Queue[dict[str, Any]]):
    """The queue behind an application's ``receive``; a full one stops reading from the socket.

    ``limit`` is in bytes. It is a soft one: what was already read is still taken in.
    """

    def __init__(self, tap: Tap | None, limit: int) -> None:
        super().__init__()
        self.tap = tap
        self.limit = limit
        self.waiting = 0
        self.stopped = False
        """Whether nothing is read from the client for now."""
        self.told = False
        """Whether the application knows that its client is gone."""

    def put_nowait(self, event: dict[str, Any]) -> None:
        """Take an event in."""
        super().put_nowait(event)
        self.waiting += _size(event)
        if self.waiting > self.limit and not self.stopped and self.tap is not None:
            self.stopped = True
            self.tap.stop_reading()

    async def get(self) -> dict[str, Any]:
        """ASGI's ``receive``."""
        event = await super().get()
        self.waiting -= _size(event)
        if self.stopped and self.waiting <= self.limit // 2 and self.tap is not None:
            self.stopped = False
            self.tap.start_reading()
        if event["type"].endswith(".disconnect"):
            self.told = True
        return event


def _size(event: dict[str, Any]) -> int:
    return OVERHEAD + len(event.get("text") or event.get("bytes") or event.get("body") or "")
