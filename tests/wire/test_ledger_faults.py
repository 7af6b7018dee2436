"""Whose fault an error of PostgreSQL is: what is bad stands alone, and what is good waits."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

import dj_database_url
import pytest
import pytest_asyncio
from django.core.management import call_command
from django.db import DatabaseError, connections

from gateway.vocabulary.errors import LedgerAway
from services import Postgres, postgres

if TYPE_CHECKING:
    from gateway.ledger.journal import Journal
    from gateway.ledger.rows import Rows

ALIAS = "faults"
PATIENCE = 30.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[Postgres]:
    async with postgres() as running:
        parsed: Any = dj_database_url.parse(running.url)
        connections.databases[ALIAS] = {**connections.databases["default"], **parsed, "OPTIONS": {}}
        await asyncio.to_thread(make)
        yield running
        del connections.databases[ALIAS]


def make() -> None:
    """Make our tables."""
    call_command("migrate", database=ALIAS, verbosity=0, interactive=False)
    connections[ALIAS].close()


@pytest_asyncio.fixture(loop_scope="module")
async def journal(server: Postgres) -> AsyncIterator[Journal]:
    from gateway.ledger.journal import Journal

    journal = Journal(ALIAS, patience=PATIENCE)
    journal.start()
    yield journal
    await journal.stop()


def ask(*statements: str) -> None:
    """Ask the database ourselves."""
    other = connections.create_connection(ALIAS)
    with other.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    other.close()


END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def arrives(rows: Rows, delivery: str) -> Any:
    from gateway.ledger import queries

    return queries.record(rows, "42", delivery, "telegram:default:7", {"text": "hi"}, 1.0)


async def test_what_is_too_long_for_an_index_stands_alone(journal: Journal) -> None:
    too_long = journal.write(partial(arrives, delivery=secrets.token_hex(8_000)))
    beside = journal.write(partial(arrives, delivery="beside"))
    assert await beside is not None
    with pytest.raises(DatabaseError):
        await too_long


async def test_a_writer_that_was_stopped_for_too_long_writes_again(journal: Journal) -> None:
    from gateway.ledger.queries.writer import IDLE_SECONDS

    pauses = iter([IDLE_SECONDS + 0.5])

    def stopped(rows: Rows) -> Any:
        rows.one("SELECT 1")
        time.sleep(next(pauses, 0))
        return arrives(rows, "stopped")

    assert await journal.write(stopped) is not None


async def test_a_server_that_only_reads_is_waited_for(journal: Journal) -> None:
    reads = "ALTER DATABASE postgres SET default_transaction_read_only = on"
    await asyncio.to_thread(ask, reads, END_OTHERS)
    arrival = journal.write(partial(arrives, delivery="to a standby"))
    try:
        async with asyncio.timeout(PATIENCE):
            while "read-only" not in journal.away and not arrival.done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        writes = "ALTER DATABASE postgres RESET default_transaction_read_only"
        await asyncio.to_thread(ask, "SET default_transaction_read_only = off", writes)
    assert await arrival is not None


async def test_a_reader_whose_connection_ended_unnoticed_reads(journal: Journal) -> None:
    def one(rows: Rows) -> Any:
        return rows.one("SELECT 1")

    await journal.read(one)
    await asyncio.to_thread(ask, END_OTHERS)
    assert await journal.read(one) == (1,)


async def test_a_reader_whose_session_was_ended_reads_in_another(journal: Journal) -> None:
    def stopped(rows: Rows) -> Any:
        rows.run("SET idle_in_transaction_session_timeout = '50ms'")
        rows.run("BEGIN")
        time.sleep(2)
        return rows.one("SELECT 1")

    with pytest.raises(LedgerAway):
        await journal.read(stopped)
    assert await journal.read(lambda rows: rows.one("SELECT 1")) == (1,)
