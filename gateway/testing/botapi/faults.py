"""What can go wrong, on request: ``api.faults.reset("sendMessage", after=True)``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

HTML = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body></body>\r\n</html>\r\n"


@dataclass(slots=True)
class Fault:
    """One rule: what happens to which requests, and how often."""

    kind: Literal["answer", "flood", "reset", "silence"]
    method: str | None = None
    """The method it happens to; None for any, ``"file"`` for downloads."""
    chat: int | None = None
    times: int | None = 1
    """How often it happens; None for ever."""
    every: int = 1
    """Only to each so-manieth request."""
    status: int = 502
    body: str = HTML
    seconds: int = 1
    after: bool = False
    """Whether the request takes effect all the same."""
    hits: int = 0
    seen: int = 0

    def stop(self) -> None:
        """Let it happen no more."""
        self.times = 0

    def strikes(self, method: str, chat: object) -> bool:
        """Whether it happens to this request; counts."""
        if self.times == 0 or (self.method or method).lower() != method.lower():
            return False
        if self.chat is not None and str(self.chat) != str(chat):
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.hits += 1
        if self.times is not None:
            self.times -= 1
        return True


class Door(Protocol):
    """The server's side of an outage."""

    async def open(self) -> None:
        """Listen."""

    async def close(self) -> None:
        """Refuse new connections and reset those that are there."""


class Faults:
    """Rules are asked in their order; the first that strikes is what happens."""

    def __init__(self, door: Door) -> None:
        self.rules: list[Fault] = []
        self._door = door

    def flood(
        self,
        method: str | None = "sendMessage",
        *,
        seconds: int = 1,
        chat: int | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Answer 429 with ``retry_after``."""
        return self._add(Fault("flood", method, chat, times, seconds=seconds))

    def answer(
        self,
        method: str | None,
        status: int = 502,
        body: str = HTML,
        *,
        times: int | None = 1,
        every: int = 1,
    ) -> Fault:
        """Answer with any status and body, as a proxy in between does; nothing takes effect."""
        return self._add(Fault("answer", method, None, times, every, status, body))

    def reset(
        self,
        method: str | None,
        *,
        after: bool = False,
        times: int | None = 1,
        every: int = 1,
        chat: int | None = None,
    ) -> Fault:
        """Reset the connection, before or ``after`` the request took effect."""
        return self._add(Fault("reset", method, chat, times, every, after=after))

    def silence(self, method: str | None, *, after: bool = False, times: int | None = 1) -> Fault:
        """Take the request and never answer."""
        return self._add(Fault("silence", method, None, times, after=after))

    @asynccontextmanager
    async def outage(self, seconds: float | None = None) -> AsyncIterator[None]:
        """Be gone: connections are reset and refused until the block ends, and ``seconds`` long."""
        await self._door.close()
        try:
            yield
            if seconds is not None:
                await asyncio.sleep(seconds)
        finally:
            await self._door.open()

    def clear(self) -> None:
        """Forget all rules."""
        self.rules.clear()

    def strike(self, method: str, chat: object) -> Fault | None:
        """The fault that happens to a request, if any."""
        return next((rule for rule in self.rules if rule.strikes(method, chat)), None)

    def _add(self, fault: Fault) -> Fault:
        self.rules.append(fault)
        return fault
