"""The one writer: many operations in few commits, a bad one alone, patience with a lock."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, OperationalError, connections

from gateway.vocabulary.errors import LedgerAway

if TYPE_CHECKING:
    from gateway.ledger.journal import Journal

SHORT = 0.3
"""Seconds of patience, where a lock is not to be waited for."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The alias of a database with one table, whose locks are waited for shortly."""
    alias = f"journal-{tmp_path.name}"
    default = connections.databases["default"]
    connections.databases[alias] = {
        **default,
        "NAME": str(tmp_path / "journal.sqlite3"),
        "OPTIONS": {**default["OPTIONS"], "timeout": 0.01},
    }
    with connections[alias].cursor() as cursor:
        cursor.execute("CREATE TABLE word (word TEXT PRIMARY KEY)")
    yield alias
    connections[alias].close()
    del connections[alias]
    del connections.databases[alias]


@pytest.fixture
async def journal(database: str) -> AsyncIterator[Journal]:
    from gateway.ledger.journal import Journal

    journal = Journal(database, patience=20)
    journal.start()
    yield journal
    await journal.stop()


def write(word: str) -> Any:
    return lambda rows: rows.count("INSERT INTO word VALUES (%s)", word)


async def words(journal: Journal) -> list[str]:
    found = await journal.read(lambda rows: rows.all("SELECT word FROM word ORDER BY rowid"))
    return [row[0] for row in found]


