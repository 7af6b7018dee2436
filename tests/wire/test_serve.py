"""``gateway serve`` as people run it: their bot, their application, its start and its end."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from serving import Serving
from tab import Tab

ECHO = """
from consumers.base import ChatConsumer

class Echo(ChatConsumer):
    async def chat_message(self, event):
        await self.reply(f"You said: {event['text']}")
"""

APPLICATION = """
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.http import HttpResponse
from django.core.asgi import get_asgi_application
from django.urls import path

class Shout(AsyncWebsocketConsumer):
    channel_layer_alias = "second"
    groups = ["shouts"]

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send("shouts", {"type": "shout", "text": text_data})

    async def shout(self, event):
        await self.send(text_data=event["text"].upper())

class Whisper(AsyncWebsocketConsumer):
    groups = ["whispers"]

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send("whispers", {"type": "whisper", "text": text_data})

    async def whisper(self, event):
        await self.send(text_data=event["text"].lower())

async def http(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"mine: " + scope["path"].encode()})

application = ProtocolTypeRouter({
    "http": http,
    "websocket": URLRouter([path("shout/", Shout.as_asgi()), path("whisper/", Whisper.as_asgi())]),
})
"""

SECOND_LAYER = """
[channel_layers.second]
backend = "channels.layers.InMemoryChannelLayer"
"""


async def test_a_bot_of_ones_own_answers(tmp_path: Path) -> None:
    gateway = Serving(tmp_path, "", "--bot", "echo:Echo")
    (tmp_path / "echo.py").write_text(ECHO)
    async with gateway, Tab(gateway.page, "/ws/chat/") as tab:
        await tab.say("hi")
        await tab.shown("You said: hi")


@pytest.mark.parametrize(("place", "word"), [("shout", "HI THERE"), ("whisper", "hi there")])
async def test_an_application_of_ones_own_is_served_beside_the_gateway(
    tmp_path: Path, place: str, word: str
) -> None:
    gateway = Serving(tmp_path, SECOND_LAYER, "--app", "mine:application")
    (tmp_path / "mine.py").write_text(APPLICATION)
    async with gateway, aiohttp.ClientSession() as session:
        url = f"{gateway.page}/{place}/"
        async with session.ws_connect(url) as one, session.ws_connect(url) as two:
            await one.send_str("Hi There")
            assert [await one.receive_str(), await two.receive_str()] == [word, word]
        async with session.get(f"{gateway.page}/anything") as answer:
            assert await answer.text() == "mine: /anything"
        async with session.get(f"{gateway.page}/healthz") as answer:
            assert await answer.text() == "ok\n"


async def test_sigterm_closes_the_sockets_with_1001_and_exits_with_0(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    async with gateway, Tab(gateway.page) as tab:
        code = await gateway.stop()
        await tab.wait(lambda: tab.closed is not None)
        assert (code, tab.closed) == (0, 1001)


async def test_what_was_said_is_nobody_elses_on_the_machine(tmp_path: Path) -> None:
    async with Serving(tmp_path):
        modes = {
            name: mode_of(tmp_path / f"gateway.{name}") for name in ("sqlite3", "secret", "sock")
        }
    assert modes == {"sqlite3": 0o600, "secret": 0o600, "sock": 0o600}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_taken_port_is_exit_3_in_one_sentence(tmp_path: Path) -> None:
    async with Serving(tmp_path / "one") as one:
        two = Serving(tmp_path / "two")
        two.port = one.port
        with pytest.raises(RuntimeError, match=f"port {one.port} of 127.0.0.1 is taken"):
            await two.start()
        assert await two.stop() == 3
        assert "Traceback" not in "\n".join(two.output)


async def test_a_ledger_that_is_locked_at_the_start_is_exit_3_in_one_sentence(
    tmp_path: Path,
) -> None:
    async with Serving(tmp_path) as gateway:  # which makes the tables
        pass
    gateway.configuration.write_text("[rooms.new]\n")
    with closing(sqlite3.connect(tmp_path / "gateway.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, printed = await gateway.run("serve", "--port", "0")
    assert (code, printed.splitlines()[-1]) == (
        3,
        "the ledger cannot be written: database is locked",
    )


async def test_a_chosen_protocol_without_a_route_is_exit_2(tmp_path: Path) -> None:
    configuration = '[telegram]\ntoken = "1:a"\n'
    flags = ("--app", "mine:application", "--protocols", "telegram")
    gateway = Serving(tmp_path, SECOND_LAYER + configuration, *flags)
    (tmp_path / "mine.py").write_text(APPLICATION)
    with pytest.raises(RuntimeError, match="has no route 'telegram'"):
        await gateway.start()
    assert await gateway.stop() == 2


async def test_nothing_to_run_is_exit_2_and_says_what_is_missing(tmp_path: Path) -> None:
    gateway = Serving(tmp_path, "", "--protocols", "telegram")
    with pytest.raises(RuntimeError, match="telegram cannot run: no token"):
        await gateway.start()
    assert await gateway.stop() == 2


async def test_a_restart_forgets_nobodys_place_in_a_room(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    async with gateway, Tab(gateway.page, name="ann") as ann:
        await ann.say("before")
        await ann.shown("before")
        await gateway.stop()
        await gateway.start()
        async with Tab(gateway.page, name="ben") as ben:
            await ben.say("after")
            await ben.shown("before", "after")
        hello = await ann.resume()
        await ann.shown("after")
        assert (hello["resumed"], ann.texts) == (True, ["before", "after"])


async def test_status_speaks_of_the_running_gateway(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    async with gateway:
        code, printed = await gateway.run("status", "--json")
    assert code == 0
    assert json.loads(printed)["accounts"][0]["state"] == "connected"


async def test_the_operator_speaks_into_a_room_from_the_command_line(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    async with gateway, Tab(gateway.page) as tab:
        assert (await gateway.run("send", "lobby", "good evening"))[0] == 0
        await tab.shown("good evening")


async def test_a_room_by_invitation_lets_in_who_has_the_code(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    async with gateway:
        await gateway.run("rooms", "create", "den")
        async with Tab(gateway.page, "/ws/rooms/den/") as stranger:
            await stranger.wait(lambda: stranger.closed is not None)
            assert (stranger.frames[-1]["code"], stranger.closed) == ("forbidden", 4403)
        _, printed = await gateway.run("rooms", "invite", "den")
        code = printed.strip().partition("code=")[2]
        guest = Tab(gateway.page, "/ws/rooms/den/")
        hello = await guest.connect(code=code)
        await guest.__aexit__()
        assert hello["room"] == "den"


async def test_many_messages_of_one_tab_come_once_and_in_order(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    async with gateway, Tab(gateway.page, name="ann") as ann, Tab(gateway.page, name="ben") as ben:
        words = [f"word {number}" for number in range(40)]
        await asyncio.gather(*(ann.say(word) for word in words))
        await ben.shown(*words)
        assert ben.texts == words
