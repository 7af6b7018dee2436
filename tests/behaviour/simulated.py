"""Simulated time for the real core: nothing sleeps, nothing runs at the same time as anything else.

One clock is behind ``time.time``, ``time.monotonic``, ``time.sleep`` and the event loop. Each turn
of the loop takes a microsecond; when nothing is ready, the clock jumps to the next timer. The
ledger's writer keeps its thread, but it and the loop take turns: so each run of a simulation is
the same as the one before. Reads, and commits, take the time that ``Disk`` says.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

from django.db import connections
from django.db.backends.signals import connection_created

from gateway.ledger.journal import Journal

EPOCH = 1_800_000_000.0
"""What ``time.time`` says when the clock begins."""

TURN = 1e-6
"""Seconds that a turn of the loop takes: nobody can wait for no time at all for ever."""

BOUND = 30.0
"""Real seconds that one may wait for the other thread; longer is a fault of the simulation."""


class Stuck(Exception):
    """Nothing is ready and no timer runs: everybody would wait for ever."""


class Killed(BaseException):
    """The process of this thread is no more."""


class Clock:
    """The time of a simulation, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.pause: Callable[[float], None] = lambda _: None
        """Lets the thread that calls it wait."""

    def time(self) -> float:
        """What ``time.time`` says."""
        return EPOCH + self.now

    def monotonic(self) -> float:
        """What ``time.monotonic`` says."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """What ``time.sleep`` does."""
        self.pause(seconds)

    @contextlib.contextmanager
    def rules(self) -> Iterator[None]:
        """Be the only time that there is."""
        with mock.patch.multiple(time, time=self.time, monotonic=self.monotonic, sleep=self.sleep):
            yield


class Jumps(selectors.SelectSelector):
    """Waits for no file: it moves the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        """Let the time pass."""
        if timeout is None:
            raise Stuck("nothing will ever happen")
        self._clock.now += max(timeout, TURN)
        return []


class Disk:
    """The database's faults and its speed; it outlives a process."""

    def __init__(self, alias: str, clock: Clock) -> None:
        self.alias = alias
        self.away = False
        """No statement is carried out."""
        self.locked = False
        """Nobody may begin to write."""
        self.lost_commits = 0
        """How many commits fail."""
        self.seconds = 0.0
        """How long a read, and a commit, takes before it is done, and again before it is known."""
        self._clock = clock

    def heal(self) -> None:
        """Be well, and quick."""
        self.away = self.locked = False
        self.lost_commits = 0
        self.seconds = 0.0

    @contextlib.contextmanager
    def inserted(self) -> Iterator[None]:
        """Stand before each connection that is opened."""
        connection_created.connect(self._opened)
        try:
            yield
        finally:
            connection_created.disconnect(self._opened)

    def _opened(self, connection: Any, **_: Any) -> None:
        if connection.alias == self.alias:
            connection.connection = Guarded(connection.connection, self)

    def execute(self, cursor: sqlite3.Cursor, sql: str, parameters: Any) -> None:
        """Carry out a statement, or fail."""
        if self.away:
            raise sqlite3.OperationalError("unable to open database file")
        if sql.startswith("BEGIN") and self.locked:
            raise sqlite3.OperationalError("database is locked")
        if sql == "COMMIT":
            self._commit(cursor)
        else:
            cursor.execute(sql, parameters)

    def _commit(self, cursor: sqlite3.Cursor) -> None:
        self._clock.sleep(self.seconds)
        if self.away or self.lost_commits:
            self.lost_commits -= not self.away
            raise sqlite3.OperationalError("disk I/O error")
        cursor.execute("COMMIT")
        self._clock.sleep(self.seconds)


