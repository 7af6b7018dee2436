"""The ledger's one writer: many small operations, few commits.

An operation is a function of ``Rows``. ``write`` queues it and returns a future that is done when
the operation is on disk. A thread takes all that waits, runs it in the order it came, in one
transaction, and commits once; while it commits, the next batch gathers by itself.

An operation may run more than once, because a batch that fails is repeated: it must depend on
nothing but the database and its arguments. One that was committed is not repeated when only the
answer was lost: ``receipts``. A batch that fails on its data is halved until the
operation that does it stands alone; its future raises, and nobody else's waits for it. A database
that is locked or away fails nothing: the batch waits, ``away`` says why, and after ``patience``
seconds the futures raise ``LedgerAway``. Operations of one ``Chain`` stay in line even then: behind
one that was not carried out none is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, overload

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    connections,
)

from gateway.ledger import queries
from gateway.ledger.chain import Chain
from gateway.ledger.faults import in_one_line, is_away
from gateway.ledger.prepared import NotPrepared, Prepared
from gateway.ledger.readers import Readers
from gateway.ledger.receipts import Receipts
from gateway.ledger.rows import Later, Rows, known
from gateway.vocabulary.errors import LedgerAway

logger = logging.getLogger(__name__)

T = TypeVar("T")
Result = TypeVar("Result")
Operation = Callable[[Rows], T | Later[T]]
Instead = Callable[[Exception, Rows], Any]
"""What is done in the place of an operation that failed on its data."""
Then = Callable[[Any], Any]
"""What follows from the commit of an operation, given its result; the caller gets its own."""

BATCH = 512
"""Operations in one commit at most."""

QUEUE = 100_000
"""Operations that may wait; past this the ledger counts as away."""

PATIENCE = 5.0
"""Seconds that an operation waits for a database that is away."""

RETRY = 0.1
"""Seconds between two tries to reach it."""


class Pending(Generic[T]):
    """An operation and the future that its caller holds."""

    __slots__ = ("chain", "deadline", "error", "future", "instead", "operation", "result", "then")

    def __init__(
        self,
        operation: Operation[T],
        future: asyncio.Future[T],
        deadline: float,
        chain: Chain | None = None,
        instead: Instead | None = None,
        then: Then | None = None,
    ) -> None:
        self.operation = operation
        self.future = future
        self.deadline = deadline
        self.chain = chain
        self.instead = instead
        self.then = then
        self.result: T | None = None
        self.error: BaseException | None = None

    def fail(self, away: LedgerAway) -> None:
        """It was not carried out, and nothing behind it in its chain may be."""
        self.error = away
        if self.chain is not None:
            self.chain.broken = True

    @property
    def stands(self) -> bool:
        """Whether it may be carried out: all before it in its chain was."""
        if self.chain is not None and self.chain.broken:
            self.error = LedgerAway("the ledger was away for what goes before it")
        return self.chain is None or not self.chain.broken

    def replace(self, error: Exception) -> bool:
        """Take what is to be done instead, if there is something; the error stays."""
        self.error = error
        if self.instead is None:
            return False
        self.operation, self.instead = partial(self.instead, error), None
        return True

    def settle(self) -> None:
        """Do what follows, and tell the caller, who may have gone; on the caller's loop."""
        if self.error is None and self.then is not None:
            self._follow(self.then)
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]

    def _follow(self, then: Then) -> None:
        try:
            self.result = then(self.result)
        except Exception as error:  # the caller's; the others of the batch are to be told
            self.error = error


