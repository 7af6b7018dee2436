"""Changes of messages over a whole gateway, between an XMPP room and a Telegram group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from prosody import ROOMS
from test_xmpp_server import happens
from world import World, three_networks

ROOM = f"lobby@{ROOMS}"
SECONDS = 30


@pytest.fixture(params=["with an archive", "without one"])
async def world(request: Any, tmp_path: Path) -> AsyncIterator[World]:
    archive = request.param == "with an archive"
    async with three_networks(tmp_path, archive=archive, largest_file=1_000_000) as world:
        [bot] = world.group.bots()
        await world.group.promotes(bot)  # only administrators are told of reactions
        await world.telegram.says(world.group, "ready")
        await world.xmpp_shows("Tom (telegram): ready")
        world.xmpp.stanzas.clear()
        yield world


def send(world: World, inside: str, name: str) -> None:
    world.xmpp.client.send_raw(
        f"<message to='{ROOM}' type='groupchat' id='{name}'>{inside}</message>"
    )


async def shown(world: World, tag: str) -> Element:
    """Wait for a stanza of the bridge with such an element."""

    def found() -> list[Element]:
        mine = [m for m in world.xmpp.stanzas if str(m["from"]) == f"{ROOM}/bridge"]
        return [m.xml for m in mine if m.xml.find(tag) is not None]

    await happens(lambda: bool(found()), SECONDS)
    return found()[-1]


def named(stanza: Element, tag: str) -> str:
    found = stanza.find(tag)
    assert found is not None
    return found.get("id", "")


def native(world: World, stanza: Element) -> str:
    """What the room calls a message, or if it keeps none, its sender."""
    given = stanza.find("{urn:xmpp:sid:0}stanza-id")
    return given.get("id", "") if given is not None else stanza.get("id", "")


async def test_what_is_corrected_and_retracted_in_xmpp_changes_in_telegram(world: World) -> None:
    send(world, "<body>*fisrt*</body>", "a1")
    await world.group.wait_for("alice (xmpp): fisrt", seconds=SECONDS)
    replace = "<replace xmlns='urn:xmpp:message-correct:0' id='a1'/>"
    send(world, f"<body>*first*</body>{replace}", "a2")
    await world.group.wait_until(
        lambda: "alice (xmpp): first" in world.group.texts, seconds=SECONDS
    )

    def mine() -> list[Element]:
        return [m.xml for m in world.xmpp.stanzas if m["id"] == "a1"]

    await happens(lambda: bool(mine()), SECONDS)
    target = native(world, mine()[0])
    send(world, f"<retract xmlns='urn:xmpp:message-retract:1' id='{target}'/>", "a3")
    await world.group.wait_until(lambda: not world.group.texts, seconds=SECONDS)


async def test_what_is_edited_and_answered_in_telegram_is_shown_in_xmpp(world: World) -> None:
    said = await world.telegram.says(world.group, "fisrt")
    stanza = await shown(world, "{jabber:client}body")
    await world.telegram.edits(world.group, said, "first")
    replace = "{urn:xmpp:message-correct:0}replace"
    corrected = await shown(world, replace)
    assert named(corrected, replace) == stanza.get("id")
    assert corrected.findtext("{jabber:client}body") == "Tom (telegram): first"
    await world.telegram.says(world.group, "more", reply_to=said["message_id"])
    reply = "{urn:xmpp:reply:0}reply"
    assert named(await shown(world, reply), reply) == native(world, stanza)


async def test_reactions_go_both_ways(world: World) -> None:
    said = await world.telegram.says(world.group, "hello")
    stanza = await shown(world, "{jabber:client}body")
    await world.telegram.reacts(world.group, said, "👍")
    reactions = "{urn:xmpp:reactions:0}reactions"
    assert named(await shown(world, reactions), reactions) == native(world, stanza)
    send(
        world,
        f"<reactions xmlns='urn:xmpp:reactions:0' id='{native(world, stanza)}'>"
        "<reaction>🎉</reaction></reactions>",
        "a1",
    )
    await world.web.wait(
        lambda: any(
            "🎉" in [one["emoji"] for one in frame.get("reactions", ())]
            for frame in world.web.frames
        ),
        SECONDS,
    )


async def test_a_picture_of_telegram_is_shown_in_xmpp(world: World) -> None:
    await world.telegram.sends_photo(world.group, caption="look")
    stanza = await shown(world, "{jabber:x:oob}x")
    url = stanza.findtext("{jabber:x:oob}x/{jabber:x:oob}url") or ""
    assert "/file_share/" in url
    assert "Tom (telegram): look" in world.in_xmpp


async def test_nothing_comes_back(world: World) -> None:
    send(world, "<body>one</body>", "a1")
    await world.group.wait_for("alice (xmpp): one", seconds=SECONDS)
    await world.telegram.says(world.group, "two")
    await world.xmpp_shows("Tom (telegram): two")
    marked = await shown(world, "{urn:chat-gateway:bridged:0}bridged")
    assert marked.findtext("{jabber:client}body") == "Tom (telegram): two"
    assert world.in_xmpp == ["Tom (telegram): ready", "Tom (telegram): two"]
