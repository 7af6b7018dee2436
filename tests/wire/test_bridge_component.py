"""One room in a Telegram group, a browser and an XMPP room, in which everybody is an occupant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from ejabberd import Ejabberd
from gateway.testing.botapi import BotApi, Chat, User
from people import Person
from prosody import BRIDGE, ROOMS, SECRET, Prosody
from serving import Serving
from tab import Tab
from test_xmpp_component import PNG, card, image, watch
from test_xmpp_server import happens
from world import TOKEN

CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{api}"
limits = "off"
[xmpp]
mode = "component"
jid = "{bridge}"
password = "{secret}"
host = "127.0.0.1"
port = {port}
nick = "bridge"
[rooms.lobby]
members = ["telegram:default:{group}", "xmpp:default:lobby@{rooms}"]
access = "open"
"""
SECONDS = 30


@dataclass
class House:
    """Three networks, a room over them, and somebody in each."""

    api: BotApi
    gateway: Serving
    server: Any
    group: Chat
    tom: User
    xena: Person
    wendy: Tab
    stanzas: list[Element] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what Xena's client hears in the room."""

        def hear(stanza: Any) -> Any:
            if stanza.xml.tag.endswith("}message"):
                self.stanzas.append(stanza.xml)
            return stanza

        self.xena.client.add_filter("in", hear)

    @property
    def said(self) -> list[tuple[str, str]]:
        """Who said what in the XMPP room, as Xena sees it."""
        found = [m for m in self.stanzas if m.findtext("{jabber:client}body")]
        return [(nick(m), m.findtext("{jabber:client}body") or "") for m in found]

    @property
    def people(self) -> set[str]:
        """The occupants of the XMPP room."""
        return set(self.xena.client.plugin["xep_0045"].get_roster(f"lobby@{ROOMS}"))

    async def xena_hears(self, who: str, text: str) -> Element:
        """Wait for what somebody said; the stanza."""
        await happens(lambda: (who, text) in self.said, SECONDS)
        found = [m for m in self.stanzas if m.findtext("{jabber:client}body") == text]
        return found[-1]

    async def about(self, tag: str) -> Element:
        """Wait for a stanza with an element of this name."""
        await happens(lambda: any(m.find(tag) is not None for m in self.stanzas), SECONDS)
        return next(m for m in self.stanzas if m.find(tag) is not None)

    async def everybody_says(self, word: str) -> None:
        """Somebody speaks in each network, and is heard in the others."""
        await self.tom.says(self.group, f"{word} from telegram")
        await self.xena_hears("Tom", f"{word} from telegram")
        await self.wendy.shown(f"{word} from telegram", seconds=SECONDS)
        self.xena.tell("lobby", f"{word} from xmpp")
        await self.group.wait_for(f"alice (xmpp): {word} from xmpp", seconds=SECONDS)
        await self.wendy.shown(f"{word} from xmpp", seconds=SECONDS)
        await self.wendy.say(f"{word} from the web")
        await self.xena_hears("wendy", f"{word} from the web")
        await self.group.wait_for(f"wendy (web): {word} from the web", seconds=SECONDS)

    def check(self, *words: str) -> None:
        """Everything was shown once and in order, under the right names; nothing came back."""
        places = ("telegram", "xmpp", "the web")
        names = {"telegram": "Tom", "xmpp": "alice", "the web": "wendy"}
        everything = [(names[p], f"{w} from {p}") for w in words for p in places]
        assert sorted(set(self.said)) == sorted(self.said) == sorted(everything)
        for place in places:
            own = [text for _, text in self.said if text.endswith(place)]
            assert own == [f"{word} from {place}" for word in words]
            shown = [text for text in self.wendy.texts if text.endswith(place)]
            assert shown == [f"{word} from {place}" for word in words]
        brought = [text for text in self.group.texts if " from " in text]
        assert [t for t in brought if "telegram" in t] == []
        assert len(brought) == len(set(brought)) == 2 * len(words)


def nick(stanza: Element) -> str:
    return stanza.get("from", "").partition("/")[2]


@asynccontextmanager
async def housed(tmp_path: Path, server: Any) -> AsyncIterator[House]:
    await server.start()
    async with BotApi() as api:
        bot = api.bot(token=TOKEN, username="OurBot", can_read_all_group_messages=True)
        group, tom = api.group("Friends"), api.user("Tom")
        await group.invites(bot)
        await group.promotes(bot)  # only administrators are told of reactions
        await tom.joins(group)
        configuration = CONFIGURATION.format(
            token=TOKEN,
            api=api.url,
            group=group.id,
            bridge=BRIDGE,
            secret=SECRET,
            port=server.component_port,
            rooms=ROOMS,
        )
        xena = await Person("alice", server.port).come("lobby")
        async with (
            Serving(tmp_path / "gateway", configuration) as gateway,
            Tab(gateway.page, name="wendy") as wendy,
        ):
            house = House(api, gateway, server, group, tom, xena, wendy)
            house.listen()
            await happens(lambda: "bridge" in house.people, SECONDS)
            yield house
        await house.xena.go()
    await server.stop()


