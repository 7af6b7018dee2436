"""What a server notes with an arrival is kept in the commit of the arrival."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.testing.port import nobody
from gateway.vocabulary.errors import LedgerAway
from house import House

PERSON = "xmpp:default:alice@example.org"


@pytest.fixture
async def awake(house: House) -> House:
    await house.start(nobody)
    return house


async def take(house: House, text: str, word: str) -> None:
    """An arrival whose text is its delivery id."""
    arrival = replace(house.arrival(PERSON, text, text), note=("place", word))
    await house.server(PERSON).port.accept([arrival])


async def noted(house: House) -> str | None:
    return await house.server(PERSON).port.noted("place")


async def test_it_is_kept_with_an_arrival_that_is_new(awake: House) -> None:
    await take(awake, "hi", "1")
    assert await noted(awake) == "1"


async def test_it_is_kept_with_an_arrival_that_had_come_before(awake: House) -> None:
    await take(awake, "hi", "1")
    await take(awake, "hi", "2")
    assert await noted(awake) == "2"


async def test_it_is_kept_with_an_arrival_that_is_set_aside(awake: House) -> None:
    await take(awake, "lone \ud800 surrogate", "1")
    assert (await noted(awake), len(await awake.dead())) == ("1", 1)


async def test_an_arrival_is_set_aside_in_one_commit_with_it(awake: House) -> None:
    """Whoever was stopped between two would come upon it again, and set it aside once more."""
    before = awake.board.journal.operations
    await take(awake, "lone \ud800 surrogate", "1")
    assert awake.board.journal.operations - before == 1


async def test_it_is_not_kept_where_the_arrival_cannot_be(awake: House) -> None:
    awake.board.leases.holder = "a process that lost its account"
    with pytest.raises(LedgerAway):
        await take(awake, "hi", "1")
    assert await noted(awake) is None
