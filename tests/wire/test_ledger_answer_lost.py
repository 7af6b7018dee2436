"""A commit took effect, and its answer was lost: nothing is doubled by it, and nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url
import pytest
import pytest_asyncio
from django.core.management import call_command
from django.db import connections

from cutting import ANSWER, COMMIT, Cut, Line
from gateway.testing.botapi import BotApi
from services import Postgres, postgres
from serving import Serving

if TYPE_CHECKING:
    from gateway.ledger.journal import Journal, Operation
    from gateway.ledger.rows import Rows

ALIAS = "answer-lost"
PERSON = "telegram:default:7"
CHAT = "web:default:ann"
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
MESSAGES = 12
CONFIGURATION = """
database = "{database}"

[telegram]
token = "{token}"
api_url = "{url}"
limits = "off"
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[Postgres]:
    async with postgres() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def line(server: Postgres) -> AsyncIterator[Line]:
    """A line to it, under ``ALIAS``."""
    async with Line(server.port) as passing:
        default = connections.databases["default"]
        parsed: Any = dj_database_url.parse(passing.url)
        connections.databases[ALIAS] = {**default, "OPTIONS": {}, **parsed}
        await asyncio.to_thread(_make)
        yield passing
        del connections.databases[ALIAS]


def _make() -> None:
    call_command("migrate", database=ALIAS, verbosity=0, interactive=False)
    connections[ALIAS].close()


@pytest_asyncio.fixture(loop_scope="module")
async def journal(line: Line) -> AsyncIterator[Journal]:
    """A ledger with nothing in it, and a commit behind it."""
    from gateway.ledger.journal import Journal

    journal = Journal(ALIAS, patience=30)
    journal.start()
    await journal.write(_empty)
    yield journal
    await journal.stop()


def _empty(rows: Rows) -> None:
    for table in ("inbox", "outbox", "entry", "stream", "step", "dead"):
        rows.run(f"DELETE FROM gateway_{table}")


def arrives(rows: Rows, delivery: str | None) -> Any:
    from gateway.ledger import queries

    return queries.record(rows, "42", delivery, PERSON, {"text": "hi"}, 1.0)


def is_sent(rows: Rows, key: str) -> Any:
    from gateway.ledger import queries

    account = "telegram:default"
    return queries.queue(rows, account, PERSON, key, PERSON, {"text": "hi"}, 1.0)


def is_told(rows: Rows, key: str) -> Any:
    from gateway.ledger import queries

    return queries.append(rows, CHAT, key, {"type": "web.message", "text": "hi"}, 1.0)


def is_learned(rows: Rows) -> None:
    from gateway.ledger import queries

    queries.keep_step(rows, PERSON, "i1", 1, "yes")


def is_set_aside(rows: Rows) -> None:
    from gateway.ledger import queries

    queries.set_aside(rows, "telegram:default", PERSON, {"text": "hi"}, "cannot be read", 1.0)


async def ids(journal: Journal, table: str) -> list[int]:
    sql = f"SELECT id FROM gateway_{table} ORDER BY id"
    return [row[0] for row in await journal.read_in_order(lambda rows: rows.all(sql))]


async def receipts(journal: Journal) -> int:
    sql = "SELECT COUNT(*) FROM gateway_note WHERE account = 'journal'"
    found = await journal.read_in_order(lambda rows: rows.one(sql))
    assert found is not None
    return int(found[0])


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("delivery", [None, "d1"])
@pytest.mark.parametrize("cut", [ANSWER, COMMIT])
async def test_an_arrival_is_recorded_once_and_known_as_new(
    journal: Journal, line: Line, cut: Cut, delivery: str | None
) -> None:
    line.cut(cut)
    number = await journal.write(partial(arrives, delivery=delivery))
    assert await ids(journal, "inbox") == [number]


async def test_an_arrival_that_was_there_before_is_known_as_such(
    journal: Journal, line: Line
) -> None:
    await journal.write(partial(arrives, delivery="d1"))
    line.cut(ANSWER)
    assert await journal.write(partial(arrives, delivery="d1")) is None


@pytest.mark.parametrize("cut", [ANSWER, COMMIT])
async def test_a_send_is_queued_once_and_known_as_new(
    journal: Journal, line: Line, cut: Cut
) -> None:
    line.cut(cut)
    number = await journal.write(partial(is_sent, key="k"))
    assert await ids(journal, "outbox") == [number]


