"""How long the ledger takes to say that something is on disk, at a steady rate.

    python benchmarks/ledger.py [--seconds 2] [--runs 5]

Operations as an arrival makes them that comes alone (the lease of its account is looked at, a row
of the inbox of about 400 bytes is written) are queued to the writer thread 100 and 2,000 times a
second; latency is from ``Journal.write`` to the continuation of whoever awaited it. "Loop busy"
keeps the loop busy for that share of its time, as translating and sending would: the writer needs
the interpreter's lock again after each statement, and a busy loop gives it away between callbacks
or every ``sys.getswitchinterval()`` seconds, 1 ms as in ``gateway serve``. On SQLite, and on a
PostgreSQL of its own with the settings that it has by default (fsync and synchronous_commit are
on) on the same disk; it has the files for its log already, as one that has run for some time: a
new one makes one of 16 MiB every few seconds at this rate, and all wait for that. Beside it, in
turn, "bare": one thread that inserts such a row 500 times a second, each in a commit of its own,
with no loop and no queue; latency is from when it was due. That is what the database and the
machine allow in that minute. And the time of one sync of that disk. Two minutes; needs
PostgreSQL's programs.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from measure import (
    ENVIRONMENT,
    ROOT,
    percentile,
    print_machine,
    print_table,
    spread,
    sync_milliseconds,
)

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire")]

from services import postgres  # noqa: E402

if TYPE_CHECKING:
    from gateway.ledger.rows import Rows

ACCOUNT = "telegram:default"
HOLDER = "benchmark"
EVENT = {"type": "telegram.message", "text": "x" * 200, "author": {"id": "telegram:1"}, "at": 0.0}
STEP = 0.001
"""Seconds between two batches of operations."""

BUSY_STEP = 0.02
"""Seconds of which the loop is busy for a part: longer than what the loop's timers can tell."""

RATES = (100, 2_000)
BUSY = (0.0, 0.7)
BARE_RATE = 500
INTERVAL = 0.001


def prepare(directory: Path, url: str) -> None:
    from django.core.management import call_command

    from gateway import settings
    from gateway.config import load

    environment = {"GATEWAY_DATABASE": url} if url else {}
    settings.configure(load(environment=environment, directory=directory))
    call_command("migrate", verbosity=0, interactive=False)
    if url:
        make_log_files()


def make_log_files() -> None:
    """Let the server begin as many files for its log as it keeps to use them again."""
    from django.db import connection

    with connection.cursor() as cursor:
        for number in range(6):
            cursor.execute(f"CREATE TABLE filling_{number} (it INTEGER)")  # or there is no next one
            cursor.execute("SELECT pg_switch_wal()")
        cursor.execute("CHECKPOINT")


def hold_lease(rows: Rows) -> None:
    from gateway.ledger import queries

    former = (queries.lease(rows, ACCOUNT) or [None])[0]
    queries.take_lease(rows, ACCOUNT, HOLDER, "localhost", 1, time.time() + 3_600, former)


def arrive(rows: Rows, number: int) -> Any:
    """What ``AccountPort.accept`` has committed for one arrival."""
    from gateway.ledger import queries
    from gateway.ledger.rows import together

    held = queries.holds_lease(rows, ACCOUNT, HOLDER)
    conversation = f"{ACCOUNT}:{number % 200}"
    delivery = f"{time.time_ns()}"
    return together([held, queries.record_in_turn(rows, "1", delivery, conversation, EVENT, 0.0)])


@dataclass(frozen=True, slots=True)
class Pass:
    """What was seen in some seconds at one rate."""

    done: float
    """Operations a second."""
    latencies: list[float]
    """Milliseconds."""
    commits: float = 0
    """Each second."""
    cpu: float = 0
    """Microseconds of an operation."""


