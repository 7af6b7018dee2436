"""The ledger cannot be written: nothing is acknowledged, and all goes on when it can be again."""

from __future__ import annotations

import json
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.testing.botapi import BotApi
from services import postgres
from serving import Serving
from tab import Tab

pytestmark = pytest.mark.timeout(120)

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{url}"
limits = "off"
"""


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Somebody else writes, and takes their time."""
    connection = sqlite3.connect(ledger, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def full(pid: int) -> Iterator[None]:
    """No file of a process can grow any more."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def test_a_locked_ledger_is_waited_for(tmp_path: Path, api: BotApi) -> None:
    bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
    gateway = Serving(tmp_path, CONFIGURATION.format(token=TOKEN, url=api.url))
    async with gateway:
        await tom.says(bot, "/echo before")
        await api.private(tom, bot).wait_for("before", seconds=30)
        await gateway.quiet()
        with locked(tmp_path / "gateway.sqlite3"):
            await tom.says(bot, "/echo during")
            await gateway.run("version")
            assert api.private(tom, bot).texts == ["before"]
        await api.private(tom, bot).wait_for("during", seconds=30)
        assert api.private(tom, bot).texts == ["before", "during"]


async def test_a_full_disk_stops_the_acknowledgement_and_nothing_else(
    tmp_path: Path, api: BotApi
) -> None:
    bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
    gateway = Serving(tmp_path, CONFIGURATION.format(token=TOKEN, url=api.url))
    async with gateway, Tab(gateway.page) as tab:
        await tom.says(bot, "/echo before")
        await api.private(tom, bot).wait_for("before", seconds=30)
        await gateway.quiet()
        with full(gateway.pid):
            await tom.says(bot, "/echo during")
            await gateway.says("the ledger is away")
            assert "ledger" in json.loads((await gateway.run("status", "--json"))[1])
            assert api.private(tom, bot).texts == ["before"]
            assert tab.closed is None
        await api.private(tom, bot).wait_for("during", seconds=30)
        await tab.say("/echo in the browser too")
        await tab.shown("in the browser too")
        assert api.private(tom, bot).texts == ["before", "during"]


async def test_a_database_that_is_away_is_waited_for_with_connections_kept(
    tmp_path: Path, api: BotApi
) -> None:
    bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
    async with postgres() as database:
        top = f'database = "{database.url}"\n'
        gateway = Serving(tmp_path, top + CONFIGURATION.format(token=TOKEN, url=api.url))
        async with gateway, Tab(gateway.page) as tab:
            await tom.says(bot, "/echo before")
            await api.private(tom, bot).wait_for("before", seconds=30)
            await gateway.quiet()
            await database.stop()
            await tom.says(bot, "/echo during")
            await gateway.says("the ledger is away")
            assert api.private(tom, bot).texts == ["before"]
            await database.start()
            await api.private(tom, bot).wait_for("during", seconds=30)
            assert tab.closed is None
            assert api.private(tom, bot).texts == ["before", "during"]