@pytest.fixture
def lock(database: str) -> Iterator[sqlite3.Connection]:
    """Somebody else who is writing."""
    other = sqlite3.connect(connections.databases[database]["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    if other.in_transaction:
        other.execute("ROLLBACK")
    other.close()


async def test_what_was_written_is_read(journal: Journal) -> None:
    await journal.write(write("one"))
    assert await words(journal) == ["one"]


async def test_the_result_of_an_operation_comes_back(journal: Journal) -> None:
    assert await journal.write(write("one")) == 1


async def test_order_is_kept(journal: Journal) -> None:
    expected = [str(number) for number in range(300)]
    await asyncio.gather(*(journal.write(write(word)) for word in expected))
    assert await words(journal) == expected


async def test_many_operations_share_few_commits(journal: Journal) -> None:
    await asyncio.gather(*(journal.write(write(str(number))) for number in range(400)))
    assert journal.operations == 400
    assert journal.commits < 100


async def test_a_bad_operation_fails_alone(journal: Journal) -> None:
    texts = [str(number) for number in range(50)]
    futures = [journal.write(write(text)) for text in [*texts, "7", "last"]]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results if result != 1] == [IntegrityError]
    assert await words(journal) == [*texts, "last"]


async def test_an_error_in_an_operation_is_its_callers(journal: Journal) -> None:
    with pytest.raises(ZeroDivisionError):
        await journal.write(lambda rows: 1 // 0)


async def test_nothing_of_a_bad_operation_stays(journal: Journal) -> None:
    def half(rows: Any) -> None:
        write("half")(rows)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await journal.write(half)
    assert await words(journal) == []


async def test_a_read_in_order_sees_what_was_posted_before(journal: Journal) -> None:
    for number in range(100):
        journal.post(write(str(number)))
    count = await journal.read_in_order(lambda rows: rows.one("SELECT COUNT(*) FROM word"))
    assert count == (100,)


async def test_a_lock_that_ends_in_time_fails_nothing(
    journal: Journal, lock: sqlite3.Connection
) -> None:
    writing = journal.write(write("one"))
    await asyncio.to_thread(wait_until_away, journal)
    lock.execute("ROLLBACK")
    assert await writing == 1


def wait_until_away(journal: Journal) -> None:
    for _ in range(20_000):
        if journal.away:
            return
        time.sleep(0.001)
    raise TimeoutError


async def test_a_lock_that_lasts_is_a_ledger_away(
    journal: Journal, lock: sqlite3.Connection
) -> None:
    journal.patience = SHORT
    with pytest.raises(LedgerAway):
        await asyncio.wait_for(journal.write(write("one")), 20)


async def test_after_a_lock_all_is_well_again(journal: Journal, lock: sqlite3.Connection) -> None:
    journal.patience = SHORT
    with pytest.raises(LedgerAway):
        await journal.write(write("one"))
    lock.execute("ROLLBACK")
    await journal.write(write("two"))
    assert (await words(journal), journal.away) == (["two"], "")


async def test_a_stopped_journal_takes_nothing(database: str) -> None:
    from gateway.ledger.journal import Journal

    journal = Journal(database)
    journal.start()
    await journal.stop()
    with pytest.raises(LedgerAway):
        await journal.write(write("late"))


async def test_what_waits_is_committed_before_the_end(database: str) -> None:
    from gateway.ledger.journal import Journal

    journal = Journal(database)
    journal.start()
    for number in range(200):
        journal.post(write(str(number)))
    await journal.stop()
    with closing(sqlite3.connect(connections.databases[database]["NAME"])) as ledger:
        assert ledger.execute("SELECT COUNT(*) FROM word").fetchone() == (200,)


async def test_reading_does_not_wait_for_the_threads_of_others(journal: Journal) -> None:
    release, loop = threading.Event(), asyncio.get_running_loop()
    held = [loop.run_in_executor(None, release.wait, 30) for _ in range(100)]
    try:
        async with asyncio.timeout(20):
            assert await words(journal) == []
    finally:
        release.set()
        await asyncio.gather(*held)


async def test_a_stopped_journal_reads_nothing(database: str) -> None:
    from gateway.ledger.journal import Journal

    journal = Journal(database)
    journal.start()
    await journal.stop()
    with pytest.raises(LedgerAway):
        await words(journal)


async def test_behind_what_was_not_carried_out_nothing_of_its_chain_is(
    journal: Journal, lock: sqlite3.Connection
) -> None:
    from gateway.ledger.chain import Chain

    journal.patience, chain = SHORT, Chain()
    first = journal.write(write("one"), chain)
    with pytest.raises(LedgerAway):
        await first
    lock.execute("ROLLBACK")
    second, other = journal.write(write("two"), chain), journal.write(write("other"))
    results = await asyncio.gather(second, other, return_exceptions=True)
    assert [type(result) for result in results] == [LedgerAway, int]
    assert await words(journal) == ["other"]


async def test_what_the_full_queue_did_not_take_breaks_its_chain(database: str) -> None:
    from gateway.ledger.chain import Chain
    from gateway.ledger.journal import Journal

    journal, chain = Journal(database), Chain()
    journal.start()
    await journal.stop()
    journal.write(write("late"), chain).exception()
    assert chain.broken


async def test_a_bad_operation_does_not_break_its_chain(journal: Journal) -> None:
    from gateway.ledger.chain import Chain

    chain = Chain()
    futures = [journal.write(write(word), chain) for word in ("one", "one", "two")]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [int, IntegrityError, int]
    assert await words(journal) == ["one", "two"]


async def test_in_the_place_of_a_bad_operation_another_is_committed(journal: Journal) -> None:
    def instead(error: Exception, rows: Any) -> None:
        write(f"instead of {type(error).__name__}")(rows)

    journal.post(write("one"))
    bad = journal.write(write("one"), instead=instead)
    last = journal.write(write("two"))
    with pytest.raises(IntegrityError):
        await bad
    await last
    assert await words(journal) == ["one", "instead of IntegrityError", "two"]


async def test_what_is_bad_as_well_in_its_place_fails_alone(journal: Journal) -> None:
    journal.post(write("one"))
    bad = journal.write(write("one"), instead=lambda error, rows: write("one")(rows))
    last = journal.write(write("two"))
    with pytest.raises(IntegrityError):
        await bad
    await last
    assert await words(journal) == ["one", "two"]


async def test_why_the_ledger_is_away_is_one_line(journal: Journal) -> None:
    def fail(rows: Any) -> None:
        raise OperationalError("connection refused\n\tIs the server running?\n")

    journal.patience = SHORT
    with pytest.raises(LedgerAway, match=r": connection refused Is the server running\?$"):
        await journal.write(fail)
    assert journal.away == "connection refused Is the server running?"


async def test_it_is_said_when_the_ledger_can_be_written_again(
    journal: Journal, lock: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = journal.write(write("one"))
    await asyncio.to_thread(wait_until_away, journal)
    lock.execute("ROLLBACK")
    await waiting
    assert [record.getMessage() for record in caplog.records] == [
        "the ledger is away: database is locked",
        "the ledger can be written again",
    ]
