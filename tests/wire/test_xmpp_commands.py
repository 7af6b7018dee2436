"""Buttons as ad-hoc commands (XEP-0050), by slixmpp's client of them, over a real Prosody."""

from __future__ import annotations

from typing import Any

import pytest
from slixmpp.exceptions import IqError

from gateway.vocabulary.events import Button
from people import SECONDS
from prosody import HOST
from test_xmpp_messages import BOT, Chat, chat, prosody, room  # noqa: F401 (fixtures)
from test_xmpp_server import bot, happens, make_bot, people  # noqa: F401 (fixtures)

pytestmark = pytest.mark.timeout(120)

COMMANDS = "http://jabber.org/protocol/commands"
BUTTONS: list[list[Button]] = [
    [{"text": "Yes", "data": "y"}, {"text": "More", "url": "https://tea.example"}],
    [{"text": "No", "data": "n"}],
]


class Client:
    """What Alice's client does with the bot's commands."""

    def __init__(self, chat: Chat) -> None:  # noqa: F811
        self.chat = chat
        self.to = f"{chat.to}/Robo" if chat.group else f"{BOT}/gateway"
        chat.alice.client.register_plugin("xep_0050")

    async def asks(self) -> str | None:
        said = {"text": "Tea?\n1. Yes\n2. More\n3. No", "buttons": BUTTONS, "ref": "q1"}
        return await self.chat.deliver("message", **said)

    async def commands(self) -> list[tuple[str, str, str]]:
        disco = self.chat.alice.client.plugin["xep_0030"]
        found = await disco.get_items(jid=self.to, node=COMMANDS, timeout=SECONDS)
        return [tuple(item) for item in found["disco_items"]["items"]]

    async def command(self, action: str, node: str, session: str = "", value: str = "") -> Any:
        iq = self.chat.alice.client.make_iq_set(ito=self.to)
        iq["command"]["action"] = action
        iq["command"]["node"] = node
        if session:
            iq["command"]["sessionid"] = session
        if value:
            form = self.chat.alice.client.plugin["xep_0004"].make_form("submit")
            form.add_field(var="button", value=value)
            iq["command"].append(form)
        return (await iq.send(timeout=SECONDS))["command"]

    async def begin(self) -> Any:
        (_, node, _), *_ = await self.commands()
        return await self.command("execute", node)


@pytest.fixture
def client(chat: Chat) -> Client:  # noqa: F811
    return Client(chat)


async def test_an_open_choice_is_a_command(client: Client) -> None:
    await client.asks()
    ((jid, _, name),) = await client.commands()
    assert (jid, name) == (client.to, "Tea?")


async def test_without_buttons_there_is_no_command(client: Client) -> None:
    await client.chat.deliver("message", text="no question")
    assert await client.commands() == []


async def test_a_chosen_value_arrives_as_an_action(client: Client) -> None:
    native = await client.asks()
    asked = await client.begin()
    options = asked.xml.iter("{jabber:x:data}option")
    assert [option.get("label") for option in options] == ["Yes", "No"]
    done = await client.command("complete", asked["node"], asked["sessionid"], "2")
    assert done["status"] == "completed"
    event = await client.chat.arrives("action")
    assert (event["id"], event["button"]) == (native, "2")
    assert event["author"]["name"] == "alice"
    assert event["token"].startswith(f"{client.chat.conversation}|")


async def test_nothing_is_pressed_by_who_cancels(client: Client) -> None:
    await client.asks()
    asked = await client.begin()
    done = await client.command("cancel", asked["node"], asked["sessionid"])
    assert done["status"] == "canceled"
    with pytest.raises(IqError):
        await client.command("complete", asked["node"], asked["sessionid"], "2")
    assert client.chat.events("xmpp.action") == []


async def test_a_form_counts_once(client: Client) -> None:
    await client.asks()
    asked = await client.begin()
    await client.command("complete", asked["node"], asked["sessionid"], "0")
    with pytest.raises(IqError) as caught:
        await client.command("complete", asked["node"], asked["sessionid"], "0")
    assert caught.value.iq.xml.find(f".//{{{COMMANDS}}}bad-sessionid") is not None


async def test_a_choice_that_was_taken_away_is_not_found(client: Client) -> None:
    native = await client.asks()
    asked = await client.begin()
    await client.chat.deliver("delete", id=native, origin_id="q1")
    with pytest.raises(IqError) as caught:
        await client.command("complete", asked["node"], asked["sessionid"], "0")
    assert caught.value.condition == "item-not-found"


async def test_who_is_not_in_the_room_is_offered_nothing(
    room: Chat,  # noqa: F811
    people: Any,  # noqa: F811
) -> None:
    await Client(room).asks()
    stranger = await people("eve")
    disco = stranger.client.plugin["xep_0030"]
    found = await disco.get_items(jid=f"bot@{HOST}/gateway", node=COMMANDS, timeout=SECONDS)
    assert list(found["disco_items"]["items"]) == []


async def test_who_may_not_speak_in_the_room_is_offered_nothing(
    room: Chat,  # noqa: F811
    people: Any,  # noqa: F811
) -> None:
    await Client(room).asks()
    visitor = await people("eve", "lobby")
    muc = room.alice.client.plugin["xep_0045"]
    await muc.set_role(room.to, "eve", "visitor", timeout=SECONDS)
    known = room.bot.server._rooms.room(room.to)
    assert known is not None
    await happens(lambda: "eve" in known.occupants and known.occupants["eve"].role == "visitor")
    disco = visitor.client.plugin["xep_0030"]
    found = await disco.get_items(jid=f"{room.to}/Robo", node=COMMANDS, timeout=SECONDS)
    assert list(found["disco_items"]["items"]) == []


async def test_the_bot_says_that_it_has_commands(client: Client) -> None:
    disco = client.chat.alice.client.plugin["xep_0030"]
    info = await disco.get_info(jid=client.to, timeout=SECONDS)
    assert COMMANDS in info["disco_info"]["features"]