class Journal:
    """Queues operations to the writer thread. Start it in the loop that uses it."""

    def __init__(self, using: str = DEFAULT_DB_ALIAS, patience: float = PATIENCE) -> None:
        self.using = using
        self.patience = patience
        self.away = ""
        """Why the database cannot be written, or empty."""
        self.commits = 0
        self.operations = 0
        self.depth = 0
        """How many operations wait."""
        self._prepared = Prepared()
        self._receipts = Receipts()
        self._readers = Readers(using)
        self._gathered: list[Pending[Any]] = []
        """What this turn of the loop has brought; the writer gets it at once, when it is over."""
        self._waiting: SimpleQueue[list[Pending[Any]] | None] = SimpleQueue()
        """What the writer has to do, in order; None ends it."""
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the writer."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Commit what waits, then end the writer."""
        self._stopping = True
        self._hand_over()
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)
        await self._readers.close()

    @overload
    def write(
        self,
        operation: Operation[T],
        chain: Chain | None = None,
        instead: Instead | None = None,
    ) -> asyncio.Future[T]: ...

    @overload
    def write(
        self, operation: Operation[T], *, then: Callable[[T], Result]
    ) -> asyncio.Future[Result]: ...

    def write(
        self,
        operation: Operation[Any],
        chain: Chain | None = None,
        instead: Instead | None = None,
        then: Then | None = None,
    ) -> asyncio.Future[Any]:
        """Queue an operation; the future is done when it is committed.

        One that fails on its data raises, and ``instead`` has been committed in its place. What
        the process has to do because of the commit is ``then``: a caller may be cancelled while
        it waits, and what is committed is committed all the same.
        """
        assert self._loop is not None, "the journal has not been started"
        future: asyncio.Future[Any] = self._loop.create_future()
        deadline = time.monotonic() + self.patience
        pending = Pending(operation, future, deadline, chain, instead, then)
        if self._stopping or self.depth >= QUEUE:
            pending.fail(LedgerAway(self.away or "the ledger takes nothing more"))
            pending.settle()
            return future
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(pending)
        self.depth += 1
        return future

    def _hand_over(self) -> None:
        """Give the writer what was gathered.

        Who waited for the same commit goes on in the same turn, and shares the next one too.
        """
        if self._gathered:
            self._waiting.put(self._gathered)
            self._gathered = []

    def post(self, operation: Operation[T], chain: Chain | None = None) -> asyncio.Future[T]:
        """Queue an operation whose caller does not wait; a failure is logged."""
        future = self.write(operation, chain)
        future.add_done_callback(_log_failure)
        return future

    def read_in_order(self, operation: Operation[T]) -> asyncio.Future[T]:
        """Run an operation that only reads, after all that was queued before it.

        ``read`` may run while a write that was posted is not yet committed, and not see it.
        """
        return self.write(operation)

    async def read(self, operation: Operation[T]) -> T:
        """Run an operation that only reads; it sees all that is committed."""
        return await self._readers.read(operation)

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            self._commit(batch)
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._settle, batch)
        connections[self.using].close()

    def _settle(self, batch: list[Pending[Any]]) -> None:
        self.depth -= len(batch)
        for pending in batch:
            pending.settle()

    def _take(self) -> list[Pending[Any]] | None:
        """All that waits, about ``BATCH`` at most; None if that is the end."""
        batch: list[Pending[Any]] = []
        while not batch or not (len(batch) >= BATCH or self._waiting.empty()):
            gathered = self._waiting.get()
            if gathered is None:
                if batch:
                    self._waiting.put(None)  # for the next turn
                break
            batch += gathered
        return batch or None

    def _commit(self, batch: list[Pending[Any]]) -> None:
        """Bring a batch to disk or give each operation its error; returns when it is settled."""
        batch = [pending for pending in batch if pending.stands]
        self._receipts.begin()
        while batch:
            try:
                self._run(batch)
            except NotPrepared as found:
                logger.info("%s: they are sent in full from now on", found)
            except Exception as error:
                if not is_away(error):
                    self._halve(batch, error)
                    return
                if not self._wait_for_database(batch, error):
                    return
            else:
                self._is_back()
                return

    def _run(self, batch: list[Pending[Any]]) -> None:
        with self._transaction() as rows:
            queries.become_the_writer(rows)
            if not self._receipts.found(rows):  # else only the answer to its commit was lost
                self._carry_out(rows, batch)
                self._receipts.leave(rows)
        self._receipts.keep()
        self.commits += 1
        self.operations += len(batch)

    def _carry_out(self, rows: Rows, batch: list[Pending[Any]]) -> None:
        """All of them, before the answer to any is waited for; every answer, before the commit."""
        for pending in batch:
            pending.result = pending.operation(rows)
        for pending in batch:
            pending.result = known(pending.result)

    @contextmanager
    def _transaction(self) -> Iterator[Rows]:
        """One transaction; Django's own costs a third of a small commit."""
        rows = Rows(connections[self.using], self._prepared)
        rows.run("BEGIN IMMEDIATE" if rows.vendor == "sqlite" else "BEGIN")
        try:
            yield rows
            rows.run("COMMIT")
            rows.flush()
        except BaseException:
            self._roll_back(rows)
            raise

    def _roll_back(self, rows: Rows) -> None:
        rows.forget()
        try:
            rows.run("ROLLBACK")
            rows.flush()
        except DatabaseError:  # it is rolled back, or the connection is not what it was
            connections[self.using].close()

    def _halve(self, batch: list[Pending[Any]], error: Exception) -> None:
        if len(batch) == 1:
            if batch[0].replace(error):
                self._commit(batch)
            return
        middle = len(batch) // 2
        self._commit(batch[:middle])
        self._commit(batch[middle:])

    def _is_back(self) -> None:
        if self.away:
            logger.warning("the ledger can be written again")
        self.away = ""

    def _wait_for_database(self, batch: list[Pending[Any]], error: Exception) -> bool:
        """Whether the batch is worth another try."""
        why = in_one_line(error)
        if not self.away:
            logger.warning("the ledger is away: %s", why)
        self.away = why
        connections[self.using].close()
        if time.monotonic() > batch[0].deadline or self._stopping:
            away = LedgerAway(f"the ledger cannot be written: {why}")
            for pending in batch:
                pending.fail(away)
            return False
        time.sleep(RETRY)
        return True


def _log_failure(future: asyncio.Future[Any]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.error("a write to the ledger failed: %s", error)
