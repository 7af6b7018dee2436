"""A plain channel of the channel layer: messages that wait for whoever receives."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from channels.exceptions import ChannelFull

Message = dict[str, Any]


class Mailbox:
    """An ordered, bounded queue with any number of receivers.

    A receiver that is cancelled takes nothing with it.
    """

    __slots__ = ("_messages", "_receivers", "read_at")

    def __init__(self) -> None:
        self.read_at = time.monotonic()
        """When somebody last took something or waited for it."""
        self._messages: deque[tuple[float, Message]] = deque()
        self._receivers: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nobody does."""
        self._expire()
        return not self._messages and not self._receivers

    def put(self, message: Message, capacity: int, expiry: float = float("inf")) -> None:
        """Add a message, dropped if unread for ``expiry`` seconds; raises ``ChannelFull``."""
        self._expire()
        if len(self._messages) >= capacity:
            raise ChannelFull
        self._messages.append((time.monotonic() + expiry, message))
        self._wake()

    def _wake(self) -> None:
        while self._receivers:
            receiver = self._receivers.popleft()
            if not receiver.done():
                receiver.set_result(None)
                return

    def _expire(self) -> None:
        now = time.monotonic()
        while self._messages and self._messages[0][0] < now:
            self._messages.popleft()

    async def get(self) -> Message:
        """Take the next message, waiting for it."""
        while True:
            self._expire()
            self.read_at = time.monotonic()
            if self._messages:
                return self._messages.popleft()[1]
            receiver = asyncio.get_running_loop().create_future()
            self._receivers.append(receiver)
            try:
                await receiver
            except asyncio.CancelledError:
                self._leave(receiver)
                raise

    def _leave(self, receiver: asyncio.Future[None]) -> None:
        """A receiver is gone: the turn it may have been given passes on."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)
        elif self._messages:
            self._wake()
