"""What is asked of the ledger, on both databases: what it answers, and that it does not scan."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import dj_database_url
import pytest
import pytest_asyncio
from django.apps import apps
from django.core.management import call_command
from django.db import connections

from gateway.vocabulary.events import Facts
from services import postgres

if TYPE_CHECKING:
    from gateway.ledger.journal import Journal
    from gateway.ledger.rows import Rows

ACCOUNT = "telegram:default"
PERSON = f"{ACCOUNT}:7"
OLD = f"{ACCOUNT}:-5"
NEW = f"{ACCOUNT}:-1005"
ROOM = "room:default:lobby"
DAY = 86_400.0
NOW = 1_000 * DAY
LONG_AGO = NOW - 100 * DAY
FACTS: Facts = {
    "bot": {"id": "1", "name": "Bot"},
    "chat": {"id": "7", "kind": "group", "title": "Friends"},
    "thread": None,
    "user": None,
    "extensions": {},
}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["sqlite", "postgres"])
async def tables(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """The alias of a database with our tables."""
    alias = f"queries-{request.param}"
    default = connections.databases["default"]
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("queries") / "ledger.sqlite3"
        connections.databases[alias] = {**default, "NAME": str(path)}
        await _made(alias)
        yield alias
        return
    async with postgres() as server:
        connections.databases[alias] = {
            **default,
            "OPTIONS": {},
            **dj_database_url.parse(server.url),
        }
        await _made(alias)
        yield alias


async def _made(alias: str) -> None:
    await asyncio.to_thread(_make, alias)


def _make(alias: str) -> None:
    call_command("migrate", database=alias, verbosity=0, interactive=False)
    connections[alias].close()


@pytest.fixture
async def journal(tables: str) -> AsyncIterator[Journal]:
    """A ledger with nothing in it."""
    from gateway.ledger.journal import Journal

    journal = Journal(tables)
    journal.start()
    await journal.write(_empty)
    yield journal
    await journal.stop()


def _empty(rows: Rows) -> None:
    for model in apps.get_app_config("gateway_ledger").get_models():
        rows.run(f"DELETE FROM {model._meta.db_table}")


def queued(rows: Rows, conversation: str, key: str, **more: Any) -> int:
    from gateway.ledger import queries

    sender, at = more.pop("sender", conversation), more.pop("at", LONG_AGO)
    number = queries.queue(
        rows, ACCOUNT, conversation, key, sender, {"text": key, "ref": key}, at, **more
    ).value()
    assert number is not None
    return number


def sent(rows: Rows, conversation: str, key: str, word: str = "sent", **more: Any) -> int:
    from gateway.ledger import queries

    number = queued(rows, conversation, key, **more)
    queries.outcome(rows, number, word, None if word == "sent" else "no")
    return number


def received(rows: Rows, conversation: str, delivery: str | None = None, **more: Any) -> int:
    from gateway.ledger import queries

    identity, at = more.pop("identity", "42"), more.pop("at", LONG_AGO)
    number = queries.record(rows, identity, delivery, conversation, {"text": "hi"}, at).value()
    assert number is not None
    return number


# The lines of the outbox


async def test_each_conversation_is_found_once(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for place in ("a", "b", "c"):
            for number in range(5):
                queued(rows, f"{ACCOUNT}:{place}", f"{place}{number}")

    await journal.write(fill)
    found = await journal.write(lambda rows: queries.lines(rows, ACCOUNT, "", 9, broadcast=False))
    assert found == [f"{ACCOUNT}:{place}" for place in "abc"]


async def test_those_behind_the_last_one_come_first(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for place in "abcd":
            queued(rows, f"{ACCOUNT}:{place}", place)

    await journal.write(fill)
    last = f"{ACCOUNT}:b"
    found = await journal.write(lambda rows: queries.lines(rows, ACCOUNT, last, 9, broadcast=False))
    assert found == [f"{ACCOUNT}:{place}" for place in "cdab"]


async def test_answers_and_broadcasts_are_asked_for_apart(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        queued(rows, OLD, "shout", broadcast=True)
        queued(rows, PERSON, "answer")

    await journal.write(fill)
    found = await journal.write(
        lambda rows: [queries.lines(rows, ACCOUNT, "", 9, broadcast=kind) for kind in (False, True)]
    )
    assert found == [[PERSON], [OLD]]


async def test_a_line_is_in_order_whatever_was_said(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for number in range(6):
            queued(rows, PERSON, str(number), broadcast=number % 2 == 0)
        queued(rows, OLD, "other")

    await journal.write(fill)
    found = await journal.write(lambda rows: queries.line(rows, ACCOUNT, PERSON, 4))
    assert [row.event["text"] for row in found] == ["0", "1", "2", "3"]


# What may not be scanned


Question = Callable[[Any, Any], Any]
QUESTIONS: dict[str, Question] = {
    "dead list": lambda ask, rows: ask.dead.letters(rows, 50),
    "dead retry --all": lambda ask, rows: ask.dead.letter_names(rows),
    "dead show": lambda ask, rows: ask.dead.letter(rows, "o5"),
    "broadcast": lambda ask, rows: ask.dead.failures(rows, "lobby#1", NOW, 100),
    "queue in": lambda ask, rows: ask.waiting.unhandled_by_conversation(rows),
    "queue held": lambda ask, rows: ask.waiting.held_by_name(rows),
    "names held": lambda ask, rows: ask.names_held(rows, "1"),
    "release": lambda ask, rows: ask.release(rows, "1", "the past", 64, ()),
    "queue out": lambda ask, rows: ask.waiting.queued_by_account(rows),
    "lines": lambda ask, rows: ask.lines(rows, ACCOUNT, "", 100, broadcast=False),
    "line": lambda ask, rows: ask.line(rows, ACCOUNT, PERSON, 16),
    "unhandled": lambda ask, rows: ask.unhandled(rows, PERSON, (), 64),
    "conversations unhandled": lambda ask, rows: ask.conversations_unhandled(rows, ACCOUNT),
    "due dialogues": lambda ask, rows: ask.due_dialogues(rows, ACCOUNT, NOW),
    "suspect": lambda ask, rows: ask.suspect(rows, ACCOUNT),
    "clear suspicion": lambda ask, rows: ask.clear_suspicion(rows, ACCOUNT),
    "prune inbox": lambda ask, rows: ask.prune_inbox(rows, NOW, 5, 100),
    "prune outbox": lambda ask, rows: ask.prune_outbox(rows, NOW, 5, 100),
}
WHOLE = re.compile(r"SCAN gateway_(inbox|outbox|step)(?! USING)|Seq Scan on gateway")
"""A step of a plan that reads a whole table. (Letters have a table to themselves.)"""


def explained(rows: Rows, using: str, question: Question) -> list[str]:
    """How the database finds what is asked for."""
    from gateway.ledger import queries
    from gateway.ledger.queries import dead, waiting  # noqa: F401 - reached as queries.dead

    plans: list[str] = []

    class Explaining(type(rows)):  # type: ignore[misc]
        def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
            prefix = "EXPLAIN QUERY PLAN" if self.vendor == "sqlite" else "EXPLAIN"
            super()._execute(f"{prefix} {sql}", parameters)
            plans.extend(str(row[-1]) for row in self._cursor.fetchall())
            super()._execute(sql, parameters)

    question(queries, Explaining(connections[using]))
    return plans


def _fill(rows: Rows) -> None:
    """As a ledger is after some weeks: nearly all is done with."""
    for number in range(300):
        place = f"{ACCOUNT}:{number % 30}"
        received(rows, place, str(number))
        sent(rows, place, f"{place}|i{number}|r")
        rows.run(
            "INSERT INTO gateway_dead (account, event, error, at) VALUES (%s, %s, %s, %s)",
            ACCOUNT,
            "{}",
            "no",
            LONG_AGO,
        )
    rows.run("UPDATE gateway_inbox SET state = 2")
    received(rows, PERSON)
    queued(rows, PERSON, "open")
    sent(rows, PERSON, "refused", "refused")


@pytest.mark.parametrize("name", list(QUESTIONS))
async def test_what_is_asked_often_reads_no_whole_table(
    journal: Journal, tables: str, name: str
) -> None:
    await journal.write(_fill)

    def plans(rows: Rows) -> list[str]:
        if rows.vendor == "postgresql":  # so small a table is read whole all the same
            rows.run("SET LOCAL enable_seqscan = off")
            rows.flush()
        return explained(rows, tables, QUESTIONS[name])

    found = await journal.write(plans)
    assert found
    assert not [step for step in found if WHOLE.search(step)]


# What is pruned


async def pruned(journal: Journal, table: str, **more: Any) -> int:
    """How many rows go when all is old that is not of these days, in steps of three."""
    from gateway.ledger import queries

    prune = getattr(queries, f"prune_{table}")
    total, after = 0, 0
    while True:
        step = partial(prune, before=NOW, limit=3, after=after, **more)
        count, last = cast("tuple[int, int | None]", await journal.write(step))
        total += count
        if last is None:
            return total
        after = last


async def left(journal: Journal, sql: str) -> list[Any]:
    return [row[0] for row in await journal.write(lambda rows: rows.all(sql))]


async def test_what_was_sent_refused_or_of_unknown_fate_goes_when_it_is_old(
    journal: Journal,
) -> None:
    def fill(rows: Rows) -> None:
        for word in ("sent", "refused", "unknown"):
            sent(rows, PERSON, f"{PERSON}||{word}", word)

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 3


async def test_what_waits_to_be_sent_stays_however_old(journal: Journal) -> None:
    await journal.write(lambda rows: queued(rows, PERSON, f"{PERSON}||x"))
    assert await pruned(journal, "outbox") == 0


async def test_what_is_young_stays(journal: Journal) -> None:
    def fill(rows: Rows) -> None:
        for number in range(10):
            sent(rows, PERSON, f"{PERSON}||{number}", at=NOW + number - 5)

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 5


async def test_what_an_open_event_said_stays(journal: Journal) -> None:
    def fill(rows: Rows) -> None:
        number = received(rows, PERSON)
        sent(rows, OLD, f"{PERSON}|i{number}|r", sender=PERSON)

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 0


async def test_what_a_handled_event_said_goes_though_others_are_open(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        number = received(rows, PERSON)
        sent(rows, PERSON, f"{PERSON}|i{number}|r")
        queries.settle(rows, number)
        received(rows, PERSON)

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 1


async def test_what_was_said_about_an_unread_entry_stays(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        queries.keep_cursor(rows, PERSON, ROOM, 6)
        for seq in (6, 7):
            sent(rows, PERSON, f"{PERSON}|lobby#{seq}|r")

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 1
    assert await left(journal, "SELECT key FROM gateway_outbox") == [f"{PERSON}|lobby#7|r"]


async def test_what_was_said_about_an_entry_whose_handler_waits_stays(journal: Journal) -> None:
    def fill(rows: Rows) -> None:
        received(rows, ROOM, "lobby#7", identity=ROOM)
        sent(rows, PERSON, f"{ROOM}|lobby#7|r", sender=ROOM)

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 0


async def test_a_welcome_is_not_forgotten_while_its_conversation_lives(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        queries.keep_facts(rows, PERSON, ACCOUNT, FACTS)
        sent(rows, PERSON, f"{PERSON}|connect|r")
        sent(rows, OLD, f"{OLD}|connect|r")

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 1
    assert await left(journal, "SELECT sender FROM gateway_outbox") == [PERSON]


async def test_what_a_moved_conversation_said_is_known_by_its_former_name(
    journal: Journal,
) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        number = received(rows, OLD)
        sent(rows, OLD, f"{OLD}|i{number}|r")
        queries.rename(rows, OLD, NEW, FACTS, NOW)

    await journal.write(fill)
    assert await pruned(journal, "outbox") == 0


async def test_handled_arrivals_go_with_what_their_handlers_learned(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for _ in range(4):
            number = received(rows, PERSON)
            queries.keep_step(rows, PERSON, f"i{number}", 0, "answer")
            queries.settle(rows, number)

    await journal.write(fill)
    assert await pruned(journal, "inbox") == 4
    assert await left(journal, "SELECT cause FROM gateway_step") == []


async def test_open_arrivals_stay_with_what_their_handlers_learned(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        number = received(rows, PERSON)
        queries.keep_step(rows, PERSON, f"i{number}", 0, "answer")

    await journal.write(fill)
    assert await pruned(journal, "inbox") == 0
    assert len(await left(journal, "SELECT cause FROM gateway_step")) == 1


async def test_the_opening_of_a_conversation_is_never_forgotten(journal: Journal) -> None:
    from gateway.ledger import queries
    from gateway.vocabulary.refs import OPENING

    def fill(rows: Rows) -> None:
        queries.keep_step(rows, PERSON, OPENING, 0, True)
        queries.settle(rows, received(rows, PERSON))

    await journal.write(fill)
    await pruned(journal, "inbox")
    assert await left(journal, "SELECT cause FROM gateway_step") == [OPENING]


async def test_the_last_entries_of_a_log_stay(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for number in range(10):
            queries.append(rows, ROOM, f"lobby|{number}", {"text": "hi"}, LONG_AGO)

    await journal.write(fill)
    assert await pruned(journal, "entries", keep=4) == 6


async def test_a_welcome_in_a_log_stays(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for key in ("web:default:~a|connect|r", "lobby|connect-4711", "lobby|connected"):
            queries.append(rows, ROOM, key, {"text": "hi"}, LONG_AGO)

    await journal.write(fill)
    assert await pruned(journal, "entries", keep=0) == 1


async def test_what_the_handler_of_an_old_entry_learned_stays_while_it_waits(
    journal: Journal,
) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        queries.keep_cursor(rows, ROOM, ROOM, 2)
        for number in range(2):
            queries.append(rows, ROOM, f"lobby|{number}", {"text": "hi"}, LONG_AGO)
            queries.keep_step(rows, ROOM, f"lobby#{number + 1}", 0, "answer")
        received(rows, ROOM, "lobby#2", identity=ROOM)

    await journal.write(fill)
    await pruned(journal, "entries", keep=0)
    assert await left(journal, "SELECT cause FROM gateway_step") == ["lobby#2"]


async def test_old_letters_go(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for at in (LONG_AGO, NOW + 1):
            queries.set_aside(rows, ACCOUNT, PERSON, {}, "no", at)

    await journal.write(fill)
    assert await pruned(journal, "dead") == 1


def _one_of_each(rows: Rows, number: int) -> None:
    """Something old for each table."""
    from gateway.ledger import queries

    queries.settle(rows, received(rows, PERSON))
    sent(rows, PERSON, f"key{number}")
    queries.append(rows, ROOM, f"lobby|{number}", {"text": "hi"}, LONG_AGO)
    queries.keep_copy(rows, f"ref{number}", PERSON, 0, str(number), "a", LONG_AGO)
    queries.set_aside(rows, ACCOUNT, PERSON, {}, "no", LONG_AGO)


async def _old_rows(journal: Journal, count: int) -> None:
    await asyncio.gather(
        *(journal.write(partial(_one_of_each, number=number)) for number in range(count))
    )


@pytest.mark.parametrize("table", ["inbox", "outbox", "entries", "copies", "dead"])
async def test_no_look_takes_more_than_it_may(journal: Journal, table: str) -> None:
    from gateway.ledger import queries

    await _old_rows(journal, 5)
    keep = {"keep": 0} if table == "entries" else {}
    look = partial(getattr(queries, f"prune_{table}"), before=NOW, limit=2, after=0, **keep)
    count, last = await journal.write(look)
    assert (count, last is None) == (2, False)


async def test_look_by_look_everything_old_is_taken_away(journal: Journal) -> None:
    from gateway.delivery.retention import Retention

    async def files(_: float) -> int:
        return 0

    await _old_rows(journal, 50)
    # All but the log, of which the last thousand entries stay.
    assert await Retention(journal, 30, files).prune(NOW) == 4 * 50


# A chat that moved


async def test_the_copies_of_the_new_place_count_more_than_those_that_come(
    journal: Journal,
) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        queries.keep_copy(rows, "lobby#1", OLD, 0, "5", "a", NOW)
        queries.keep_copy(rows, "lobby#2", OLD, 0, "6", "a", NOW)
        queries.keep_copy(rows, "lobby#3", NEW, 0, "5", "a", NOW)
        queries.rename(rows, OLD, NEW, FACTS, NOW)

    await journal.write(fill)
    found = await left(journal, "SELECT message FROM gateway_copy ORDER BY message")
    assert found == ["lobby#2", "lobby#3"]


async def test_native_ids_that_begin_anew_name_the_latest_message(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> str | None:
        queries.keep_copy(rows, "lobby#1", OLD, 0, "5", "a", NOW)
        queries.rename(rows, OLD, NEW, FACTS, NOW)
        queries.keep_copy(rows, "lobby#2", NEW, 0, "5", "a", NOW)
        return queries.message_from_native(rows, NEW, "5")

    assert await journal.write(fill) == "lobby#2"


@pytest.mark.parametrize(
    ("native", "topic"), [("5", f"{OLD}:3"), ("6", None), ("7", None)], ids=str
)
async def test_topic_of_a_message_is_found_by_its_native_id(
    journal: Journal, native: str, topic: str | None
) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> str | None:
        for place, own in ((f"{OLD}:3", "5"), (OLD, "6"), (f"{OLD}0:3", "7")):
            queries.keep_facts(rows, place, ACCOUNT, FACTS)
            queries.keep_copy(rows, f"lobby#{own}", place, 0, own, "a", NOW)
        return queries.topic_with(rows, ACCOUNT, OLD, native)

    assert await journal.write(fill) == topic


async def test_what_is_double_after_a_move_is_there_once(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        for place in (OLD, NEW):
            queries.keep_facts(rows, place, ACCOUNT, FACTS)
            queries.keep_step(rows, place, "connect", 0, True)
            queries.enter_group(rows, "news", place)
            queries.join(rows, place, "lobby", ROOM, configured=False)
            received(rows, place, "lobby#1", identity=place)
        for _ in range(2):
            queries.rename(rows, OLD, NEW, FACTS, NOW)

    await journal.write(fill)
    tables = ("step", "membership", "member", "cursor")
    found = [await left(journal, f"SELECT conversation FROM gateway_{one}") for one in tables]
    assert found == [[NEW]] * 4


async def test_a_dialogue_about_a_rooms_message_ends_after_a_move(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> None:
        received(rows, OLD, "lobby#1", identity=OLD)
        queries.rename(rows, OLD, NEW, FACTS, NOW)
        queries.settle_delivery(rows, NEW, "lobby#1")

    await journal.write(fill)
    assert await left(journal, "SELECT state FROM gateway_inbox") == [2]


async def test_a_send_set_aside_is_queued_again_under_the_new_name(journal: Journal) -> None:
    from gateway.ledger import queries
    from gateway.ledger.queries import dead

    def fill(rows: Rows) -> Any:
        number = sent(rows, OLD, "x", "refused")
        queries.rename(rows, OLD, NEW, FACTS, NOW)
        return dead.queue_again(rows, f"o{number}")

    assert (await journal.write(fill)).conversation == NEW


async def test_a_name_of_a_name_leads_to_the_last(journal: Journal) -> None:
    from gateway.ledger import queries

    def fill(rows: Rows) -> str:
        queries.rename(rows, OLD, NEW, FACTS, NOW)
        queries.rename(rows, NEW, PERSON, FACTS, NOW + 1)
        return queries.name_now(rows, OLD)

    assert await journal.write(fill) == PERSON


# Accounts


@pytest.mark.parametrize("other", ["xmpp:a-b", "xmpp:A_B"])
async def test_a_member_of_an_account_with_a_similar_name_is_not_ours(
    journal: Journal, other: str
) -> None:
    from gateway.ledger import queries

    def operation(rows: Rows) -> set[str]:
        queries.join(rows, f"{other}:lobby@rooms", "lobby", ROOM, configured=False)
        queries.join(rows, "xmpp:a_b:lobby@rooms", "lobby", ROOM, configured=False)
        return set(queries.groups_and_members(rows, "xmpp:a_b"))

    assert await journal.write(operation) == {"xmpp:a_b:lobby@rooms"}


async def test_what_is_passed_over_is_counted_as_far_as_it_is_messages(journal: Journal) -> None:
    from gateway.ledger import queries

    def look(rows: Rows) -> list[int]:
        rows.run("DELETE FROM gateway_entry WHERE stream = %s", ROOM)
        kinds = ("message", "message", "reaction", "message", "message")
        for number, kind in enumerate(kinds):
            event = {"type": f"room.{kind}", "text": '{"type":"room.message"}'}
            last, _ = queries.append(rows, ROOM, f"lobby|{number}", event, NOW)
        rows.run("DELETE FROM gateway_entry WHERE stream = %s AND seq = %s", ROOM, last - 4)
        start = last - 5
        shown = queries.position_to_show(rows, ROOM, start, 1, 0.0)
        pruned = queries.position_to_show(rows, ROOM, start, 100, 0.0)
        assert (shown, pruned) == (last - 1, start + 1)
        return [queries.messages_between(rows, ROOM, start, end) for end in (shown, pruned)]

    assert await journal.write(look) == [3, 1]
