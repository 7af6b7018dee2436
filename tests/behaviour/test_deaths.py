"""An event that kills the process does not kill it for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.delivery.remembering import DEATHS
from gateway.ledger import queries
from gateway.ledger.rows import Rows
from house import House, cancelled, wait

POISON = "poison"
PRIVATE = "telegram:default:1"


class Fragile(ChatConsumer):
    """Never comes to the end of a poisonous message; ``says`` and learns before that."""

    says: tuple[str, ...]
    in_hand: asyncio.Event

    async def chat_message(self, event: dict[str, Any]) -> None:
        if event["text"] != POISON:
            await self.reply(event["text"])
            return
        for word in type(self).says:
            await self.reply(word)
        type(self).in_hand.set()
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
async def fresh() -> None:
    Fragile.says = ()
    Fragile.in_hand = asyncio.Event()


async def start_with_poison_in_hand(house: House) -> None:
    Fragile.in_hand.clear()
    await house.start(Fragile.as_asgi())
    await wait(Fragile.in_hand)


async def poisoned(house: House) -> None:
    await house.start(Fragile.as_asgi())
    await house.hears(PRIVATE, POISON, "after it")
    await wait(Fragile.in_hand)
    await house.die()


async def test_an_event_with_which_the_process_died_five_times_is_set_aside(house: House) -> None:
    await poisoned(house)
    for _ in range(DEATHS - 1):
        await start_with_poison_in_hand(house)
        await house.die()
    await house.start(Fragile.as_asgi())
    assert await house.shows(PRIVATE, 1) == ["after it"]
    assert await house.dead() == [POISON]


async def test_a_stop_in_between_clears_an_event_of_suspicion(house: House) -> None:
    await poisoned(house)
    for _ in range(DEATHS - 2):
        await start_with_poison_in_hand(house)
        await house.die()
    await start_with_poison_in_hand(house)
    await house.fall()
    await start_with_poison_in_hand(house)
    assert await house.dead() == []


async def test_a_death_does_not_count_if_something_was_said_before(house: House) -> None:
    await poisoned(house)
    for number in range(DEATHS + 1):
        Fragile.says = tuple(f"word {place}" for place in range(number + 1))
        await start_with_poison_in_hand(house)
        await house.die()
    await start_with_poison_in_hand(house)
    assert await house.dead() == []


async def test_saying_the_same_again_saves_no_event(house: House) -> None:
    Fragile.says = ("hello",)
    await poisoned(house)
    for _ in range(DEATHS - 1):
        await start_with_poison_in_hand(house)
        await house.die()
    await house.start(Fragile.as_asgi())
    await house.shows(PRIVATE, 1)
    assert await house.dead() == [POISON]


async def test_reading_an_event_again_in_one_life_counts_as_no_death(house: House) -> None:
    await poisoned(house)
    await start_with_poison_in_hand(house)
    for _ in range(DEATHS):  # as after each outage of the ledger
        await house.board.conversations.record.unhandled(PRIVATE, (), 64)
    await house.die()
    await start_with_poison_in_hand(house)
    assert await house.dead() == []


async def test_a_reading_that_its_application_gave_up_counts_as_no_other_death(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    await house.start(Fragile.as_asgi())
    event = house.arrival(PRIVATE, POISON).event

    def died(rows: Rows) -> None:
        queries.record(rows, "somebody", None, PRIVATE, event, 0.0)
        queries.suspect(rows, "telegram:default")

    await house.board.journal.write(died)
    for _ in range(DEATHS):
        await cancelled(house, house.board.conversations.record.unhandled(PRIVATE, (), 64))
    found = await house.board.conversations.record.unhandled(PRIVATE, (), 64)
    assert [item.deaths for item in found] == [2]
