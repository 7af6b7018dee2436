"""Two processes that want one account: whom one takes for dead, and who is not."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest

from gateway.delivery.leases import Leases
from house import House

ACCOUNT = "telegram:wanted"
SECONDS = 3.0
"""Of a lease: longer than a busy machine lets a test wait for its turn."""
HOUR = 3600.0


@pytest.fixture
async def holder(house: House) -> Leases:
    """Who has the account, and renews nothing by itself."""
    await house.start(nobody)
    holder = Leases(house.board.journal, SECONDS)
    await holder.want({ACCOUNT})
    assert holder.holds(ACCOUNT)
    return holder


@pytest.fixture
def rival(house: House, holder: Leases) -> Leases:
    return Leases(house.board.journal, SECONDS)


async def nobody(*_: object) -> None:
    """No application."""


async def changed(house: House, sql: str, *parameters: object) -> None:
    await house.board.journal.write(
        lambda rows: rows.run(
            f"UPDATE gateway_lease SET {sql} WHERE name = %s", *parameters, ACCOUNT
        )
    )


def pid_of_nobody() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def looks(rival: Leases, seconds: float) -> None:
    """Try for the account as often as ``Leases.keep`` does, until it is had."""
    until = asyncio.get_running_loop().time() + seconds
    while not rival.holds(ACCOUNT) and asyncio.get_running_loop().time() < until:
        await rival.want({ACCOUNT})
        await asyncio.sleep(SECONDS / 3)


async def test_a_holder_that_died_here_is_replaced_at_once(
    house: House, holder: Leases, rival: Leases
) -> None:
    await changed(house, "until = until + %s, pid = %s", HOUR, pid_of_nobody())
    await rival.want({ACCOUNT})
    assert rival.holds(ACCOUNT)


async def test_a_holder_on_another_machine_of_our_name_is_not_looked_for_here(
    house: House, holder: Leases, rival: Leases
) -> None:
    own = socket.gethostname()
    await changed(house, "until = until + %s, host = %s, pid = %s", HOUR, own, pid_of_nobody())
    await rival.want({ACCOUNT})
    assert not rival.holds(ACCOUNT)


async def test_a_holder_that_hangs_is_replaced_though_the_clock_was_set_back(
    house: House, holder: Leases, rival: Leases
) -> None:
    await changed(house, "until = until + %s", HOUR)
    await looks(rival, 5 * SECONDS)
    assert rival.holds(ACCOUNT)


async def test_a_holder_that_lives_is_not_replaced_though_the_clock_was_set_forward(
    house: House, holder: Leases, rival: Leases
) -> None:
    await rival.want({ACCOUNT})
    for _ in range(6):
        await holder.renew()
        await changed(house, "until = until - %s", HOUR)
        await rival.want({ACCOUNT})
        await asyncio.sleep(SECONDS / 3)
    assert not rival.holds(ACCOUNT)
