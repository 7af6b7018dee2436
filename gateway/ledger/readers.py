"""The threads that read the ledger, each over a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.db import Error, connections

from gateway.ledger.faults import in_one_line, is_away
from gateway.ledger.rows import Later, Rows, known
from gateway.vocabulary.errors import LedgerAway

T = TypeVar("T")

THREADS = 4
"""Reads at once; others wait. Not in the loop's own threads, of which address look-ups can hold
all for as long as a name server does not answer."""


class Readers:
    """Carries out operations that only read."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ledger-reads")
        self._opened: set[Any] = set()
        """Django's connections, one of each thread that has read."""
        self._closed = False

    async def read(self, operation: Callable[[Rows], T | Later[T]]) -> T:
        """What an operation finds; raises ``LedgerAway``."""
        if self._closed:
            raise LedgerAway("the ledger is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self._read, operation))

    async def close(self) -> None:
        """Let those that read finish; nobody reads any more."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._opened:
            if connection.connection is not None:  # its thread is gone, who alone may ask Django
                connection.connection.close()

    def _read(self, operation: Callable[[Rows], T | Later[T]]) -> T:
        connection = connections[self._using]
        self._opened.add(connection)
        # One that was idle may have ended since it was used; a new one tells.
        may_have_ended = connection.connection is not None
        try:
            return _found(operation, connection)
        except LedgerAway:
            if not may_have_ended:
                raise
            return _found(operation, connection)


def _found(operation: Callable[[Rows], T | Later[T]], connection: Any) -> T:
    try:
        return known(operation(Rows(connection)))
    except Error as error:
        connection.close()  # whatever the error: it may have ended, and only a new one is sure
        if not is_away(error):
            raise
        raise LedgerAway(f"the ledger cannot be read: {in_one_line(error)}") from error
