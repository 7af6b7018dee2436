"""Statements that PostgreSQL knows by name, and servers that forget them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

import dj_database_url
import pytest
import pytest_asyncio
from django.core.management import call_command
from django.db import DatabaseError, connections

from services import Postgres, pooler, postgres

if TYPE_CHECKING:
    from gateway.ledger.journal import Journal
    from gateway.ledger.rows import Rows

ALIAS = "prepared"
MANY = 12
"""Arrivals, one after the other: more than it takes until their statement is prepared."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[Postgres]:
    async with postgres() as running:
        with_url(running.url)
        await asyncio.to_thread(make)
        yield running
        del connections.databases[ALIAS]


def with_url(url: str) -> None:
    parsed: Any = dj_database_url.parse(url)
    connections.databases[ALIAS] = {**connections.databases["default"], **parsed, "OPTIONS": {}}


def make() -> None:
    """Make our tables."""
    call_command("migrate", database=ALIAS, verbosity=0, interactive=False)
    connections[ALIAS].close()


async def started() -> Journal:
    from gateway.ledger.journal import Journal

    journal = Journal(ALIAS)
    journal.start()
    return journal


@pytest_asyncio.fixture(loop_scope="module")
async def journal(server: Postgres) -> AsyncIterator[Journal]:
    with_url(server.url)
    journal = await started()
    await journal.write(lambda rows: rows.run("DELETE FROM gateway_inbox"))
    yield journal
    await journal.stop()


def arrives(rows: Rows, delivery: str, text: str = "hi") -> Any:
    from gateway.ledger import queries

    return queries.record(rows, "42", delivery, "telegram:default:7", {"text": text}, 1.0)


def told_again(rows: Rows) -> None:
    rows.run("INSERT INTO gateway_inbox (identity) VALUES (NULL)")


async def arrive(journal: Journal, first: int, last: int) -> None:
    for number in range(first, last):
        await journal.write(partial(arrives, delivery=str(number)))


async def deliveries(journal: Journal) -> list[int]:
    sql = "SELECT delivery FROM gateway_inbox ORDER BY id"
    return [int(row[0]) for row in await journal.read_in_order(lambda rows: rows.all(sql))]


async def known_by_name(journal: Journal) -> int:
    told = "SELECT statement FROM pg_prepared_statements"
    found = await journal.write(lambda rows: rows.all(told))
    return sum("AS INSERT INTO gateway_inbox" in row[0] for row in found)


async def test_the_statement_of_an_arrival_is_prepared_once(journal: Journal) -> None:
    await arrive(journal, 0, MANY)
    assert await known_by_name(journal) == 1


@pytest.mark.parametrize("text", ["it's", "back\\slash", "%s %d 100%", "$1", "\u0007\n", "'; --"])
async def test_a_text_comes_back_as_it_went(journal: Journal, text: str) -> None:
    await arrive(journal, 0, MANY)
    await journal.write(partial(arrives, delivery="last", text=text))
    [row] = await journal.read_in_order(
        lambda rows: rows.all("SELECT event FROM gateway_inbox WHERE delivery = %s", "last")
    )
    assert json.loads(row[0])["text"] == text


async def test_a_server_that_forgot_its_statements_is_told_them_in_full(journal: Journal) -> None:
    await arrive(journal, 0, MANY)
    await journal.write(lambda rows: rows.run("DEALLOCATE ALL"))
    await arrive(journal, MANY, 2 * MANY)
    assert await deliveries(journal) == list(range(2 * MANY))
    assert await known_by_name(journal) == 0


@pytest.mark.parametrize("before", range(6))
async def test_bad_data_beside_a_preparation_harms_nobody(journal: Journal, before: int) -> None:
    await arrive(journal, 0, before)
    bad, good = journal.write(told_again), journal.write(partial(arrives, delivery=str(before)))
    await good
    with pytest.raises(DatabaseError):
        await bad
    await arrive(journal, before + 1, MANY)
    assert await deliveries(journal) == list(range(MANY))
    assert await known_by_name(journal) in (1, 2)  # with one that is not used any more


async def test_behind_a_pooler_of_transactions_everything_arrives_once(server: Postgres) -> None:
    async with pooler(server) as url:
        with_url(url)
        journals = [await started() for _ in range(3)]
        await journals[0].write(lambda rows: rows.run("DELETE FROM gateway_inbox"))
        arriving = [
            arrive(journal, MANY * place, MANY * (place + 1))
            for place, journal in enumerate(journals)
        ]
        await asyncio.gather(*arriving)
        found = await deliveries(journals[0])
        await asyncio.gather(*(journal.stop() for journal in journals))
    assert sorted(found) == list(range(MANY * 3))
