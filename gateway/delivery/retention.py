"""Keeps the ledger from growing for ever: what is old and done with goes, in small batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import LedgerAway

logger = logging.getLogger(__name__)

HOUR = 3600.0
"""Seconds between two rounds."""

BATCH = 200
"""Rows taken away in one operation: a few milliseconds of the writer's time."""

PAUSE = 0.05
"""Seconds between two operations, in which others write."""

KEEP = 1_000
"""Entries of a log that stay however old they are."""


class Retention:
    """Takes away what is older than ``days``."""

    def __init__(self, journal: Journal, days: float) -> None:
        self.days = days
        self._journal = journal

    async def keep_pruning(self) -> None:
        """Prune every hour, for ever."""
        while True:
            try:
                await self.prune(time.time())
            except LedgerAway as error:
                logger.warning("nothing can be pruned: %s", error)
            await asyncio.sleep(HOUR)

    async def prune(self, now: float) -> int:
        """Take away all that is old at ``now``; how many rows."""
        before = now - self.days * 86_400
        kinds: list[Callable[[Rows], int]] = [
            partial(queries.prune_inbox, before=before, limit=BATCH),
            partial(queries.prune_outbox, before=before, limit=BATCH),
            partial(queries.prune_entries, before=before, limit=BATCH, keep=KEEP),
            partial(queries.prune_dead, before=before, limit=BATCH),
        ]
        return sum([await self._all(kind) for kind in kinds])

    async def _all(self, kind: Callable[[Rows], int]) -> int:
        total = 0
        while (count := await self._journal.write(kind)) > 0:
            total += count
            await asyncio.sleep(PAUSE)
        return total
