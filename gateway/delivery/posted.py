"""What a conversation has written and does not wait for.

The next event is begun before the commit of the one in front of it: so many share one. Should the
ledger be away for one of these writes, none behind it is carried out; the conversation forgets
what it has in memory then, and begins anew from what the ledger has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.ledger.chain import Chain
from gateway.vocabulary.errors import LedgerAway

MOST = 64
"""Writes of one conversation that may be on their way to the disk; then it waits."""

Committed = asyncio.Future[Any]


class Posted:
    """The writes of one life of a conversation, in order."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.chain = Chain()
        self.count = 0
        """How many are on their way."""
        self._changed = changed
        self._last: Committed | None = None
        self._last_saying: Committed | None = None

    @property
    def lost(self) -> bool:
        """Whether the ledger was away for one of them."""
        return self.chain.broken

    @property
    def full(self) -> bool:
        """Whether no event may be begun until some of them are committed."""
        return self.count >= MOST

    def add(self, write: Committed | None, *, says: bool = False) -> None:
        """Count a write until it is committed; None is one that is committed."""
        if write is None:
            return
        self.count += 1
        self._last = write
        if says:
            self._last_saying = write
        write.add_done_callback(self._done)

    def _done(self, write: Committed) -> None:
        was_full = self.full
        self.count -= 1
        if write is self._last_saying:
            self._last_saying = None
        if was_full or self.lost:
            self._changed()

    @property
    def says(self) -> bool:
        """Whether what was said without waiting is on its way, or was lost."""
        return self._last_saying is not None or self.chain.broken

    async def said(self) -> None:
        """Wait until what was said without waiting is committed; raises ``LedgerAway``."""
        if self._last_saying is not None:
            await asyncio.wait({self._last_saying})
        if self.lost:
            raise LedgerAway("the ledger was away for what was said before")

    async def settled(self) -> None:
        """Wait until none is on its way; ``lost`` tells whether all are committed."""
        while self.count and self._last is not None:
            await asyncio.wait({self._last})
            await asyncio.sleep(0)  # for the callback that counts it