async def steady(rate: int, busy: float, seconds: float) -> Pass:
    """Operations through the journal."""
    from gateway.ledger.journal import Journal

    journal = Journal()
    journal.start()
    await journal.write(hold_lease)
    latencies: list[float] = []
    wanted = int(rate * seconds)
    work = asyncio.create_task(keep_busy(busy)) if busy else None

    async def write(number: int) -> None:
        began = time.perf_counter()
        await journal.write(partial(arrive, number=number))
        latencies.append(1000 * (time.perf_counter() - began))

    before, began = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        done = 0
        while done < wanted:
            due = min(wanted, int((time.perf_counter() - began) * rate) + 1)
            for number in range(done, due):
                group.create_task(write(number))
            done = due
            await asyncio.sleep(STEP)
    took, cpu = time.perf_counter() - began, time.process_time() - before
    if work is not None:
        work.cancel()
    commits = journal.commits
    await journal.stop()
    return Pass(wanted / took, latencies, commits / took, 1e6 * cpu / wanted)


def bare(seconds: float) -> Pass:
    """One row after the other over a connection of its own, each in its own commit."""
    from django.db import connection

    from gateway.ledger import queries
    from gateway.ledger.rows import Rows

    rows, latencies, began = Rows(connection), [], time.perf_counter()
    for number in range(int(BARE_RATE * seconds)):
        due = began + number / BARE_RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        queries.record(rows, "1", f"{time.time_ns()}", f"{ACCOUNT}:{number % 200}", EVENT, 0.0)
        latencies.append(1000 * (time.perf_counter() - due))
    took = time.perf_counter() - began
    connection.close()
    return Pass(len(latencies) / took, latencies, len(latencies) / took)


async def keep_busy(share: float) -> None:
    """Work for a share of each step, 0.5 ms at a time, as many small callbacks would."""
    while True:
        until = time.perf_counter() + BUSY_STEP * share
        while time.perf_counter() < until:
            spin = time.perf_counter() + 0.0005
            while time.perf_counter() < spin:
                pass
            await asyncio.sleep(0)
        await asyncio.sleep(BUSY_STEP * (1 - share))


async def measure(seconds: float, runs: int) -> list[list[str]]:
    """The rows of the table: everything in turn, so that all see the same of the machine."""
    sys.setswitchinterval(INTERVAL)
    gc.collect()
    gc.freeze()  # as the gateway does when it is ready
    await steady(RATES[-1], 0, 0.5)  # everything is imported, the first pages are there
    found: dict[tuple[str, str], list[Pass]] = {}
    for _ in range(runs):
        for rate, busy in itertools.product(RATES, BUSY):
            seen = await steady(rate, busy, seconds)
            found.setdefault((f"{rate}/s", f"{busy:.0%}"), []).append(seen)
        seen = await asyncio.to_thread(bare, seconds)
        found.setdefault((f"{BARE_RATE}/s", "bare"), []).append(seen)
    return [[*name, *_cells(passes)] for name, passes in found.items()]


def _cells(passes: list[Pass]) -> list[str]:
    cpu = statistics.median(one.cpu for one in passes)
    return [
        f"{statistics.median(one.done for one in passes):.0f}",
        spread([percentile(one.latencies, 50) for one in passes]),
        spread([percentile(one.latencies, 99) for one in passes]),
        f"{statistics.median(one.commits for one in passes):.0f}",
        f"{cpu:.0f}" if cpu else "-",
    ]


async def in_process(url: str, options: argparse.Namespace) -> list[list[str]]:
    """The rows of one database, from a process of its own, because Django is set up once."""
    told = ["--url", url, "--seconds", str(options.seconds), "--runs", str(options.runs)]
    told += ["--directory", options.directory] if options.directory else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--one", *told),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    rows: list[list[str]] = json.loads(printed)
    return rows


async def compare(options: argparse.Namespace) -> None:
    print_machine()
    print(f"one sync of the disk: {spread(sync_milliseconds(options.directory), '{:.2f}')} ms\n")
    rows = []
    async with postgres(durable=True, parent=options.directory) as server:
        for name, url in (("SQLite", ""), ("PostgreSQL", server.url)):
            found = await in_process(url, options)
            rows += [[name, *row] for row in found]
    head = ("database", "rate", "loop busy", "done/s", "p50 ms", "p99 ms", "commits/s", "CPU us")
    print_table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--directory", help="where the ledger lies (default: the usual for files)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if not options.one:
            runner.run(compare(options))
            return
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            prepare(Path(directory), options.url)
            print(json.dumps(runner.run(measure(options.seconds, options.runs))))


if __name__ == "__main__":
    main()
