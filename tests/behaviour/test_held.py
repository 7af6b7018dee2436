"""What waits behind something is on disk, and its turn comes behind what was told before it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.answers import Answers
from gateway.delivery import port
from gateway.delivery.port import AccountPort
from gateway.ledger import queries
from gateway.vocabulary.events import Event
from house import House

PERSON = "xmpp:default:alice@example.org"
OTHER = "xmpp:default:bob@example.org"
PAST = "the archive of bot@example.org"


class Echo(ChatConsumer):
    """Says what it hears."""

    async def chat_message(self, event: Event) -> None:
        await self.reply(event["text"])


@pytest.fixture
async def awake(house: House) -> House:
    await house.start(Echo.as_asgi())
    return house


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are let go at once."""
    monkeypatch.setattr(port, "PORTION", 2)


def port_of(house: House) -> AccountPort:
    return house.board.port("xmpp:default")


async def take(house: House, *texts: str, behind: str | None = None, place: str = PERSON) -> None:
    """What the network tells; each text is its own delivery id."""
    arrivals = [house.arrival(place, text, text) for text in texts]
    await house.watch(place).port.accept([replace(one, behind=behind) for one in arrivals])


async def let_go(house: House, name: str = PAST, **settled: Any) -> None:
    while await port_of(house).release(name, **settled):
        pass


async def comes_back(house: House) -> None:
    """The process is killed, and started again."""
    await house.fall()
    await house.start(Echo.as_asgi())


async def test_what_waits_is_recorded_and_nobody_gets_it(awake: House) -> None:
    await take(awake, "live", behind=PAST)
    await awake.board.look()
    await take(awake, "past")
    assert await awake.shows(PERSON, 1) == ["past"]
    assert await awake.rows("SELECT held FROM gateway_inbox WHERE state = 4") == [(PAST,)]


async def test_what_was_let_go_comes_behind_what_was_told_in_its_old_order(
    awake: House, portions: None
) -> None:
    await take(awake, *"34567", behind=PAST)
    await take(awake, *"12")
    await let_go(awake)
    await take(awake, *"89")
    assert await awake.shows(PERSON, 9) == list("123456789")


async def test_the_numbers_of_what_was_let_go_are_in_that_order_too(
    house: House, portions: None
) -> None:
    """A conversation that was not awake finds them by their numbers."""
    await house.start(Echo.as_asgi())
    house.board.conversations.stopping = True  # it is given nothing
    await take(house, *"34567", behind=PAST)
    await take(house, *"12")
    await let_go(house)
    await comes_back(house)
    assert await house.shows(PERSON, 7) == list("1234567")


async def test_what_has_its_turn_is_numbered_behind_what_was_told_before_it(house: House) -> None:
    await house.start(Echo.as_asgi())
    house.board.conversations.stopping = True
    await take(house, *"23", behind=PAST)
    await take(house, *"1234")
    await comes_back(house)
    assert await house.shows(PERSON, 4) == list("1234")


async def test_each_name_is_let_go_by_itself(awake: House) -> None:
    await take(awake, "a", behind=PAST)
    await take(awake, "b", behind="the archive of den@rooms", place=OTHER)
    await let_go(awake, "the archive of den@rooms")
    assert await awake.shows(OTHER, 1) == ["b"]
    assert await port_of(awake).held() == [PAST]


async def test_a_kill_between_two_portions_loses_and_repeats_nothing(
    awake: House, portions: None
) -> None:
    await take(awake, *"34567", behind=PAST)
    await take(awake, *"12")
    assert await port_of(awake).release(PAST)
    await awake.shows(PERSON, 4)
    await awake.settled()
    await comes_back(awake)
    assert await port_of(awake).held() == [PAST]
    await let_go(awake)
    await awake.shows(PERSON, 3)
    await awake.settled()
    assert awake.shown(PERSON) == list("567")


async def test_what_waits_is_taken_once_however_often_it_comes(awake: House) -> None:
    for _ in range(3):
        await take(awake, *"12", behind=PAST)
    await let_go(awake)
    await take(awake, *"12", "3")
    assert await awake.shows(PERSON, 3) == list("123")


async def test_to_let_go_twice_changes_nothing(awake: House) -> None:
    await take(awake, *"12", behind=PAST)
    await let_go(awake)
    await let_go(awake)
    await take(awake, "3")
    assert await awake.shows(PERSON, 3) == list("123")


async def test_what_the_past_tells_of_those_that_wait_has_its_turn_there(awake: House) -> None:
    """A process died with them; what was said while it was away comes behind them."""
    await take(awake, *"23", behind=PAST)
    await comes_back(awake)
    await take(awake, *"67", behind=PAST)
    await take(awake, *"12345")
    assert await awake.shows(PERSON, 5) == list("12345")
    await let_go(awake)
    assert await awake.shows(PERSON, 7) == list("1234567")


async def test_what_had_its_turn_keeps_what_was_heard_live(awake: House) -> None:
    await take(awake, "live", behind=PAST)
    copy = awake.arrival(PERSON, "as the archive has it", "live")
    await port_of(awake).accept([copy])
    assert await awake.shows(PERSON, 1) == ["live"]


async def test_what_is_settled_goes_to_nobody(awake: House) -> None:
    await take(awake, *"123", behind=PAST)
    await let_go(awake, settled=frozenset("2"))
    await take(awake, "2", "4")
    assert await awake.shows(PERSON, 3) == list("134")
    assert await port_of(awake).held() == []


async def test_what_waits_moves_with_its_chat(awake: House) -> None:
    await take(awake, "live", behind=PAST)
    await port_of(awake).move(PERSON, OTHER)
    await let_go(awake)
    assert await awake.shows(OTHER, 1) == ["live"]


async def test_what_waits_is_never_pruned(awake: House) -> None:
    await take(awake, "told", "also told")
    await take(awake, "live", behind=PAST)
    await awake.shows(PERSON, 2)
    await awake.settled()
    await awake.board.journal.write(partial(queries.prune_inbox, before=inf, limit=9, after=0))
    await let_go(awake)
    assert await awake.shows(PERSON, 3) == ["told", "also told", "live"]
    assert await awake.rows("SELECT delivery FROM gateway_inbox") == [("live",)]


async def test_the_queue_says_what_is_waited_for(awake: House) -> None:
    await take(awake, *"123", behind=PAST)
    lines = await Answers(awake.board, lambda: "").verbs()["queue"]()
    assert [line["held"] for line in lines if line["account"] == "xmpp:default"] == [{PAST: 3}]