@pytest.mark.parametrize("cut", [ANSWER, COMMIT])
async def test_an_entry_is_appended_once_and_known_as_new(
    journal: Journal, line: Line, cut: Cut
) -> None:
    line.cut(cut)
    assert await journal.write(partial(is_told, key="k")) == (1, True)
    assert len(await ids(journal, "entry")) == 1


@pytest.mark.parametrize("cut", [ANSWER, COMMIT])
async def test_what_a_handler_learned_is_kept_once(journal: Journal, line: Line, cut: Cut) -> None:
    line.cut(cut)
    await journal.write(is_learned)
    assert len(await ids(journal, "step")) == 1


@pytest.mark.parametrize("cut", [ANSWER, COMMIT])
async def test_what_has_no_name_is_set_aside_once(journal: Journal, line: Line, cut: Cut) -> None:
    line.cut(cut)
    await journal.write(is_set_aside)
    assert len(await ids(journal, "dead")) == 1


async def test_all_that_shared_the_commit_have_their_answers(journal: Journal, line: Line) -> None:
    line.cut(ANSWER)
    numbers = await asyncio.gather(*(journal.write(partial(arrives, delivery=None)) for _ in "abc"))
    assert await ids(journal, "inbox") == sorted(numbers)


async def test_the_line_may_break_again_while_the_journal_asks(
    journal: Journal, line: Line
) -> None:
    asking = Cut(b"SELECT 1 FROM gateway_note", arrives=True)
    line.cut(ANSWER, asking, asking)
    number = await journal.write(partial(arrives, delivery=None))
    assert await ids(journal, "inbox") == [number]


async def test_a_commit_may_fail_first_and_then_lose_its_answer(
    journal: Journal, line: Line
) -> None:
    line.cut(COMMIT, ANSWER)
    number = await journal.write(partial(arrives, delivery=None))
    assert await ids(journal, "inbox") == [number]


async def test_a_journal_leaves_few_receipts_however_often_it_writes(
    journal: Journal, line: Line
) -> None:
    from gateway.ledger.receipts import AT_ONCE

    await journal.write(lambda rows: rows.run("DELETE FROM gateway_note"))
    for number in range(3 * AT_ONCE):
        if number % 5 == 0:
            line.cut(ANSWER)
        await journal.write(partial(arrives, delivery=str(number)))
    assert 1 <= await receipts(journal) <= AT_ONCE + 1


async def test_who_only_reads_leaves_no_receipt(journal: Journal) -> None:
    from gateway.ledger.journal import Journal

    await journal.write(lambda rows: rows.run("DELETE FROM gateway_note"))
    before = await receipts(journal)
    other = Journal(ALIAS)
    other.start()
    await other.read_in_order(lambda rows: rows.all("SELECT id FROM gateway_inbox"))
    await other.stop()
    assert await receipts(journal) == before


async def test_the_receipts_of_processes_that_ended_are_taken_away(journal: Journal) -> None:
    from gateway.ledger.journal import Journal
    from gateway.ledger.queries import leave_receipt

    await journal.write(lambda rows: rows.run("DELETE FROM gateway_note"))
    left: Operation[bool] = partial(leave_receipt, name="of one that died", at=1.0)
    await journal.write(left)
    other = Journal(ALIAS)
    other.start()
    await other.write(partial(arrives, delivery=None))
    await other.stop()
    assert await receipts(journal) == 2  # of the two that live


async def test_each_message_is_answered_once_over_a_line_that_loses_answers(
    tmp_path: Path, server: Postgres
) -> None:
    async with BotApi() as api, Line(server.port) as line:
        bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
        configuration = CONFIGURATION.format(database=line.url, token=TOKEN, url=api.url)
        async with Serving(tmp_path, configuration) as gateway:
            await gateway.quiet()
            line.lose_answers(every=3)
            for number in range(MESSAGES):
                await tom.says(bot, f"/echo number {number}")
                await api.private(tom, bot).wait_for(f"number {number}", seconds=30)
            line.lose_answers(every=0)
            assert line.cuts >= MESSAGES // 3
        assert api.private(tom, bot).texts == [f"number {number}" for number in range(MESSAGES)]
