"""kill -9 under load, at each step of a message's way and at any moment: nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import dying
from checker import Died, faults
from services import postgres
from torture import NEVER_TWICE, POINTS, torture

SHORT_LIVES = ("",) * 8 + ("cut", "cut", "restart", "restart")
"""What happens to the XMPP connection or server in each, just before its end."""
LONG_LIVES = ("cut cut", "restart", "cut restart", "restart cut cut")
"""What happens in each, under load, before it lives on until everything has settled."""
DEATHS = len(SHORT_LIVES) + len(LONG_LIVES)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield "sqlite:///gateway.sqlite3"
    else:
        async with postgres() as server:
            yield server.url


async def test_nothing_is_lost_whatever_point_the_process_dies_at(
    tmp_path: Path, database: str
) -> None:
    async with torture(tmp_path, database, seed=1) as case:
        points = [*dying.POINTS, *POINTS]
        for number, point in enumerate(points, 1):
            await case.die_at(point)
            if number % 15 == 0:
                await case.restart()
        chronicle = await case.work_off()
    assert sum(isinstance(happening, Died) for happening in chronicle) == len(points)
    assert faults(chronicle, never_twice=NEVER_TWICE) == []


@pytest.mark.parametrize("seed", [2, 5])
async def test_nothing_is_lost_whenever_the_process_dies(
    tmp_path: Path, database: str, seed: int
) -> None:
    async with torture(tmp_path, database, seed) as case:
        lives = [(case.die_soon, one) for one in SHORT_LIVES]
        lives += [(case.die_late, one) for one in LONG_LIVES]
        for die, troubles in case.chance.sample(lives, DEATHS):
            await die(*(getattr(case, trouble) for trouble in troubles.split()))
        chronicle = await case.work_off()
    assert sum(isinstance(happening, Died) for happening in chronicle) == DEATHS
    assert faults(chronicle, never_twice=NEVER_TWICE) == []
