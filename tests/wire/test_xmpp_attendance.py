"""Leaving a room that is linked no more, on a real Prosody."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.delivery.status import State
from people import Person
from prosody import HOST, ROOMS, Prosody
from test_xmpp_server import (  # noqa: F401 (fixtures)
    LOBBY,
    Bot,
    bot,
    happens,
    make_bot,
    people,
    prosody,
    settings,
)

pytestmark = pytest.mark.timeout(120)

ROOM = f"lobby@{ROOMS}"


def sees(person: Person, nick: str) -> bool:
    return nick in person.client.plugin["xep_0045"].get_roster(ROOM)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not linger."""
    monkeypatch.setattr("protocols.xmpp.attendance.LINGER_SECONDS", 0.2)


async def linked(bot: Bot, people: Any) -> Person:  # noqa: F811
    """Somebody in a room where the bot is."""
    alice: Person = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    await happens(lambda: sees(alice, "Robo"))
    return alice


async def test_a_room_that_is_linked_no_more_is_left(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    hasty: None,
) -> None:
    alice = await linked(bot, people)
    await bot.server.leave(LOBBY)
    await happens(lambda: not sees(alice, "Robo"))
    assert bot.port.status.state == State.CONNECTED


async def test_the_answer_is_said_before_we_leave(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.attendance.LINGER_SECONDS", 3.0)
    alice = await linked(bot, people)
    came: list[Any] = []
    alice.client.add_event_handler(f"muc::{ROOM}::got_online", came.append)
    await bot.server.leave(LOBBY)
    await bot.say(LOBBY, "This chat has left.")
    assert await alice.hear(1, by="Robo") == ["This chat has left."]
    await happens(lambda: not sees(alice, "Robo"))
    assert not came


async def test_who_speaks_in_a_room_that_was_left_leaves_it_again(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    hasty: None,
) -> None:
    alice = await linked(bot, people)
    await bot.server.leave(LOBBY)
    await happens(lambda: not sees(alice, "Robo"))
    await bot.say(LOBBY, "one more thing")
    await alice.hear(1, by="Robo")
    await happens(lambda: not sees(alice, "Robo"))


async def test_a_room_that_is_linked_again_is_not_left(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    hasty: None,
) -> None:
    alice = await linked(bot, people)
    await bot.server.leave(LOBBY)
    await bot.server.enter(LOBBY)
    assert "xmpp.left" not in bot.port.notes or bot.port.notes["xmpp.left"] == "[]"
    await bot.say(LOBBY, "still here")
    await alice.hear(1, by="Robo")
    assert not bot.server._attendance._going


async def test_a_room_that_was_left_is_not_entered_after_a_restart(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    prosody: Prosody,  # noqa: F811
    hasty: None,
) -> None:
    alice = await linked(bot, people)
    bot.port.known[LOBBY] = bot.server.facts(LOBBY)
    await bot.server.leave(LOBBY)
    await happens(lambda: not sees(alice, "Robo"))
    await bot.stop()
    again = Bot(settings(prosody), bot.port)
    again.port.status.listener = again._on_status
    again.start()
    await again.until(State.CONNECTED)
    wanted = ROOM in again.server._rooms
    await again.stop()
    assert not wanted


async def test_a_room_that_people_invited_us_to_is_not_left(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    hasty: None,
) -> None:
    alice = await people("alice", "lobby")
    alice.client.plugin["xep_0045"].invite(ROOM, f"bot@{HOST}")
    await happens(lambda: sees(alice, "Robo"))
    await bot.server.leave(LOBBY)
    assert not bot.server._attendance._going


async def test_what_is_said_in_a_room_that_was_left_is_no_arrival(
    bot: Bot,  # noqa: F811
    people: Any,  # noqa: F811
    hasty: None,
) -> None:
    alice = await linked(bot, people)
    await bot.server.leave(LOBBY)
    await happens(lambda: not sees(alice, "Robo"))
    alice.tell("lobby", "between us")
    await alice.hear(1, by="alice")
    await bot.be_in(LOBBY)
    alice.tell("lobby", "welcome back")
    await happens(lambda: "welcome back" in bot.texts)
    assert bot.texts == ["welcome back"]
