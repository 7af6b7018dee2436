"""How much is taken away at once: as much as keeps nobody waiting."""

from __future__ import annotations

from gateway.delivery.retention import AT_ONCE, BATCH, next_limit


def test_a_look_that_took_too_long_is_followed_by_a_smaller_one() -> None:
    assert next_limit(100, 4 * AT_ONCE) == 25


def test_one_row_is_always_looked_at() -> None:
    assert next_limit(1, 100.0) == 1


def test_a_quick_look_is_followed_by_one_twice_as_large() -> None:
    assert next_limit(20, 0.0) == 40


def test_no_look_is_larger_than_a_batch() -> None:
    assert next_limit(BATCH, 0.0) == BATCH
