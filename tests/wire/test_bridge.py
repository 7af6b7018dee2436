"""One room in a browser, a Telegram group and an XMPP room: nothing lost, twice or out of order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from browser import chromium
from people import Person
from world import ANSWER, World, three_networks


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with three_networks(tmp_path) as world:
        yield world


async def test_one_room_on_three_networks(world: World) -> None:
    await world.everybody_says("one")
    await world.telegram.says(world.group, "/hello@OurBot")
    await world.bot_answers(ANSWER, 1)
    world.check("one", answers=1)


async def test_the_room_survives_a_restart_of_the_xmpp_server(world: World) -> None:
    await world.everybody_says("one")
    await world.xmpp.go()
    await world.prosody.stop()
    await world.telegram.says(world.group, "two from telegram")
    await world.prosody.start()
    again = await Person("alice", world.prosody.port).come()
    await again.join("lobby", past=20)  # the gateway may have come back, and said it, before
    again.messages = world.xmpp.messages + again.messages
    world.xmpp = again
    await world.heard("two from telegram", "Tom (telegram)", "telegram")
    await world.web.say("two from the web")
    await world.heard("two from the web", "wendy (web)", "web")
    world.xmpp.tell("lobby", "two from xmpp")
    await world.heard("two from xmpp", "alice (xmpp)", "xmpp")
    world.check("one", "two", answers=0)


async def test_the_room_survives_an_outage_of_the_bot_api(world: World) -> None:
    await world.everybody_says("one")
    async with world.api.faults.outage():
        world.xmpp.tell("lobby", "two from xmpp")
        await world.web.shown("two from xmpp")
        await world.web.say("two from the web")
        await world.xmpp_shows("wendy (web): two from the web")
        await asyncio.sleep(5)
    await world.telegram.says(world.group, "two from telegram")
    await world.heard("two from telegram", "Tom (telegram)", "telegram")
    await world.heard("two from xmpp", "alice (xmpp)", "xmpp")
    await world.heard("two from the web", "wendy (web)", "web")
    world.check("one", "two", answers=0)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_room_survives_a_restart_of_the_gateway(world: World, end: str) -> None:
    await world.everybody_says("one")
    await world.gateway.quiet()
    await getattr(world.gateway, end)()
    await world.telegram.says(world.group, "two from telegram")
    await world.telegram.says(world.group, "/hello")
    await world.gateway.start()
    await world.web.resume()
    await world.heard("two from telegram", "Tom (telegram)", "telegram")
    await world.bot_answers(ANSWER, 1)
    await world.web.say("two from the web")
    await world.heard("two from the web", "wendy (web)", "web")
    world.xmpp.tell("lobby", "two from xmpp")
    await world.heard("two from xmpp", "alice (xmpp)", "xmpp")
    world.check("one", "two", answers=1)


MESSAGES = "#panel-room .messages .bubble"


async def test_a_real_browser_shows_the_room_once_and_in_order(world: World) -> None:
    with chromium() as page:
        await looking(page.open, f"{world.gateway.page}/")
        await looking(page.connected)
        await world.everybody_says("one")
        await looking(page.say, "typed in chromium")
        await world.group.wait_for("typed in chromium")
        await world.web.shown("typed in chromium")
        await world.telegram.says(world.group, "/hello")
        await world.bot_answers(ANSWER, 1)
        await looking(page.shows, MESSAGES, ANSWER)
        await world.gateway.stop()
        await world.telegram.says(world.group, "two from telegram")
        await world.gateway.start()
        # A page that did not find the gateway for a while comes back after a longer pause.
        back = "two from telegram"
        await looking(page.wait, lambda: back in page.texts(MESSAGES), back, 60)
        shown = await looking(page.texts, MESSAGES)
    said = ["one from telegram", "one from xmpp", "one from the web", "typed in chromium"]
    assert shown == [*said, "/hello", ANSWER, "two from telegram"]


async def looking(look: Callable[..., Any], *arguments: Any) -> Any:
    """Use the browser beside the loop: its driver waits."""
    return await asyncio.to_thread(look, *arguments)
