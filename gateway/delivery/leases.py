"""Which accounts are at home in this process.

A lease is a row with a holder and an end. The holder renews it; whoever finds it ended, or its
holder dead on this machine, takes it. Whether one is at home is a local fact, never a query: a
lease counts as held until two thirds of its time have passed without a renewal. Clocks may be set
and may differ: whoever has seen a lease before goes by how long nobody has renewed it since.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import LedgerAway

logger = logging.getLogger(__name__)

SECONDS = 3.6
"""How long a lease lasts without renewal."""

PATIENCE = 0.9
"""How much of that time others have to see pass; not all, or a third look may be a bit early."""

BOOT, PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
"""What Linux calls this run of the machine, and the processes that can be seen by their numbers."""


class Leases:
    """The leases this process wants, and those it holds."""

    def __init__(self, journal: Journal, seconds: float = SECONDS) -> None:
        self.holder = uuid4().hex[:12]
        self.seconds = seconds
        self.gained: Callable[[str], None] = lambda _: None
        self.lost: Callable[[str], None] = lambda _: None
        self.elsewhere: dict[str, str] = {}
        """Who holds what we want, in words."""
        self._journal = journal
        self._host = _here()
        self._wanted: set[str] = set()
        self._held: dict[str, float] = {}
        self._seen: dict[str, tuple[str, float, float]] = {}
        """Of leases of others: the holder, the end, and when they were first seen so."""
        self._renewed_at = time.monotonic()

    def holds(self, name: str) -> bool:
        """Whether an account is at home here."""
        until = self._held.get(name)
        return until is not None and time.monotonic() < until

    async def want(self, names: set[str]) -> None:
        """Try for these accounts, now and from now on."""
        self._wanted |= names
        await self.renew()

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            await asyncio.sleep(self._renewed_at + self.seconds / 3 - time.monotonic())
            try:
                await self.renew()
            except LedgerAway as error:
                if not self._journal.away:  # else it has been said
                    logger.warning("leases cannot be renewed: %s", error)
            self._notice_losses()

    async def renew(self) -> None:
        """Renew what is held and take what is free."""
        self._notice_losses()
        self._renewed_at = asked_at = time.monotonic()
        names = sorted(self._wanted)
        for name in await self._journal.write(partial(self._take_what_is_free, names=names)):
            gained = not self.holds(name)
            self._held[name] = asked_at + self.seconds * 2 / 3
            if gained:
                self.elsewhere.pop(name, None)
                self.gained(name)

    def _take_what_is_free(self, rows: Rows, names: Sequence[str]) -> list[str]:
        return [name for name in names if self._take(rows, name)]

    def _take(self, rows: Rows, name: str) -> bool:
        row = queries.lease(rows, name)
        former = None if row is None else row[0]
        if row is not None and former != self.holder and not self._ended(name, *row):
            self.elsewhere[name] = f"process {row[2]} on {row[1].partition(' ')[0]}"
            return False
        if former not in (None, self.holder):  # it did not give the lease back
            queries.suspect(rows, name)
        if former != self.holder and (parked := queries.park(rows, name)):
            logger.warning("account=%s sends of unknown fate, set aside: %d", name, parked)
        until = time.time() + self.seconds
        return queries.take_lease(rows, name, self.holder, self._host, os.getpid(), until, former)

    def _ended(self, name: str, holder: str, host: str, pid: int, until: float) -> bool:
        if host == self._host and not _alive(pid):
            return True
        if name not in self._seen and until < time.time():
            return True
        now = time.monotonic()
        if self._seen.get(name, ())[:2] != (holder, until):
            self._seen[name] = (holder, until, now)
        return now - self._seen[name][2] > self.seconds * PATIENCE

    def _notice_losses(self) -> None:
        for name in [name for name in self._held if not self.holds(name)]:
            del self._held[name]
            logger.warning("account=%s is no longer at home here", name)
            self.lost(name)

    async def drop(self) -> None:
        """Give everything back, also what was taken or lost without our knowing."""
        names, self._wanted = sorted(self._wanted), set()
        self._held.clear()
        for name in names:
            await self._journal.write(partial(self._drop, name=name))

    def _drop(self, rows: Rows, name: str) -> None:
        if queries.holds_lease(rows, name, self.holder).value():
            queries.clear_suspicion(rows, name)
        queries.drop_lease(rows, name, self.holder)


def _here() -> str:
    """The machine's name, and what tells it from another of that name, and from a container."""
    try:
        return f"{socket.gethostname()} {BOOT.read_text().strip()} {PROCESSES.readlink()}"
    except OSError:  # not Linux
        return socket.gethostname()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
