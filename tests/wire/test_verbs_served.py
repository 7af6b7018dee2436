"""The verbs of people who look after a gateway, beside one that runs."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from gateway.testing.botapi import BotApi, Chat
from services import postgres
from serving import SECONDS, Serving
from tab import Tab

MOODY = """
import pathlib
from consumers.base import ChatConsumer

class Moody(ChatConsumer):
    async def chat_message(self, event):
        if not pathlib.Path("well").exists():
            raise RuntimeError("not today")
        await self.reply(f"You said: {event['text']}")
"""

TELEGRAM = """
unknown = "{unknown}"
[telegram]
token = "4242:abcdefghijklmnopqrstuvwxyz"
api_url = "{api}"
limits = "off"
[rooms.lobby]
members = ["telegram:default:{group}"]
"""


async def until(gateway: Serving, words: str, *verb: str) -> str:
    """Ask again until the answer has these words (a pattern); the answer."""
    async with asyncio.timeout(SECONDS):
        while True:
            _, printed = await gateway.run(*verb)
            if re.search(words, printed):
                return printed


# Dead letters


@pytest.fixture
async def moody(tmp_path: Path) -> AsyncIterator[tuple[Serving, Tab]]:
    """A gateway whose bot is not well, and what was said to it is set aside."""
    (tmp_path / "moody.py").write_text(MOODY)
    gateway = Serving(tmp_path, "", "--bot", "moody:Moody")
    async with gateway, Tab(gateway.page, "/ws/chat/") as tab:
        await tab.say("my secret")
        await until(gateway, "not today", "dead", "list")
        yield gateway, tab


async def test_what_a_bot_cannot_do_is_listed_without_its_text(moody: tuple[Serving, Tab]) -> None:
    gateway, _ = moody
    code, printed = await gateway.run("dead", "list", "--json")
    (letter,) = json.loads(printed)
    assert (code, letter["kind"], "my secret" in printed) == (0, "web.message", False)


async def test_what_was_said_is_shown_on_demand(moody: tuple[Serving, Tab]) -> None:
    gateway, _ = moody
    code, printed = await gateway.run("dead", "show", "1")
    assert (code, "my secret" in printed, "not today" in printed) == (0, True, True)


async def test_what_is_tried_again_is_answered(moody: tuple[Serving, Tab]) -> None:
    gateway, tab = moody
    (gateway.directory / "well").touch()
    assert await gateway.run("dead", "retry", "--all") == (0, "1 tried again\n")
    await tab.shown("You said: my secret")
    assert await gateway.run("dead", "list") == (0, "nothing was set aside\n")


async def test_what_is_dropped_is_gone(moody: tuple[Serving, Tab]) -> None:
    gateway, _ = moody
    assert await gateway.run("dead", "drop", "1", "-y") == (0, "1 dropped\n")
    code, printed = await gateway.run("dead", "retry", "1")
    assert (code, "there is no dead letter 1" in printed) == (1, True)


# A network that is slow, or does not want it


@dataclass
class Net:
    """A gateway with a Telegram group in its lobby."""

    gateway: Serving
    api: BotApi
    group: Chat

    async def broadcast(self, *words: str) -> asyncio.subprocess.Process:
        """Start the verb."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "broadcast", *words),
            cwd=self.gateway.directory,
            stdout=PIPE,
            stderr=STDOUT,
            # Shells let what they run in the background ignore it, and the programs of that too.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )


@pytest.fixture
async def net(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Net]:
    unknown = getattr(request, "param", "resend")
    async with BotApi() as api:
        bot = api.bot(token="4242:abcdefghijklmnopqrstuvwxyz", username="OurBot")
        group = api.group("Friends")
        await group.invites(bot)
        configuration = TELEGRAM.format(api=api.url, group=group.id, unknown=unknown)
        async with Serving(tmp_path, configuration) as gateway:
            await until(gateway, "telegram:default +connected", "status")
            yield Net(gateway, api, group)


async def test_where_nothing_waits_it_is_said(net: Net) -> None:
    await until(net.gateway, "^nothing waits\n$", "queue")


async def test_a_flood_limit_is_explained_in_one_line(net: Net) -> None:
    net.api.faults.flood(seconds=30)
    await net.gateway.run("send", "lobby", "hello")
    pattern = r"^telegram: 1 queued, flood limit .*until \d\d:\d\d:\d\d \(oldest: \d+ s\)\n$"
    await until(net.gateway, pattern, "queue")


async def test_what_telegram_refused_is_seen_and_sent_again(net: Net) -> None:
    body = '{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}'
    net.api.faults.answer("sendMessage", 400, body)
    await net.gateway.run("send", "lobby", "hello")
    await until(net.gateway, "outgoing .*not found", "dead", "list")
    assert await net.gateway.run("dead", "retry", "--all") == (0, "1 tried again\n")
    await net.group.wait_for("operator (operator): hello")


async def test_how_often_nobody_knew_the_fate_of_a_send_is_told(net: Net) -> None:
    net.api.faults.reset("sendMessage", after=True)
    await net.gateway.run("send", "lobby", "twice")
    await until(net.gateway, "telegram:default .*sends of unknown fate: 1\n", "status")
    await net.group.wait_for("operator (operator): twice")


@pytest.mark.parametrize("net", ["park"], indirect=True)
async def test_what_is_parked_is_not_sent_again_after_a_kill(net: Net) -> None:
    net.api.faults.silence("sendMessage", after=True)
    await net.gateway.run("send", "lobby", "once")
    await net.group.wait_for("operator (operator): once")
    await net.gateway.kill()
    await net.gateway.start()
    await net.gateway.run("send", "lobby", "behind it")
    await net.group.wait_for("operator (operator): behind it")
    await until(net.gateway, "outgoing .*on its way", "dead", "list")
    assert net.group.texts == ["operator (operator): once", "operator (operator): behind it"]


