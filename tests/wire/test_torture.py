"""kill -9 under load, at each step of a message's way and at any moment: nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import dying
from checker import Died, faults
from services import postgres
from torture import NEVER_TWICE, POINTS, torture

DEATHS = 20
RESTARTS = (6, 12, 18)
"""The lives in which the XMPP server is restarted; in every fourth one its connection is cut."""

pytestmark = pytest.mark.timeout(300)


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


@pytest.mark.parametrize("seed", [2])
async def test_nothing_is_lost_whenever_the_process_dies(
    tmp_path: Path, database: str, seed: int
) -> None:
    async with torture(tmp_path, database, seed) as case:
        for number in range(1, DEATHS + 1):
            cut = case.cut if number % 4 == 0 else None
            await case.die_soon(case.restart if number in RESTARTS else cut)
        chronicle = await case.work_off()
    assert sum(isinstance(happening, Died) for happening in chronicle) == DEATHS
    assert faults(chronicle, never_twice=NEVER_TWICE) == []
