"""Keeps the ledger from growing for ever: what is old and done with goes, in small batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.queries import Pruned
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import LedgerAway

logger = logging.getLogger(__name__)

HOUR = 3600.0
"""Seconds between two rounds."""

BATCH = 200
"""Rows looked at in one operation at most."""

AT_ONCE = 0.01
"""Seconds that an operation may keep others waiting: it looks at as many rows as that allows."""

PAUSE = 0.05
"""Seconds between two operations, in which others write."""

KEEP = 1_000
"""Entries of a log that stay however old they are."""


class Retention:
    """Takes away what is older than ``days``; ``files`` does so with what is in no table."""

    def __init__(
        self, journal: Journal, days: float, files: Callable[[float], Awaitable[int]]
    ) -> None:
        self.days = days
        self._files = files
        self._journal = journal

    async def keep_pruning(self) -> None:
        """Prune every hour, for ever."""
        while True:
            try:
                await self.prune(time.time())
                await self._files(time.time())
            except LedgerAway as error:
                logger.warning("nothing can be pruned: %s", error)
            except OSError as error:
                logger.warning("old files cannot be removed: %s", error)
            await asyncio.sleep(HOUR)

    async def prune(self, now: float) -> int:
        """Take away all that is old at ``now``; how many rows."""
        before = now - self.days * 86_400
        tables: list[Callable[..., Pruned]] = [
            queries.prune_inbox,
            queries.prune_outbox,
            partial(queries.prune_entries, keep=KEEP),
            queries.prune_copies,
            queries.prune_dead,
        ]
        return sum([await self._prune(partial(table, before=before)) for table in tables])

    async def _prune(self, table: Callable[..., Pruned]) -> int:
        total, after, limit = 0, 0, BATCH // 10
        while True:
            look = partial(_timed, partial(table, limit=limit, after=after))
            (count, last), seconds = await self._journal.write(look)
            total += count
            if last is None:
                return total
            after, limit = last, next_limit(limit, seconds)
            await asyncio.sleep(PAUSE)


def _timed(look: Callable[[Rows], Pruned], rows: Rows) -> tuple[Pruned, float]:
    """Do it, and say how long it took."""
    began = time.perf_counter()
    pruned = look(rows)
    rows.flush()
    return pruned, time.perf_counter() - began


def next_limit(limit: int, seconds: float) -> int:
    """How many rows to look at next, after so many took so long."""
    fitting = limit * AT_ONCE / max(seconds, 1e-6)
    return max(1, min(BATCH, 2 * limit, int(fitting)))
