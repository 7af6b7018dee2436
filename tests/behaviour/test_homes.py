"""Order, where whoever recorded something did not live to pass it on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest
from django.db import connections

from consumers.base import ChatConsumer
from gateway.delivery import switchboard
from gateway.delivery.status import State
from gateway.ledger.queries import append
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import LedgerAway, Refused
from gateway.vocabulary.events import Event
from house import PATIENCE, House, cancelled, writing

ACCOUNT = "telegram:default"
PERSON = f"{ACCOUNT}:7"
STREAM = "room:default:lobby"
OPERATOR = {"id": "user:1", "name": "Op", "handle": None, "kind": "person", "private": None}


class Echo(ChatConsumer):
    async def chat_message(self, event: Event) -> None:
        await self.reply(event["text"])


@pytest.fixture(autouse=True)
def holding_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def say(house: House, text: str) -> Coroutine[Any, Any, None]:
    """Queue a send that no event is the cause of."""
    event = {"type": "chat.message", "text": text}
    return house.board.conversations.record.said(PERSON, None, 0, event)  # type: ignore[return-value]


async def away_from_home(house: House) -> None:
    """Let the account's lease run out, as when a machine is too busy to renew it."""
    leases = house.board.leases
    leases.seconds, usual = 0.03, leases.seconds
    await leases.renew()
    leases.seconds = usual
    await house.until(lambda: not leases.holds(ACCOUNT))


def rename(house: House, table: str, name: str) -> None:
    """Give a table another name; not as one of the writes that want it, which fail together."""
    other = connections.create_connection(house.ledger)
    Rows(other).run(f"ALTER TABLE {table} RENAME TO {name}")
    other.close()


async def test_what_was_recorded_as_its_server_was_stopped_is_heard_before_what_comes(
    house: House,
) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(PERSON, "first")
    await house.shows(PERSON, 1)
    await cancelled(house, house.hears(PERSON, "second"))
    await house.hears(PERSON, "third")
    assert await house.shows(PERSON, 3) == ["first", "second", "third"]


async def test_what_was_said_by_somebody_who_gave_up_is_sent_before_what_is_said_then(
    house: House,
) -> None:
    await house.start(Echo.as_asgi())
    house.watch(PERSON)
    await cancelled(house, say(house, "first"))
    await say(house, "second")
    assert await house.shows(PERSON, 2) == ["first", "second"]


async def test_what_was_recorded_away_from_home_is_heard_before_what_comes(house: House) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(PERSON, "first")
    await house.shows(PERSON, 1)
    await away_from_home(house)
    await house.hears(PERSON, "second")
    await house.board.leases.renew()
    await house.hears(PERSON, "third")
    assert await house.shows(PERSON, 3) == ["first", "second", "third"]


async def test_what_was_said_away_from_home_is_sent_before_what_is_said_then(house: House) -> None:
    await house.start(Echo.as_asgi())
    server = house.watch(PERSON)
    server.gate.clear()
    await say(house, "first")
    await away_from_home(house)
    await say(house, "second")
    await house.board.leases.renew()
    await say(house, "third")
    server.gate.set()
    assert await house.shows(PERSON, 3) == ["first", "second", "third"]


