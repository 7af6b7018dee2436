"""How long an account can be without a home when the process that has it dies."""

from __future__ import annotations


def test_a_lease_is_over_and_asked_for_again_within_five_seconds() -> None:
    """A holder renews, and others ask, three times in its length; see ``Leases.keep``."""
    from gateway.delivery import leases

    assert leases.SECONDS + leases.SECONDS / 3 <= 5
