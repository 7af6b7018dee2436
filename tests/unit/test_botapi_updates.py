"""The simulated getUpdates: offsets, waiting, two pollers."""

import asyncio
import time

import pytest

from gateway.testing.botapi.errors import ApiFailure
from gateway.testing.botapi.updates import Timing, Updates


@pytest.fixture
def updates():
    return Updates(1, Timing(repeat=0, hurry=0, conflict=0.05))


def fill(updates, count):
    for number in range(count):
        updates.add("message", {"text": str(number)})


def numbers(found):
    return [update["update_id"] for update in found]


async def test_updates_come_until_they_are_confirmed(updates):
    fill(updates, 2)
    assert numbers(await updates.poll(0, 100, 0)) == [1, 2]
    assert numbers(await updates.poll(0, 100, 0)) == [1, 2]


async def test_offset_confirms_what_is_before_it(updates):
    fill(updates, 3)
    assert numbers(await updates.poll(3, 100, 0)) == [3]
    assert numbers(await updates.poll(0, 100, 0)) == [3]


async def test_negative_offset_counts_from_the_end(updates):
    fill(updates, 5)
    assert numbers(await updates.poll(-2, 100, 0)) == [4, 5]


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (100, 100), (0, 100), (1000, 100)])
async def test_limit_is_at_most_a_hundred(updates, limit, count):
    fill(updates, 150)
    assert len(await updates.poll(0, limit, 0)) == count


async def test_waiting_poll_is_answered_by_the_first_update(updates):
    poll = asyncio.create_task(updates.poll(0, 100, 60))
    await asyncio.sleep(0)
    fill(updates, 1)
    assert numbers(await asyncio.wait_for(poll, 20)) == [1]


async def test_poll_without_updates_ends_empty(updates):
    assert await updates.poll(0, 100, 0.02) == []


async def test_second_poll_ends_a_waiting_one(updates):
    first = asyncio.create_task(updates.poll(0, 100, 60))
    await asyncio.sleep(0)
    second = asyncio.create_task(updates.poll(0, 100, 60))
    with pytest.raises(ApiFailure, match="terminated by other getUpdates") as failure:
        await asyncio.wait_for(first, 20)
    assert failure.value.code == 409
    fill(updates, 1)
    assert numbers(await asyncio.wait_for(second, 20)) == [1]


async def test_two_polls_both_get_what_is_queued(updates):
    fill(updates, 1)
    both = await asyncio.gather(updates.poll(0, 100, 1), updates.poll(0, 100, 1))
    assert [numbers(found) for found in both] == [[1], [1]]


async def test_second_conflict_is_held_back(updates):
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(ApiFailure):
            await updates.refuse("because")
    assert time.monotonic() - started >= 0.05


async def test_repeated_offset_waits():
    updates = Updates(1, Timing(repeat=0.05, hurry=0))
    await updates.poll(0, 100, 0)
    started = time.monotonic()
    await updates.poll(0, 100, 0)
    assert time.monotonic() - started >= 0.04


async def test_quickly_repeated_offset_gets_one_update():
    updates = Updates(1, Timing(repeat=0, hurry=10))
    fill(updates, 5)
    await updates.poll(0, 100, 0)
    assert len(await updates.poll(0, 100, 0)) == 1


def test_kind_that_was_not_asked_for_is_dropped_when_it_happens(updates):
    updates.allow(["message"])
    assert updates.add("edited_message", {}) is None
    updates.allow([])
    assert numbers(updates.waiting.values()) == []


def test_kinds_that_come_on_request_only(updates):
    assert updates.add("message_reaction", {}) is None
    updates.allow(["message_reaction"])
    assert updates.add("message_reaction", {}) == 1


def test_empty_list_asks_for_the_default(updates):
    updates.allow(["poll"])
    updates.allow([])
    assert updates.add("message", {}) == 1
