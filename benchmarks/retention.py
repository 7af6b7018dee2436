"""How long others wait for the ledger while old rows are taken away.

    python benchmarks/retention.py [--rows 1000000] [--seconds 15]

A ledger with a million old rows, on SQLite and on a PostgreSQL of its own (fsync and
synchronous_commit are on): a third are arrivals, a third sends, the rest a room's log and copies.
``Retention`` works as in ``gateway serve``, for some seconds in each table, while an arrival is
recorded every 5 ms; a pause is how long one of those waited until it was on disk. Two minutes;
needs PostgreSQL's programs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

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

EVERY = 0.005
"""Seconds between two arrivals."""
DAYS = 30
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
CHAT = "'telegram:default:' || (i % 200)"
BODY = '\'{"type": "telegram.message", "text": "' + "x" * 200 + "\"}'"
FILL = {
    "inbox": (
        "INSERT INTO gateway_inbox (identity, delivery, conversation, event, at, state)"
        f" {{numbers}} SELECT '1', 'old' || i, {CHAT}, {BODY}, 1, {{handled}} FROM n",
        3,
    ),
    "outbox": (
        "INSERT INTO gateway_outbox (account, conversation, key, sender, event, at, state)"
        f" {{numbers}} SELECT 'telegram:default', {CHAT}, {CHAT} || '|i' || i || '|0', {CHAT},"
        f" {BODY}, 1, {{sent}} FROM n",
        3,
    ),
    "entries": (
        "INSERT INTO gateway_entry (stream, seq, key, event, at)"
        f" {{numbers}} SELECT 'room:default:lobby', i, 'old' || i, {BODY}, 1 FROM n",
        6,
    ),
    "copies": (
        "INSERT INTO gateway_copy (message, conversation, part, native, author, at)"
        f" {{numbers}} SELECT 'ref' || i, {CHAT}, 0, 'n' || i, 'telegram:1', 1 FROM n",
        6,
    ),
}
"""What fills each table, and which part of all rows it gets."""


def prepare(directory: Path, url: str) -> None:
    from django.core.management import call_command

    from gateway import settings
    from gateway.config import load

    environment = {"GATEWAY_DATABASE": url} if url else {}
    settings.configure(load(environment=environment, directory=directory))
    call_command("migrate", verbosity=0, interactive=False)


async def fill(journal: Any, count: int) -> None:
    from gateway.ledger.models import HANDLED, SENT
    from gateway.ledger.queries import open_stream

    await journal.write(lambda rows: open_stream(rows, "room:default:lobby"))
    for sql, part in FILL.values():
        numbers = NUMBERS.format(count=count // part)
        whole = sql.replace("{numbers}", numbers)
        whole = whole.replace("{handled}", str(HANDLED)).replace("{sent}", str(SENT))
        await asyncio.to_thread(_run, whole)
    await asyncio.to_thread(_run, f"UPDATE gateway_stream SET head = {count // 6}")


def _run(sql: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)


async def measure(count: int, seconds: float) -> list[tuple[str, ...]]:
    """The pauses beside the pruning of each table, and beside nothing."""
    from gateway.delivery.retention import KEEP
    from gateway.ledger import queries
    from gateway.ledger.journal import Journal

    journal = Journal(patience=600)
    journal.start()
    await fill(journal, count)
    tables = {
        "nothing": None,
        "inbox": queries.prune_inbox,
        "outbox": queries.prune_outbox,
        "entries": partial(queries.prune_entries, keep=KEEP),
        "copies": queries.prune_copies,
    }
    found = []
    for name, table in tables.items():
        looking = None if table is None else asyncio.create_task(prune(journal, table))
        pauses = await arrivals(journal, seconds)
        taken, longest = 0, 0.0
        if looking is not None:
            looking.cancel()
            taken, longest = await looking
        found.append(
            (
                name,
                f"{taken / seconds:.0f}",
                f"{1000 * longest:.0f}" if taken else "-",
                *(f"{percentile(pauses, share):.1f}" for share in (50, 99)),
                f"{max(pauses):.0f}",
            )
        )
    await journal.stop()
    return found


async def prune(journal: Any, table: Any) -> tuple[int, float]:
    """Prune a table as ``Retention`` does until cancelled; rows, and the longest operation."""
    from gateway.delivery.retention import Retention

    total, longest = 0, 0.0

    def timed(rows: Any, **given: Any) -> Any:
        nonlocal total, longest
        began = time.perf_counter()
        count, last = table(rows, before=time.time() - DAYS * 86_400, **given)
        rows.flush()
        longest = max(longest, time.perf_counter() - began)
        total += count
        return count, last

    with suppress(asyncio.CancelledError):
        await Retention(journal, DAYS, no_files)._prune(timed)
    return total, longest


async def no_files(_: float) -> int:
    return 0


async def arrivals(journal: Any, seconds: float) -> list[float]:
    """How many milliseconds each of those arrivals waited for its commit."""
    pauses: list[float] = []
    end = time.perf_counter() + seconds

    async def arrive(number: int) -> None:
        from gateway.ledger.queries import record

        began = time.perf_counter()
        event = {"type": "telegram.message", "text": "x" * 200}
        operation = partial(
            record,
            identity="1",
            delivery=None,
            conversation=f"telegram:default:{number}",
            event=event,
            at=time.time(),
        )
        await journal.write(operation)
        pauses.append(1000 * (time.perf_counter() - began))

    async with asyncio.TaskGroup() as group:
        number = 0
        while time.perf_counter() < end:
            number += 1
            group.create_task(arrive(number % 200))
            await asyncio.sleep(EVERY)
    return pauses


async def in_process(url: str, given: argparse.Namespace) -> list[list[str]]:
    """The rows of one database, from a process of its own, because Django is set up once."""
    options = ["--url", url, "--rows", str(given.rows), "--seconds", str(given.seconds)]
    options += ["--directory", given.directory] if given.directory else []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--one", *options),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return [line.split("\t") for line in printed.decode().splitlines()]


async def compare(given: argparse.Namespace) -> None:
    print_machine()
    found = [["SQLite", *row] for row in await in_process("", given)]
    async with postgres(durable=True, parent=given.directory) as server:
        found += [["PostgreSQL", *row] for row in await in_process(server.url, given)]
    head = ("database", "pruned", "rows/s", "longest ms", "p50 ms", "p99 ms", "longest pause ms")
    print_table(head, found)
    print(f"\none sync of the disk: {spread(sync_milliseconds(given.directory), '{:.2f}')} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--directory", help="where the ledgers are; a temporary one otherwise")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if not given.one:
            runner.run(compare(given))
            return
        with tempfile.TemporaryDirectory(dir=given.directory) as directory:
            prepare(Path(directory), given.url)
            sys.setswitchinterval(0.001)
            for row in runner.run(measure(given.rows, given.seconds)):
                print("\t".join(row))


if __name__ == "__main__":
    main()
