"""Three networks, somebody in each, and one room over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.testing.botapi import BotApi, Chat, User
from people import Person
from prosody import HOST, PASSWORD, ROOMS, Prosody
from serving import Serving
from tab import Tab

ANSWER = "Hello Tom!"
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{api}"
limits = "off"
[xmpp]
jid = "bot@{host}"
password = "{password}"
host = "127.0.0.1"
port = {xmpp}
tls = "off"
nick = "bridge"
[rooms.lobby]
members = ["telegram:default:{group}", "xmpp:default:lobby@{rooms}"]
access = "open"
"""


@dataclass
class World:
    """Three networks, a room over them, and somebody in each."""

    gateway: Serving
    api: BotApi
    group: Chat
    telegram: User
    prosody: Prosody
    xmpp: Person
    web: Tab

    async def everybody_says(self, word: str) -> None:
        """Somebody speaks in each network; all of it is shown in the other two, once."""
        await self.telegram.says(self.group, f"{word} from telegram")
        await self.heard(f"{word} from telegram", "Tom (telegram)", "telegram")
        self.xmpp.tell("lobby", f"{word} from xmpp")
        await self.heard(f"{word} from xmpp", "alice (xmpp)", "xmpp")
        await self.web.say(f"{word} from the web")
        await self.heard(f"{word} from the web", "wendy (web)", "web")

    async def heard(self, text: str, by: str, origin: str) -> None:
        """Wait until a text was shown everywhere but where it was said."""
        if origin != "telegram":
            await self.group.wait_for(f"{by}: {text}", seconds=30)
        if origin != "xmpp":
            await self.xmpp_shows(f"{by}: {text}")
        await self.web.shown(text, seconds=30)

    async def bot_answers(self, answer: str, count: int) -> None:
        """Wait until the room's bot has said something everywhere, so many times in all."""
        await self.group.wait_for(answer, count, seconds=30)
        await self.web.wait(lambda: self.web.texts.count(answer) >= count, 30)
        await self.xmpp_shows(answer, count)

    async def xmpp_shows(self, text: str, count: int = 1) -> None:
        async with asyncio.timeout(30):
            while self.in_xmpp.count(text) < count:
                await self.xmpp.hear(len(self.xmpp.texts("bridge")) + 1, "bridge", 30)

    @property
    def in_xmpp(self) -> list[str]:
        """What the bridge said in the XMPP room."""
        return self.xmpp.texts("bridge")

    def check(self, *words: str, answers: int) -> None:
        """Each network was shown what the two others said, once, in order; nothing else."""
        everything = {
            network: [f"{word} from {network}" for word in words]
            for network in ("telegram", "xmpp", "the web")
        }
        answer = [ANSWER] * answers
        shown = {"xmpp": self.in_xmpp, "telegram": self.group.texts, "the web": self.web.texts}
        for network, texts in shown.items():
            for other in everything:
                heard = [
                    text.partition(": ")[2] or text for text in texts if f"from {other}" in text
                ]
                expected = everything[other]
                if network == other and network != "the web":
                    assert heard == [], f"{network} was shown its own"
                else:
                    assert heard == expected, network
            assert [text for text in texts if text == ANSWER] == answer, network


@asynccontextmanager
async def three_networks(tmp_path: Path, **server: Any) -> AsyncIterator[World]:
    prosody = Prosody(tmp_path, **server)
    await prosody.start()
    async with BotApi() as api:
        bot = api.bot(token=TOKEN, username="OurBot", can_read_all_group_messages=True)
        group, tom = api.group("Friends"), api.user("Tom")
        await group.invites(bot)
        await tom.joins(group)
        configuration = CONFIGURATION.format(
            token=TOKEN,
            api=api.url,
            group=group.id,
            host=HOST,
            password=PASSWORD.replace('"', '\\"'),
            xmpp=prosody.port,
            rooms=ROOMS,
        )
        xena = await Person("alice", prosody.port).come("lobby")
        async with (
            Serving(tmp_path / "gateway", configuration) as gateway,
            Tab(gateway.page, name="wendy") as tab,
        ):
            yield World(gateway, api, group, tom, prosody, xena, tab)
        await xena.go()
    await prosody.stop()
