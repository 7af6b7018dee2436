"""Who may write the ledger when another writer hangs in the middle of a commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dj_database_url
import pytest
from django.core.management import call_command
from django.db import connections

from services import postgres

if TYPE_CHECKING:
    from gateway.ledger.rows import Rows

ALIAS = "hangs"
TAKEN_OVER_SECONDS = 20


@pytest.fixture
async def database() -> AsyncIterator[None]:
    """A PostgreSQL, under ``ALIAS``."""
    from gateway.settings import POSTGRES_OPTIONS

    async with postgres() as server:
        parsed: Any = dj_database_url.parse(server.url)
        default = connections.databases["default"]
        connections.databases[ALIAS] = {**default, **parsed, "OPTIONS": POSTGRES_OPTIONS}
        await asyncio.to_thread(make)
        yield
        del connections.databases[ALIAS]


def make() -> None:
    """Make our tables."""
    call_command("migrate", database=ALIAS, verbosity=0, interactive=False)
    connections[ALIAS].close()


def hang() -> None:
    """Begin to write, and do nothing more."""
    from gateway.ledger.queries import become_the_writer
    from gateway.ledger.rows import Rows

    rows = Rows(connections[ALIAS])
    rows.run("BEGIN")
    become_the_writer(rows)


def one(rows: Rows) -> Any:
    return rows.one("SELECT 1")


async def test_a_writer_that_hangs_keeps_others_waiting_for_seconds_only(database: None) -> None:
    from gateway.ledger.journal import Journal

    journal = Journal(ALIAS, patience=2 * TAKEN_OVER_SECONDS)
    with ThreadPoolExecutor(1) as other:
        await asyncio.wrap_future(other.submit(hang))
        journal.start()
        try:
            async with asyncio.timeout(TAKEN_OVER_SECONDS):
                assert await journal.write(one) == (1,)
        finally:
            await asyncio.wrap_future(other.submit(lambda: connections[ALIAS].close()))
            await journal.stop()