async def test_members_hear_what_they_missed_if_the_ledger_could_not_be_read_at_first(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(switchboard, "LOOK_SECONDS", 0.01)
    house.room("lobby", PERSON)
    await house.start(Echo.as_asgi())
    members = (PERSON, "web:default:lobby", STREAM)
    await house.until(lambda: None not in map(house.board.conversations.awake, members))
    await house.sleeps()  # nobody writes while a table is not there
    await away_from_home(house)
    event: Event = {"type": "room.message", "text": "hi", "author": OPERATOR, "origin": None}
    tell = partial(append, stream=STREAM, key="key", event=event, at=time.time())
    await house.board.journal.write(tell)
    rename(house, "gateway_cursor", "hidden")
    await house.board.leases.renew()
    await house.until(lambda: house.board.leases.holds(ACCOUNT))
    await house.until(lambda: "cannot be looked for" in caplog.text)
    rename(house, "hidden", "gateway_cursor")
    assert await house.shows(PERSON, 1) == ["Op (operator): hi"]


async def test_a_stream_that_could_not_be_followed_at_once_is_followed_without_a_gap(
    house: House,
) -> None:
    await house.start(Echo.as_asgi())
    board, heard = house.board, []
    board.journal.patience = 0.05
    with writing(house.ledger):
        board.log.follow(STREAM, lambda entry: heard.append(entry.seq))
        await asyncio.wait({board.journal.write(lambda rows: None)})
        assert board.journal.away
    opening = await board.log.open(STREAM)
    event: Event = {"type": "room.message", "text": "hi"}
    seq, _ = await board.journal.write(lambda rows: append(rows, STREAM, "key", event, 0.0))
    board.log.publish(STREAM, seq, event)
    await house.until(lambda: bool(heard))
    assert heard == [opening.head + 1]


async def test_browsers_are_served_whoever_holds_the_lease(house: House) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(PERSON, "first")
    status = house.board.ports["web:default"].status
    status.set(State.CONNECTED, "listening")
    await away_from_home(house)
    await house.board.leases.renew()
    assert (status.state, status.detail) == (State.CONNECTED, "listening")


async def test_an_account_whose_lease_ran_out_is_not_said_to_be_served_elsewhere(
    house: House,
) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(PERSON, "first")
    status = house.board.ports[ACCOUNT].status
    status.set(State.CONNECTED)
    await away_from_home(house)
    await house.board.leases.renew()
    assert (status.state, status.detail) == (State.RECONNECTING, "its lease could not be renewed")


async def test_nobody_is_ready_while_the_ledger_cannot_be_written(house: House) -> None:
    await house.start(Echo.as_asgi())
    board = house.board
    board.serving, board.journal.patience = True, 0.05
    for port in board.ports.values():
        port.status.set(State.CONNECTED)
    assert board.ready
    with writing(house.ledger):
        await asyncio.wait({board.journal.write(lambda rows: None)})
        assert not board.ready


async def test_a_lease_that_was_taken_as_its_taker_was_stopped_is_given_back(
    house: House,
) -> None:
    """Nobody has to wait until it runs out, and no event is suspected to have killed anybody."""
    await house.start(Echo.as_asgi())
    leases = house.board.leases
    await cancelled(house, leases.want({"telegram:second"}))
    await leases.drop()
    assert await house.rows("SELECT name FROM gateway_lease") == []


async def test_a_code_that_the_ledger_did_not_take_invites_nobody(
    house: House,
) -> None:
    house.room("den")
    await house.start(Echo.as_asgi())
    await house.settled()
    house.board.journal.patience = 0.05
    with writing(house.ledger), pytest.raises(LedgerAway):
        await house.board.rooms.invite("den")
    house.board.journal.patience = PATIENCE
    code = await house.board.rooms.invite("den")
    assert await house.rows("SELECT code FROM gateway_room WHERE name = 'den'") == [(code,)]


async def test_a_move_that_the_ledger_did_not_take_is_none(house: House) -> None:
    old, new = f"{ACCOUNT}:-5", f"{ACCOUNT}:-15"
    await house.start(Echo.as_asgi())
    await house.settled()
    house.board.journal.patience = 0.05
    with writing(house.ledger), pytest.raises(LedgerAway):
        await house.board.move(old, new)
    assert house.board.names.now(old) == old


async def test_who_spoke_is_told_of_a_refusal_though_the_ledger_was_away_then(
    house: House,
) -> None:
    speaker = "xmpp:default:lobby@conference.example.org"
    house.room("lobby", PERSON, speaker)
    await house.start(Echo.as_asgi(), bots=False)
    server, journal = house.watch(PERSON), house.board.journal
    server.gate.clear()
    server.faults = [Refused("kicked", "bot was kicked")]
    await house.hears(speaker, "hi")
    await house.settled()
    journal.patience = 0.05
    with writing(house.ledger):
        server.gate.set()
        await house.until(lambda: bool(journal.away))
        with pytest.raises(LedgerAway):
            await journal.write(lambda rows: None)
    journal.patience = PATIENCE
    assert await house.shows(speaker, 1) == ["(not shown in 7, telegram: bot was kicked)"]