class Guarded:
    """A connection of the database driver's, or a cursor, whose statements the disk may refuse."""

    def __init__(self, inner: Any, disk: Disk) -> None:
        self._inner, self._disk = inner, disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def cursor(self, *arguments: Any) -> Guarded:
        """See ``sqlite3.Connection.cursor``."""
        return Guarded(self._inner.cursor(*arguments), self._disk)

    def execute(self, sql: str, parameters: Any = ()) -> None:
        """See ``sqlite3.Cursor.execute``."""
        self._disk.execute(self._inner, sql, parameters)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in simulated time; what it gives to other threads is done within a turn."""

    def __init__(self, clock: Clock, disk: Disk) -> None:
        super().__init__(Jumps(clock))
        self.clock, self.disk = clock, disk
        self.over = False
        """Whether the process is dead: nothing reads or sends any more."""
        self._reader = ThreadPoolExecutor(max_workers=1)
        self.set_exception_handler(lambda *_: None)  # a dead process complains to nobody

    def time(self) -> float:
        """The simulated time."""
        return self.clock.now

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        """The other thread runs only while this one waits for it."""
        return None if self.is_closed() else self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Carry it out after the disk's time; its answer comes after that time again."""
        future = self.create_future()
        if not self.over:
            self.call_later(self.disk.seconds, self._carry_out, future, func, args)
        return future

    def _carry_out(self, future: asyncio.Future[Any], func: Any, args: Any) -> None:
        carried_out = self._reader.submit(func, *args)
        error = carried_out.exception(BOUND)
        if error is not None:
            self.call_later(self.disk.seconds, _unless_done, future, future.set_exception, error)
        else:
            result = carried_out.result()
            self.call_later(self.disk.seconds, _unless_done, future, future.set_result, result)

    def end(self) -> None:
        """Cancel all that runs, as often as it takes, and close."""
        self.over = True
        while tasks := asyncio.all_tasks(self):
            for task in tasks:
                task.cancel()
            self.run_until_complete(asyncio.wait(tasks, timeout=0.01))
        self._reader.submit(lambda: connections[self.disk.alias].close()).result(BOUND)
        self._reader.shutdown()
        self.close()


def _unless_done(future: asyncio.Future[Any], settle: Callable[[Any], None], value: Any) -> None:
    if not future.done():
        settle(value)


class Turns:
    """What a loop and one other thread take in turns, and the queue between the two.

    The other thread has its turn until it waits: for something in the queue, or for a time.
    """

    def __init__(self, loop: SimulatedLoop) -> None:
        self.over = False
        self._loop = loop
        self._items: deque[Any] = deque()
        self._idle = False
        self._go, self._waits = threading.Semaphore(0), threading.Semaphore(0)

    # On the loop's side

    def begin(self) -> None:
        """The other thread was started: let it come to where it waits."""
        assert self._waits.acquire(timeout=BOUND), "the writer does not wait"

    def _grant(self) -> None:
        if not self.over:
            self._give_turn()

    def _give_turn(self) -> None:
        self._go.release()
        assert self._waits.acquire(timeout=BOUND), "the writer does not come to an end"

    def put(self, item: Any) -> None:
        """See ``queue.SimpleQueue.put``."""
        self._items.append(item)
        if self._idle:
            self._idle = False
            self._loop.call_soon(self._grant)

    def kill(self) -> None:
        """End the other thread where it waits."""
        self.over = True
        self._give_turn()

    # On the other's side

    def get(self) -> Any:
        """See ``queue.SimpleQueue.get``."""
        if not self._items:
            self._idle = True
            self._wait()
        return self._items.popleft()

    def empty(self) -> bool:
        """See ``queue.SimpleQueue.empty``."""
        return not self._items

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        if seconds:
            self._loop.call_later(seconds, self._grant)
            self._wait()

    def _wait(self) -> None:
        self._waits.release()
        self._go.acquire()
        if self.over:
            raise Killed

    def end(self) -> None:
        """The other thread does nothing more."""
        self._waits.release()


class SimulatedJournal(Journal):
    """The real journal; its writer and the loop take turns."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__(loop.disk.alias)
        self._turns = self._waiting = Turns(loop)  # type: ignore[assignment]
        loop.clock.pause = self._turns.sleep

    def start(self) -> None:
        """See ``Journal.start``."""
        super().start()
        self._turns.begin()

    def _work(self) -> None:
        try:
            super()._work()
        except Killed:
            connections[self.using].close()
        finally:
            self._turns.end()

    def kill(self) -> None:
        """The process dies: what is not committed is lost."""
        self._turns.kill()
        self._thread.join(BOUND)
