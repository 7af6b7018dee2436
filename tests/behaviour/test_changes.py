"""What is changed, taken away, reacted to or pressed in one member shows in the others."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.sections import RoomSettings
from gateway.vocabulary.errors import Refused
from gateway.vocabulary.events import Event
from gateway.vocabulary.ids import protocol_of
from house import House, author_of

TELEGRAM = "telegram:default:-5"
MOVED = "telegram:default:-15"
XMPP = "xmpp:default:lobby@conference.example.org"
WEB = "web:default:lobby"
MEMBERS = (TELEGRAM, XMPP, WEB)
PAIRS = pytest.mark.parametrize(
    ("here", "there"), [(one, other) for one in MEMBERS for other in MEMBERS if one != other]
)
EVE = {"id": "web:~eve", "name": "Eve", "handle": None, "kind": "person", "private": None}


class Host(ChatConsumer):
    """Offers a choice, and says what was chosen."""

    async def chat_message(self, event: Event) -> None:
        if event["text"] == "/choose":
            await self.reply("Tea?", buttons=[["Yes", "No"]])

    async def chat_action(self, event: Event) -> None:
        await self.reply(f"{event['author']['name']} chose {event['data']}")


@pytest.fixture
async def lobby(house: House) -> House:
    house.room("lobby", TELEGRAM, XMPP)
    await house.start(Host.as_asgi())
    for member in MEMBERS:
        house.watch(member)
    return house


async def does(house: House, where: str, kind: str, text: str = "", **body: Any) -> None:
    """Somebody does something in a conversation."""
    arrival = house.arrival(where, text, **body)
    arrival.event["type"] = f"{protocol_of(where)}.{kind}"
    await house.server(where).port.accept([arrival])


async def says(house: House, where: str, text: str, **body: Any) -> str:
    """Somebody says something; its native id there."""
    arrival = house.arrival(where, text, **body)
    await house.server(where).port.accept([arrival])
    if protocol_of(where) != "web":
        return str(arrival.event["id"])
    found = await house.rows("SELECT MAX(seq) FROM gateway_entry WHERE stream = %s", where)
    return str(found[0][0])


async def delivered(house: House, where: str, kind: str) -> Event:
    """The first event of a kind that is shown in a conversation."""
    server = house.server(where)

    def found() -> list[Event]:
        return [
            event
            for place, event in server.delivered
            if place == where and event["type"].endswith(f".{kind}")
        ]

    await server.until(lambda: bool(found()))
    return found()[0]


@PAIRS
async def test_an_edit_changes_the_copy(lobby: House, here: str, there: str) -> None:
    message = await says(lobby, here, "helo")
    await delivered(lobby, there, "message")
    await does(lobby, here, "edit", id=message, text="hello")
    edit = await delivered(lobby, there, "edit")
    assert edit["text"].endswith("hello")


@PAIRS
async def test_an_edit_by_somebody_else_changes_nothing(
    lobby: House, here: str, there: str
) -> None:
    message = await says(lobby, here, "mine")
    await delivered(lobby, there, "message")
    await does(lobby, here, "edit", id=message, text="hers", author=EVE)
    await says(lobby, here, "next")
    await lobby.shows(there, 2)
    kinds = [event["type"] for place, event in lobby.server(there).delivered if place == there]
    assert not [kind for kind in kinds if kind.endswith(".edit")]


@PAIRS
async def test_a_delete_takes_the_copy_away(lobby: House, here: str, there: str) -> None:
    message = await says(lobby, here, "oops")
    await delivered(lobby, there, "message")
    await does(lobby, here, "delete", id=message)
    assert (await delivered(lobby, there, "delete"))["id"]


@PAIRS
async def test_an_answer_points_at_the_copy(lobby: House, here: str, there: str) -> None:
    message = await says(lobby, here, "shall we?")
    await delivered(lobby, there, "message")
    await says(lobby, here, "yes", reply_to=message)
    await lobby.shows(there, 2)
    answer = [event for place, event in lobby.server(there).delivered if place == there][1]
    assert answer["reply_to"]


@PAIRS
async def test_a_reaction_is_shown(lobby: House, here: str, there: str) -> None:
    message = await says(lobby, here, "look")
    await delivered(lobby, there, "message")
    await does(lobby, here, "reaction", id=message, emoji=["👍"])
    server = lobby.server(there)
    await server.until(lambda: any("👍" in str(event) for _, event in server.delivered))


async def test_a_chat_that_moved_is_not_shown_its_own_reactions(lobby: House) -> None:
    message = await says(lobby, TELEGRAM, "look")
    await delivered(lobby, XMPP, "message")
    await does(lobby, TELEGRAM, "reaction", id=message, emoji=["👍"])
    await delivered(lobby, XMPP, "reaction")
    await lobby.board.port("telegram:default").move(TELEGRAM, MOVED)
    await lobby.settled()
    await does(lobby, XMPP, "reaction", id="n1", emoji=["🔥"])
    assert (await delivered(lobby, MOVED, "reaction"))["emoji"] == ["🔥"]


@pytest.mark.parametrize("here", MEMBERS)
async def test_a_button_pressed_anywhere_reaches_the_bot(lobby: House, here: str) -> None:
    await says(lobby, TELEGRAM, "/choose")
    shown = await delivered(lobby, XMPP, "message")
    assert shown["text"].endswith("/choose")
    server = lobby.server(here)
    await server.until(
        lambda: any("Tea?" in event.get("text", "") for _, event in server.delivered)
    )
    found = await lobby.rows(
        "SELECT native FROM gateway_copy WHERE conversation = %s AND buttons IS NOT NULL", here
    )
    await does(lobby, here, "action", id=found[0][0], button="1", token=f"{here}|t")
    await server.until(
        lambda: any("chose No" in event.get("text", "") for _, event in server.delivered)
    )


async def test_a_number_is_a_choice_where_nobody_can_press(lobby: House) -> None:
    await says(lobby, XMPP, "/choose")
    server = lobby.server(XMPP)
    await server.until(lambda: any("1. Yes" in event["text"] for _, event in server.delivered))
    await says(lobby, XMPP, "1")
    await server.until(lambda: any("chose Yes" in event["text"] for _, event in server.delivered))
    assert not any(text == "1" for text in lobby.shown(TELEGRAM))


async def test_what_the_bot_said_it_can_change(house: House) -> None:
    class Editor(ChatConsumer):
        async def chat_message(self, event: Event) -> None:
            await self.edit(await self.reply("one"), "two")

    await house.start(Editor.as_asgi())
    await house.hears("telegram:default:1", "hi")
    edit = await delivered(house, "telegram:default:1", "edit")
    assert (edit["id"], edit["text"]) == ("n1", "two")


@PAIRS
async def test_typing_is_shown_in_the_others(lobby: House, here: str, there: str) -> None:
    await says(lobby, here, "hi")
    await lobby.shows(there, 1)
    await says(lobby, there, "hello")  # who is asleep is not told that somebody writes
    await lobby.shows(here, 1)
    author = author_of(here)
    port = lobby.server(here).port
    port.pass_on(here, {"type": f"{protocol_of(here)}.typing", "author": author})
    assert (await delivered(lobby, there, "typing"))["author"]["name"] == "Alice"


async def test_who_said_what_cannot_be_shown_is_told(lobby: House) -> None:
    lobby.server(TELEGRAM).faults.append(Refused("kicked", "bot was kicked"))
    await says(lobby, XMPP, "hello?")
    assert (await lobby.shows(XMPP, 1)) == ["(not shown in -5, telegram: bot was kicked)"]


async def test_a_file_that_cannot_be_brought_leaves_its_name(lobby: House) -> None:
    lobby.server(TELEGRAM).faults.append(Refused("too_large", "larger than 20 MB"))
    file = {"kind": "photo", "source": "xmpp:default/1", "name": "cat.jpg"}
    await says(lobby, XMPP, "look", attachments=[file])
    assert (await lobby.shows(TELEGRAM, 1)) == ["Alice (xmpp): look\n[photo: cat.jpg]"]


async def test_an_edit_that_comes_too_late_is_said_again(lobby: House) -> None:
    message = await says(lobby, XMPP, "helo")
    await lobby.shows(TELEGRAM, 1)
    lobby.server(TELEGRAM).faults.append(Refused("too_old", "message can't be edited"))
    await does(lobby, XMPP, "edit", id=message, text="hello")
    assert (await lobby.shows(TELEGRAM, 2))[1] == "Alice (xmpp): (changed) hello"


async def test_a_room_says_in_words_what_it_is_told_to(house: House) -> None:
    house.rooms = {"lobby": RoomSettings(members=(TELEGRAM, XMPP), in_words=("reaction",))}
    await house.start(Host.as_asgi())
    message = await says(house, TELEGRAM, "look")
    await house.shows(XMPP, 1)
    await does(house, TELEGRAM, "reaction", id=message, emoji=["👍"])
    assert (await house.shows(XMPP, 2))[1] == "👍 Alice"


async def test_a_room_is_not_told_what_it_does_not_want(house: House) -> None:
    house.rooms = {"lobby": RoomSettings(members=(TELEGRAM, XMPP), untold=("edit",))}
    await house.start(Host.as_asgi())
    message = await says(house, TELEGRAM, "helo")
    await does(house, TELEGRAM, "edit", id=message, text="hello")
    await says(house, TELEGRAM, "next")
    await house.shows(XMPP, 2)
    kinds = [event["type"] for place, event in house.server(XMPP).delivered if place == XMPP]
    assert kinds == ["xmpp.message", "xmpp.message"]


async def test_what_was_taken_back_is_in_no_web_log(lobby: House) -> None:
    message = await says(lobby, TELEGRAM, "secret")
    await delivered(lobby, WEB, "message")
    await does(lobby, TELEGRAM, "delete", id=message)
    await delivered(lobby, WEB, "delete")
    found = await lobby.rows("SELECT event FROM gateway_entry WHERE stream = %s", WEB)
    assert not [row for row in found if "secret" in row[0]]


async def test_what_a_browser_took_back_is_in_no_web_log(lobby: House) -> None:
    message = await says(lobby, WEB, "secret")
    await does(lobby, WEB, "delete", id=message)
    found = await lobby.rows("SELECT event FROM gateway_entry WHERE stream = %s", WEB)
    assert not [row for row in found if "secret" in row[0]]
