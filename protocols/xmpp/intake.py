"""The way from the stream to the ledger: one bounded queue and one writer, in stanza order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.delivery.server import Arrival, Port
from gateway.vocabulary.errors import LedgerAway
from protocols.xmpp.acknowledgement import Settle

logger = logging.getLogger(__name__)

CAPACITY = 1000
"""Arrivals waiting at most; then the connection is not read until half of them are safe."""
BATCH = 256
"""Arrivals offered to the ledger at once."""
RETRY_SECONDS = (0.1, 5.0)
"""The first and the longest pause while the ledger is away."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stanza that could not be understood, to be kept for people to look at."""

    delivery: str | None
    raw: str
    error: str


@dataclass(frozen=True, slots=True)
class Release:
    """The turn of those arrivals has come that wait behind a name, before all that is put now.

    ``settled`` are deliveries that nobody is to be given any more.
    """

    name: str
    settled: frozenset[str]


Put = Arrival | Unreadable | Release


@dataclass(frozen=True, slots=True)
class _Waiting:
    item: Put
    settle: Settle


class Intake:
    """Commits arrivals in their order, and says of each when it is safe.

    While held nothing is written: a session is being resumed, and what is still waiting may be
    sent again by the server.
    """

    def __init__(self, port: Port, listener: Callable[[], None]) -> None:
        self._port = port
        self._listener = listener
        self._waiting: deque[_Waiting] = deque()
        self._more = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.ledger_away = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no more should be read from the network."""
        return len(self._waiting) >= CAPACITY

    @property
    def drained(self) -> bool:
        """Whether reading may go on."""
        return len(self._waiting) <= CAPACITY // 2

    def put(self, item: Put, settle: Settle) -> None:
        """Queue an arrival, or a release; ``settle`` is called when it is committed."""
        self._waiting.append(_Waiting(item, settle))
        self._empty.clear()
        self._more.set()

    async def hold(self) -> None:
        """Stop writing; returns when what is being written has been."""
        self._open.clear()
        await self._idle.wait()

    def release(self, *, forget: bool) -> None:
        """Go on writing; ``forget`` what waits if the server is going to send it again."""
        if forget:
            ours = [waiting for waiting in self._waiting if isinstance(waiting.item, Release)]
            self._waiting = deque(ours)
            if not ours:
                self._empty.set()
        self._open.set()

    async def drain(self, seconds: float) -> None:
        """Wait for what is queued to be safe, but not for long."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            logger.warning("stanzas left unacknowledged count=%s", len(self._waiting))

    async def run(self) -> None:
        """Write until cancelled."""
        pause = RETRY_SECONDS[0]
        while True:
            await self._more.wait()
            await self._open.wait()
            if not self._waiting:
                self._more.clear()
                continue
            if await self._write():
                pause = RETRY_SECONDS[0]
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_SECONDS[1])

    async def _write(self) -> bool:
        """Write what waits; False if the ledger is away."""
        self._idle.clear()
        try:
            count = await self._commit()
        except LedgerAway as error:
            self._away(error)
            return False
        finally:
            self._idle.set()
        self.ledger_away = False
        for _ in range(count):
            self._waiting.popleft().settle()
        if not self._waiting:
            self._empty.set()
        self._listener()
        return True

    def _away(self, error: LedgerAway) -> None:
        if not self.ledger_away:
            logger.warning("nothing is acknowledged: %s", error)
        self.ledger_away = True
        self._listener()

    async def _commit(self) -> int:
        """Commit the leading arrivals, or what else leads; how many are done with."""
        first = self._waiting[0].item
        if isinstance(first, Release):
            return 0 if await self._port.release(first.name, first.settled) else 1
        if isinstance(first, Unreadable):
            await self._port.set_aside(first.delivery, first.raw, first.error)
            return 1
        batch: list[Arrival] = []
        for waiting in self._waiting:
            if not isinstance(waiting.item, Arrival) or len(batch) == BATCH:
                break
            batch.append(waiting.item)
        await self._port.accept(batch)
        return len(batch)
