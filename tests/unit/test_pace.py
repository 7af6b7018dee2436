"""Token buckets, on a clock that the test turns."""

from __future__ import annotations

import asyncio

import pytest

from gateway.delivery.pace import CHATS, Bucket, Pace
from gateway.delivery.server import Limits, Rate


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken_at_once(pace: Pace, conversation: str, *, group: bool = False) -> int:
    count = 0
    while pace.wait(conversation, group=group) == 0 and count < 1_000:
        pace.take(conversation, group=group)
        count += 1
    return count


def test_a_full_bucket_gives_its_burst() -> None:
    bucket = Bucket.full(Rate(1, 1, burst=3), 0.0)
    for _ in range(3):
        assert bucket.wait(0.0) == 0
        bucket.take(0.0)
    assert bucket.wait(0.0) == 1


def test_a_bucket_fills_with_time() -> None:
    bucket = Bucket.full(Rate(20, 60, burst=1), 0.0)
    bucket.take(0.0)
    assert bucket.wait(3.0) == pytest.approx(0)


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    bucket = Bucket.full(Rate(1, 1, burst=2), 0.0)
    bucket.take(1_000.0)
    assert bucket.tokens == 1


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    bucket = Bucket.full(Rate(1, 1), 100.0)
    bucket.take(100.0)
    assert bucket.wait(50.0) == pytest.approx(1)


def test_without_limits_nobody_waits(clock: Clock) -> None:
    assert taken_at_once(Pace(Limits(), clock), "a") == 1_000


def test_a_chat_has_its_own_rate(clock: Clock) -> None:
    pace = Pace(Limits(chat=Rate(3, 3)), clock)
    assert (taken_at_once(pace, "a"), taken_at_once(pace, "b")) == (3, 3)


def test_an_account_has_one_rate_for_all_chats(clock: Clock) -> None:
    pace = Pace(Limits(account=Rate(30, 1)), clock)
    assert sum(taken_at_once(pace, str(chat)) for chat in range(100)) == 30


def test_a_group_has_a_rate_of_groups(clock: Clock) -> None:
    pace = Pace(Limits(chat=Rate(30, 1), group=Rate(20, 60)), clock)
    assert (taken_at_once(pace, "a", group=True), taken_at_once(pace, "b")) == (20, 30)


def test_what_the_network_asked_for_is_kept_for_the_chat(clock: Clock) -> None:
    pace = Pace(Limits(), clock)
    pace.hold(7, "a")
    assert (pace.wait("a", group=False), pace.wait("b", group=False)) == (7, 0)


def test_what_the_network_asked_for_is_kept_for_the_account(clock: Clock) -> None:
    pace = Pace(Limits(), clock)
    pace.hold(7)
    assert pace.wait("b", group=False) == 7


def test_a_hold_ends(clock: Clock) -> None:
    pace = Pace(Limits(), clock)
    pace.hold(7, "a")
    clock.now += 7
    assert pace.wait("a", group=False) == 0


def test_the_chats_that_are_kept_are_bounded(clock: Clock) -> None:
    pace = Pace(Limits(chat=Rate(1, 1)), clock)
    for chat in range(CHATS + 10):
        pace.take(str(chat), group=False)
    assert len(pace._chats) == CHATS


async def test_a_turn_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(Limits(chat=Rate(1, 0.02)), loop.time)
    began = loop.time()
    for _ in range(3):
        await pace.turn("a", group=False)
    assert loop.time() - began >= 0.039
