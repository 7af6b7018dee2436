"""Several ``gateway serve`` processes over one ledger are one gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from gateway.schema import POSTGRES_LOCK
from gateway.testing.botapi import BotApi
from services import pooler, postgres, redis
from serving import Serving
from tab import Tab

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
ROOM = """
[rooms.lobby]
members = [{members}]
access = "open"
"""
TELEGRAM = """
[telegram]
token = "{token}"
api_url = "{url}"
limits = "off"
"""


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


async def telegram_and_ws(tmp_path: Path, api: BotApi, top: str) -> None:
    """One process has Telegram, the other the browser; they share the room both ways."""
    bot = api.bot(token=TOKEN, username="OurBot", can_read_all_group_messages=True)
    group, tom = api.group("Friends"), api.user("Tom")
    await group.invites(bot)
    await tom.joins(group)
    room = ROOM.format(members=f'"telegram:default:{group.id}"')
    configuration = top + TELEGRAM.format(token=TOKEN, url=api.url) + room
    telegram = Serving(tmp_path, configuration, "--protocols", "telegram", name="telegram.toml")
    web = Serving(tmp_path, configuration, "--protocols", "ws", name="web.toml")
    async with telegram, web, Tab(web.page, name="wendy") as tab:
        await tom.says(group, "from telegram")
        await tab.shown("from telegram")
        await tab.say("from the web")
        await group.wait_for("wendy (web): from the web")
        await tom.says(group, "/hello")
        await tab.shown("Hello Tom!")
        await group.wait_for("Hello Tom!")
    assert tab.texts.count("Hello Tom!") == 1


async def test_two_processes_share_a_room_by_their_ledger_alone(
    tmp_path: Path, api: BotApi
) -> None:
    await telegram_and_ws(tmp_path, api, "")


async def test_two_processes_share_a_room_over_redis(tmp_path: Path, api: BotApi) -> None:
    async with redis() as server:
        await telegram_and_ws(tmp_path, api, f'redis = "{server.url}"\n')


async def test_two_processes_share_a_room_over_postgres(tmp_path: Path, api: BotApi) -> None:
    async with redis() as layer, postgres() as database:
        top = f'redis = "{layer.url}"\ndatabase = "{database.url}"\n'
        await telegram_and_ws(tmp_path, api, top)


async def test_two_web_processes_share_a_room_and_survive_a_redis_restart(tmp_path: Path) -> None:
    async with redis() as server:
        top = f'redis = "{server.url}"\n'
        one = Serving(tmp_path, top, name="one.toml")
        two = Serving(tmp_path, top, name="two.toml")
        async with one, two, Tab(one.page, name="ann") as ann, Tab(two.page, name="ben") as ben:
            await ann.say("before")
            await ben.shown("before")
            await server.stop()
            await ann.say("during")
            await ben.shown("during")
            await server.start()
            await ben.say("after")
            await ann.shown("after")
            assert ann.texts == ben.texts == ["before", "during", "after"]
            assert ann.closed is None
            assert ben.closed is None


async def test_the_other_process_takes_over_when_one_is_killed(tmp_path: Path) -> None:
    one = Serving(tmp_path, "", name="one.toml")
    two = Serving(tmp_path, "", name="two.toml")
    async with one, two, Tab(two.page, "/ws/chat/", name="ben") as ben:
        await ben.say("/hello")
        await ben.shown("Hello ben!")
        await one.kill()
        await ben.say("/echo still there")
        await ben.shown("still there")


async def test_what_was_said_in_one_process_is_handled_before_what_is_said_in_another_then(
    tmp_path: Path,
) -> None:
    one = Serving(tmp_path, "", name="one.toml")
    two = Serving(tmp_path, "", name="two.toml")
    async with one, two, Tab(one.page, name="ann") as ann, Tab(two.page, name="ben") as ben:
        await ann.say("/echo nothing")
        await ben.shown("nothing")
        await ben.say("/echo first")
        await ben.wait(lambda: any(frame["type"] == "sent" for frame in ben.frames))
        await ann.say("/echo second")
        await ann.shown("first", "second")
    answers = [text for text in ann.texts if not text.startswith("/")]
    assert answers == ["nothing", "first", "second"]


async def test_another_ledger_at_the_same_redis_is_refused_by_name(tmp_path: Path) -> None:
    async with redis() as server:
        top = f'redis = "{server.url}"\n'
        async with Serving(tmp_path / "one", top):
            other = Serving(tmp_path / "two", top)
            with pytest.raises(RuntimeError, match="share the ledger"):
                await other.start()
            assert await other.stop() == 3


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_one_account_is_polled_by_one_process(tmp_path: Path, api: BotApi, end: str) -> None:
    bot = api.bot(token=TOKEN, username="OurBot")
    tom = api.user("Tom")
    configuration = TELEGRAM.format(token=TOKEN, url=api.url)
    one = Serving(tmp_path, configuration, "--protocols", "telegram", name="one.toml")
    two = Serving(tmp_path, configuration, "--protocols", "telegram", name="two.toml")
    async with one, two:
        await tom.says(bot, "/echo first")
        await api.private(tom, bot).wait_for("first")
        await two.says("served by process")
        await (one.stop() if end == "stop" else one.kill())
        await tom.says(bot, "/echo second")
        await api.private(tom, bot).wait_for("second", seconds=60)
    assert not [line for line in two.output if "another program polls" in line]


async def test_processes_that_start_at_once_make_the_tables_once(tmp_path: Path) -> None:
    async with postgres() as database:
        top = f'database = "{database.url}"\n'
        served = [Serving(tmp_path, top, name=f"{number}.toml") for number in range(3)]
        try:
            await asyncio.gather(*(one.start() for one in served))
        finally:
            await asyncio.gather(*(one.stop() for one in served))


async def test_a_gateway_that_started_behind_a_pooler_keeps_no_other_from_it(
    tmp_path: Path,
) -> None:
    locks = f"SELECT COUNT(*) FROM pg_locks WHERE objid = {POSTGRES_LOCK}"
    async with postgres() as database, pooler(database) as url:
        top = f'database = "{url}"\n'
        async with (
            Serving(tmp_path, top, "--protocols", "ws"),
            await psycopg.AsyncConnection.connect(database.url) as asked,
        ):
            found = await (await asked.execute(locks)).fetchone()
    assert found == (0,)
