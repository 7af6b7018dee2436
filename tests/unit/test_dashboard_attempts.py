"""How often somebody may try to sign in."""

from __future__ import annotations

from gateway.dashboard.attempts import ADDRESSES, FAILURES, SECONDS, Attempts


def after_failures(count: int) -> Attempts:
    attempts = Attempts()
    for second in range(count):
        attempts.failed("192.0.2.1", float(second))
    return attempts


def test_one_failure_less_than_the_limit_costs_nothing() -> None:
    assert after_failures(FAILURES - 1).pause("192.0.2.1", 5.0) == 0


def test_too_many_failures_cost_the_rest_of_the_minute() -> None:
    assert after_failures(FAILURES).pause("192.0.2.1", 10.0) == SECONDS - 10


def test_the_pause_ends() -> None:
    assert after_failures(FAILURES).pause("192.0.2.1", SECONDS) == 0


def test_another_address_may_try() -> None:
    assert after_failures(FAILURES).pause("192.0.2.2", 10.0) == 0


def test_success_forgets_the_failures() -> None:
    attempts = after_failures(FAILURES)
    attempts.succeeded("192.0.2.1")
    assert attempts.pause("192.0.2.1", 10.0) == 0


def test_addresses_are_bounded() -> None:
    attempts = after_failures(FAILURES)
    for number in range(ADDRESSES):
        attempts.failed(f"address {number}", 6.0)
    assert attempts.pause("192.0.2.1", 10.0) == 0
