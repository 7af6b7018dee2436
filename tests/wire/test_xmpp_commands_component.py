"""Buttons as ad-hoc commands (XEP-0050) of a component."""

from __future__ import annotations

from typing import Any

import pytest

from prosody import BRIDGE
from test_xmpp_commands import Client
from test_xmpp_component import bot, make_bot, prosody  # noqa: F401 (fixtures)
from test_xmpp_messages import Chat, room  # noqa: F401 (fixtures)
from test_xmpp_server import ALICE, Bot, people  # noqa: F401 (fixtures)

pytestmark = pytest.mark.timeout(120)


async def test_a_component_takes_a_press_in_a_room(room: Chat) -> None:  # noqa: F811
    client = Client(room)
    native = await client.asks()
    asked = await client.begin()
    done = await client.command("complete", asked["node"], asked["sessionid"], "2")
    assert done["status"] == "completed"
    event = await room.arrives("action")
    assert (event["id"], event["button"]) == (native, "2")


async def test_a_component_takes_a_press_in_private(bot: Bot, people: Any) -> None:  # noqa: F811
    client = Client(Chat(bot, await people("alice"), ALICE))
    client.to = f"bot@{BRIDGE}"
    await client.asks()
    asked = await client.begin()
    await client.command("complete", asked["node"], asked["sessionid"], "0")
    assert (await client.chat.arrives("action"))["button"] == "0"