@pytest.fixture(params=[Prosody, Ejabberd])
async def house(request: Any, tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path, request.param(tmp_path, archive=True)) as house:
        yield house


async def test_everybody_is_an_occupant_and_speaks_as_themselves(house: House) -> None:
    await house.everybody_says("one")
    await house.everybody_says("two")
    assert house.people == {"alice", "bridge", "Tom", "wendy"}
    house.check("one", "two")


async def test_people_change_answer_and_react_as_themselves(house: House) -> None:
    message = await house.tom.says(house.group, "helo")
    first = await house.xena_hears("Tom", "helo")
    await house.tom.edits(house.group, message, "hello")
    edit = await house.xena_hears("Tom", "hello")
    replaced = edit.find("{urn:xmpp:message-correct:0}replace")
    assert replaced is not None
    assert replaced.get("id") == first.get("id")

    house.xena.tell("lobby", "what now?")
    [asked] = await house.group.wait_for("alice (xmpp): what now?", seconds=SECONDS)
    own = await house.xena_hears("alice", "what now?")
    stanza_id = own.find("{urn:xmpp:sid:0}stanza-id")
    assert stanza_id is not None
    await house.tom.says(house.group, "this", reply_to=asked["message_id"])
    answer = await house.about("{urn:xmpp:reply:0}reply")
    reply = answer.find("{urn:xmpp:reply:0}reply")
    assert reply is not None
    assert (nick(answer), reply.get("id")) == ("Tom", stanza_id.get("id"))

    await house.tom.reacts(house.group, asked, "👍")
    reaction = await house.about("{urn:xmpp:reactions:0}reactions")
    assert nick(reaction) == "Tom"
    assert reaction.findtext(".//{urn:xmpp:reactions:0}reaction") == "👍"


async def test_an_occupant_has_the_profile_photo_of_telegram(house: House) -> None:
    digests = watch(house.xena)
    house.tom.shows(PNG)
    await house.everybody_says("one")
    await happens(lambda: digests.get("Tom") == sha1(PNG).hexdigest(), SECONDS)
    assert image(await card(house.xena, f"lobby@{ROOMS}/Tom")) == PNG
    await happens(lambda: digests.get("wendy") == "", SECONDS)
    assert image(await card(house.xena, f"lobby@{ROOMS}/wendy")) is None
    await house.everybody_says("two")
    assert [call.method for call in house.api.calls].count("getUserProfilePhotos") == 1


@pytest.mark.parametrize("fault", ["flood", "silence", "too large"])
async def test_a_photo_that_cannot_be_had_holds_up_no_message(house: House, fault: str) -> None:
    digests = watch(house.xena)
    house.tom.shows(PNG * 10 if fault == "too large" else PNG)
    if fault == "flood":
        house.api.faults.flood("getUserProfilePhotos", seconds=3600, times=None)
    elif fault == "silence":
        house.api.faults.silence("getUserProfilePhotos", times=None)
    await house.everybody_says("one")
    await house.api.wait_for_call("getUserProfilePhotos")
    await house.everybody_says("two")
    house.check("one", "two")
    assert "Tom" not in digests
    assert image(await card(house.xena, f"lobby@{ROOMS}/Tom")) is None


async def test_the_room_survives_a_restart_of_the_xmpp_server(house: House) -> None:
    await house.everybody_says("one")
    await house.xena.go()
    await house.server.stop()
    await house.tom.says(house.group, "two from telegram")
    await house.server.start()
    house.xena = await Person("alice", house.server.port).come()
    house.listen()
    await house.xena.join("lobby")
    await happens(lambda: {"Tom", "wendy", "bridge"} <= house.people, SECONDS)
    await house.wendy.say("three from the web")
    await house.xena_hears("wendy", "three from the web")
    house.xena.tell("lobby", "three from xmpp")
    await house.group.wait_for("alice (xmpp): three from xmpp", seconds=SECONDS)
    assert house.group.texts.count("wendy (web): one from the web") == 1
    assert [text for text in house.group.texts if "telegram" in text] == []


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_room_survives_a_restart_of_the_gateway(house: House, end: str) -> None:
    await house.everybody_says("one")
    await house.gateway.quiet()
    await getattr(house.gateway, end)()
    house.xena.tell("lobby", "two from xmpp")
    await house.tom.says(house.group, "two from telegram")
    await house.gateway.start()
    await house.wendy.resume()
    await house.xena_hears("Tom", "two from telegram")
    await house.group.wait_for("alice (xmpp): two from xmpp", seconds=SECONDS)
    await house.wendy.say("two from the web")
    await house.xena_hears("wendy", "two from the web")
    await house.wendy.shown("two from xmpp", "two from the web", seconds=SECONDS)
    await house.group.wait_for("wendy (web): two from the web", seconds=SECONDS)
    assert house.people == {"alice", "bridge", "Tom", "wendy"}
    house.check("one", "two")
