"""kill -9 under load, at each step of a message's way and at any moment: nothing is lost."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import dying
import torture
from checker import Died, faults
from services import postgres
from torture import CONFIGURATION, TOKEN, Mortal, Network, Torture

PEOPLE = 6
GROUPS = 2
DEATHS = 20


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield "sqlite:///gateway.sqlite3"
    else:
        async with postgres() as server:
            yield server.url


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network() as network:
        yield network


async def tortured(tmp_path: Path, network: Network, database: str, seed: int) -> Torture:
    """Everybody talks to a bot that answers each message."""
    bot = network.bot(token=TOKEN, username="OurBot")
    configuration = CONFIGURATION.format(database=database, token=TOKEN, api=network.url)
    case = Torture(network, Mortal(tmp_path / "gateway", configuration), random.Random(seed))
    network.be_difficult()
    for number in range(PEOPLE):
        person = network.user(f"Person{number}")
        case.talk(person, network.private(person, bot))
    for number in range(GROUPS):
        group, person = network.group(f"Group{number}"), network.user(f"Member{number}")
        await group.invites(bot)
        await person.joins(group)
        case.talk(person, group)
    return case


@pytest.mark.timeout(120)
async def test_nothing_is_lost_whatever_point_the_process_dies_at(
    tmp_path: Path, network: Network, database: str
) -> None:
    case = await tortured(tmp_path, network, database, seed=1)
    points = [*dying.POINTS, *torture.POINTS]
    for point in points:
        await case.die_at(point)
    assert faults(await case.work_off()) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [2])
async def test_nothing_is_lost_whenever_the_process_dies(
    tmp_path: Path, network: Network, database: str, seed: int
) -> None:
    case = await tortured(tmp_path, network, database, seed)
    for _ in range(DEATHS):
        await case.die_soon()
    chronicle = await case.work_off()
    assert sum(isinstance(happening, Died) for happening in chronicle) == DEATHS
    assert faults(chronicle) == []