async def test_a_broadcast_ends_when_everybody_has_it(net: Net) -> None:
    code, printed = await net.gateway.run("broadcast", "lobby", "hear ye")
    assert (code, printed.splitlines()[-1].partition(": ")[2]) == (
        0,
        "2 of 2 conversations have it",
    )
    assert net.group.texts == ["operator (operator): hear ye"]


async def test_a_broadcast_goes_on_after_ctrl_c_and_is_watched_again(net: Net) -> None:
    flood = net.api.faults.flood(times=None)
    process = await net.broadcast("lobby", "hear ye")
    assert process.stdout is not None
    said = (await asyncio.wait_for(process.stdout.readline(), SECONDS)).decode()
    process.send_signal(signal.SIGINT)
    rest = (await asyncio.wait_for(process.stdout.read(), SECONDS)).decode()
    flood.stop()
    assert (await process.wait(), "the gateway goes on" in rest) == (130, True)
    code, printed = await net.gateway.run("broadcast", "--watch", said.partition(":")[0])
    assert (code, "2 of 2" in printed) == (0, True)
    assert net.group.texts == ["operator (operator): hear ye"]


async def test_a_broadcast_is_watched_over_a_restart_of_the_gateway(net: Net) -> None:
    flood = net.api.faults.flood(times=None)
    process = await net.broadcast("lobby", "hear ye")
    assert process.stdout is not None
    said = (await asyncio.wait_for(process.stdout.readline(), SECONDS)).decode()
    await net.gateway.kill()
    flood.stop()
    rest = (await asyncio.wait_for(process.stdout.read(), SECONDS)).decode()
    again = f"to see how far it is: gateway broadcast --watch '{said.partition(':')[0]}'"
    assert (await process.wait(), again in rest) == (1, True)
    await net.gateway.start()
    code, printed = await net.gateway.run("broadcast", "--watch", said.partition(":")[0])
    assert (code, "2 of 2" in printed) == (0, True)


async def test_a_broadcast_that_is_refused_somewhere_fails(net: Net) -> None:
    body = '{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}'
    net.api.faults.answer("sendMessage", 400, body)
    code, printed = await net.gateway.run("broadcast", "lobby", "hear ye")
    assert (code, "1 will not get it" in printed) == (1, True)


# Copies


async def test_a_copy_of_a_running_gateway_serves_what_was_said(tmp_path: Path) -> None:
    one, two = Serving(tmp_path / "one"), Serving(tmp_path / "two")
    async with one, Tab(one.page) as tab:
        await tab.say("before")
        await tab.shown("before")
        writing = asyncio.create_task(talk(tab))
        code, printed = await one.run("backup", str(two.directory / "gateway.sqlite3"))
        writing.cancel()
        await asyncio.wait([writing])
        assert code == 0, printed
    async with two, Tab(two.page, name="ben") as tab:
        await tab.shown("before")


async def test_a_browser_misses_nothing_that_is_said_after_a_copy_was_put_back(
    tmp_path: Path,
) -> None:
    gateway = Serving(tmp_path)
    async with gateway, Tab(gateway.page, name="ann") as ann, Tab(gateway.page, name="ben") as ben:
        await gateway.run("backup", "copy.sqlite3")
        await ann.say("not in the copy")
        await ann.shown("not in the copy")
        await gateway.stop()
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"gateway.sqlite3{suffix}").unlink(missing_ok=True)
        shutil.move(tmp_path / "copy.sqlite3", tmp_path / "gateway.sqlite3")
        await gateway.start()
        await ben.connect()
        for word in ("in its place", "behind it"):
            await ben.say(word)
            await ben.shown(word)
        hello = await ann.resume()
        await ann.shown("in its place", "behind it")
    assert not hello["resumed"]


async def talk(tab: Tab) -> None:
    """Say something all the time, so that the copy is made of a ledger that is written."""
    number = 0
    while True:
        number += 1
        await tab.say(f"word {number}")
        await tab.shown(f"word {number}")


async def test_a_ledger_is_copied_after_its_gateway_was_killed(tmp_path: Path) -> None:
    one, two = Serving(tmp_path / "one"), Serving(tmp_path / "two")
    async with one, Tab(one.page) as tab:
        await tab.say("before")
        await tab.shown("before")
        await one.kill()
        code, _ = await one.run("backup", "copy.sqlite3")
        assert code == 0
    shutil.copy(one.directory / "copy.sqlite3", two.directory / "gateway.sqlite3")
    async with two, Tab(two.page, name="ben") as tab:
        await tab.shown("before")


async def test_dead_letters_and_queues_are_the_same_on_postgresql(tmp_path: Path) -> None:
    (tmp_path / "moody.py").write_text(MOODY)
    async with postgres() as server:
        gateway = Serving(tmp_path, f'database = "{server.url}"\n', "--bot", "moody:Moody")
        async with gateway, Tab(gateway.page, "/ws/chat/") as tab:
            await tab.say("my secret")
            await until(gateway, "not today", "dead", "list")
            (tmp_path / "well").touch()
            assert await gateway.run("dead", "retry", "--all") == (0, "1 tried again\n")
            await tab.shown("You said: my secret")
            await until(gateway, "^nothing waits\n$", "queue")
            code, printed = await gateway.run("broadcast", "lobby", "hear ye")
            assert (code, "1 of 1" in printed) == (0, True)
