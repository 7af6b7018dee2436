"""Whom a room hears, where it shows, what senders learn, and what bots may do with messages."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from consumers.base import ChatConsumer
from consumers.choices import OVER
from gateway.vocabulary.errors import Refused
from gateway.vocabulary.events import Event
from gateway.vocabulary.ids import protocol_of
from house import House
from stage import (
    EVE,
    HERE,
    SECOND,
    TELEGRAM,
    WEB,
    XMPP,
    Act,
    Silent,
    Stage,
    deletes,
    edits,
    joins,
    leaves,
    open_room,
    perform,
    person,
    reacts,
    refuses,
    says,
)

AT = pytest.mark.parametrize("here", HERE, ids=protocol_of)
ALL = [says("a"), edits(1, "b"), reacts(1, "👍"), says("gone"), deletes(2)]


def named(text: str, here: str, there: str) -> str:
    """How Alice's text is shown."""
    return text if there == WEB else f"Alice ({protocol_of(here)}): {text}"


# Directions, ignore rules, joins


@AT
async def test_a_member_that_is_shown_only_is_not_heard(house: House, here: str) -> None:
    stage = Stage(await open_room(house, directions={here: "out"}), here)
    await perform(stage, ALL)
    await house.settled()
    told = await house.rows("SELECT event FROM gateway_entry WHERE event LIKE '%Alice%room.%'")
    assert told == []
    other = Stage(house, XMPP if here != XMPP else TELEGRAM)
    await other.says("hi")
    await house.until(lambda: bool(stage.screen(here)))
    assert stage.screen(here) == [named("hi", other.here, here)]


@AT
async def test_a_member_that_is_heard_only_is_shown_nothing(house: House, here: str) -> None:
    there = XMPP if here != XMPP else TELEGRAM
    stage = Stage(await open_room(house, directions={there: "in"}), here)
    await perform(stage, ALL)
    await stage.says("end")
    await house.shows(SECOND if here != SECOND else TELEGRAM, 1)
    await house.settled()
    assert stage.screen(there) == []


IGNORED = [
    (says("spam spam"), []),
    (says("x", author=person("IrcBot")), []),
    (says("x", author=EVE | {"id": "person:bad"}), []),
    (says("fine"), ["@ fine"]),
]


@AT
@pytest.mark.parametrize(("act", "expected"), IGNORED)
async def test_what_is_ignored_is_not_told(
    house: House, here: str, act: Act, expected: list[str]
) -> None:
    rules = {"ignore_names": ("Bot$", "^person:bad$"), "ignore_texts": ("^spam",)}
    stage = Stage(await open_room(house, **rules), here)
    await perform(stage, [act])
    lines = (await stage.seen())[SECOND]
    assert lines == expected


@AT
async def test_who_is_ignored_changes_nothing(house: House, here: str) -> None:
    stage = Stage(await open_room(house, ignore_names=("^Eve$",)), here)
    await perform(stage, [says("a"), reacts(1, "👍", author=EVE), deletes(1, author=EVE)])
    assert (await stage.seen())[SECOND] == ["@ a"]


@AT
async def test_who_comes_and_goes_is_told_if_wanted(house: House, here: str) -> None:
    stage = Stage(await open_room(house, joins=True), here)
    await perform(stage, [joins(author=EVE), leaves(author=EVE)])
    network = protocol_of(here)
    lines = (await stage.seen())[SECOND]
    assert lines == [f"Eve ({network}): joined", f"Eve ({network}): left"]


# What senders learn

FILE = {"kind": "document", "source": "HERE/aaaaaaaaaaaaaaaaaaaaa1", "name": "a.pdf"}
HUGE = FILE | {"size": 900_000_000}
NOTICES = {
    "too large for the chat": (
        [says("x", attachments=[HUGE])],
        "↳? (the file is not shown in -5, telegram: a file that this chat does not take)",
    ),
    "gone": (
        [refuses("message", "gone", file=True), says("x", attachments=[FILE])],
        "↳? (the file is not shown in -5, telegram: gone)",
    ),
    "refused": (
        [refuses("message", "forbidden"), says("x")],
        "↳? (not shown in -5, telegram: forbidden)",
    ),
    "edit refused": (
        [refuses("edit", "forbidden"), says("x"), edits(1, "y")],
        "↳? (not changed in -5, telegram: forbidden)",
    ),
    "delete refused": (
        [refuses("delete", "forbidden"), says("x"), deletes(1)],
        "↳? (not taken away in -5, telegram: forbidden)",
    ),
}


@pytest.mark.parametrize("here", [XMPP, WEB], ids=protocol_of)
@pytest.mark.parametrize("name", NOTICES)
async def test_who_did_what_cannot_be_shown_is_told(house: House, here: str, name: str) -> None:
    acts, notice = NOTICES[name]
    stage = Stage(await open_room(house), here)
    await perform(stage, acts)
    await house.until(lambda: notice in stage.screen(here))


@AT
async def test_a_change_of_what_a_chat_never_saw_is_no_news(house: House, here: str) -> None:
    house.room("lobby", TELEGRAM, XMPP)
    await house.start(Silent.as_asgi())
    for member in (TELEGRAM, XMPP, WEB, SECOND):
        house.watch(member)
    stage = Stage(house, here)
    await perform(stage, [says("a")])
    await house.settled()
    await house.board.rooms.link("lobby", SECOND)
    await perform(stage, [edits(1, "b"), deletes(1)])
    await stage.seen()
    assert stage.screen(here) == []


# What bots do


class Host(ChatConsumer):
    """Does what it is told."""

    async def chat_message(self, event: Event) -> None:
        text = event["text"]
        if text == "edit":
            await self.edit(await self.reply("one"), "two")
        elif text == "delete":
            await self.delete(await self.reply("one"))
        elif text == "react":
            await self.react(event["id"], "🔥")
        elif text == "answer":
            await self.reply("yes", reply_to=event["id"])
        elif text == "links":
            await self.reply("Look", buttons=[{"text": "Here", "url": "https://example.org/"}])
        elif text == "order":
            size = await self.ask("Which size?", buttons=[["Large", "Small"]])
            count = await self.ask("How many?")
            await self.reply(f"{count} {size}")

    async def chat_action(self, event: Event) -> None:
        await self.answer(event, f"You chose {event['data']}.")


ROOM_BOT = {
    "edit": ["two"],
    "delete": [],
    "react": ["@ react  {🔥}"],
    "answer": ["@ answer", "↳1 yes"],
}


@AT
@pytest.mark.parametrize("text", ROOM_BOT)
async def test_the_bot_of_a_room_changes_messages_everywhere(
    house: House, here: str, text: str
) -> None:
    stage = Stage(await open_room(house, Host), here)
    await perform(stage, [says(text)])
    first = [] if text in ("react", "answer") else [f"@ {text}"]
    expected = [*first, *ROOM_BOT[text]]
    await house.settled()
    lines = (await stage.seen())[SECOND]
    assert lines == expected


async def test_a_button_that_opens_a_page_is_one_or_is_written(house: House) -> None:
    stage = Stage(await open_room(house, Host), XMPP)
    await perform(stage, [says("links")])
    await house.settled()
    seen = await stage.seen()
    assert seen[SECOND][1] == "Look  (Here)"
    assert stage.screen(XMPP)[0].startswith("Look\n1. Here: https://example.org/")


async def press(stage: Stage, where: str, number: int, message: int = 0, **body: Any) -> None:
    """Somebody presses a button of the first, second ... message with buttons."""
    sql = (
        "SELECT native FROM gateway_copy WHERE conversation = %s AND length(buttons) > 2"
        " ORDER BY id"
    )
    found = await stage.house.rows(sql, where)
    token = f"{where}|press-{number}"
    await stage.does("action", where, id=found[message][0], button=str(number), token=token, **body)


def answers(house: House, where: str) -> list[str]:
    """What those who pressed were answered."""
    return [
        event["text"]
        for place, event in house.server(where).delivered
        if place == where and event["type"].endswith(".answer")
    ]


PRIVATE = ("telegram:default:1", "web:default:~alice")
END = pytest.mark.parametrize("end", ["", "stop", "fall"])


async def asks(house: House, where: str) -> Stage:
    """Somebody orders, and is asked which size."""
    await house.start(Host.as_asgi())
    stage = Stage(house, where)
    await house.hears(where, "order")
    await house.shows(where, 1)
    await house.settled()
    return stage


async def end_by(house: House, end: str) -> None:
    """Leave and move in again."""
    if end:
        await house.settled()
        await getattr(house, end)()
        await house.start(Host.as_asgi())


@END
@pytest.mark.parametrize("where", PRIVATE, ids=protocol_of)
async def test_a_question_is_answered_by_a_press(house: House, where: str, end: str) -> None:
    stage = await asks(house, where)
    await end_by(house, end)
    await press(stage, where, 1)
    await house.shows(where, 2)
    await house.hears(where, "2")
    assert (await house.shows(where, 3))[2] == "2 Small"
    await house.until(lambda: bool(answers(house, where)))
    assert answers(house, where) == [""]


@pytest.mark.parametrize("where", ["xmpp:default:alice@example.org"], ids=protocol_of)
async def test_a_number_answers_what_was_asked_last(house: House, where: str) -> None:
    await asks(house, where)
    await house.hears(where, "2")
    await house.shows(where, 2)
    await house.hears(where, "2")
    assert (await house.shows(where, 3))[2] == "2 Small"


@pytest.mark.parametrize("where", PRIVATE, ids=protocol_of)
async def test_a_press_answers_no_later_question(house: House, where: str) -> None:
    stage = await asks(house, where)
    await press(stage, where, 1)
    await house.shows(where, 2)
    await press(stage, where, 0)
    await house.until(lambda: answers(house, where)[1:] == [OVER])
    await house.hears(where, "3")
    assert (await house.shows(where, 3))[2] == "3 Small"


async def test_nobody_else_answers_by_a_press(house: House) -> None:
    where = "telegram:default:-9"
    stage = await asks(house, where)
    await press(stage, where, 1, author=EVE)
    await house.until(lambda: answers(house, where) == [OVER])
    await press(stage, where, 0)
    await house.hears(where, "1")
    assert (await house.shows(where, 3))[2] == "1 Large"


@AT
async def test_a_message_is_taken_away_by_a_command(house: House, here: str) -> None:
    stage = Stage(await open_room(house), here)
    await perform(stage, [says("oops"), says("/delete", reply_to=1)])
    assert (await stage.seen())[SECOND] == []


@AT
async def test_nobody_takes_away_by_a_command_what_another_said(house: House, here: str) -> None:
    stage = Stage(await open_room(house), here)
    await perform(stage, [says("mine"), says("/delete", reply_to=1, author=EVE)])
    assert (await stage.seen())[SECOND] == ["@ mine"]
    await house.until(lambda: bool(stage.screen(here)))
    assert stage.screen(here) == ["That is no message of yours in the room."]


async def test_outcomes_come_to_who_has_a_handler_for_them(house: House) -> None:
    heard: list[str] = []

    class Careful(ChatConsumer):
        async def chat_message(self, event: Event) -> None:
            await self.reply("x")

        async def chat_sent(self, event: Event) -> None:
            heard.append(event["type"])

        async def chat_failed(self, event: Event) -> None:
            heard.append(event["code"])

    await house.start(Careful.as_asgi())
    house.server(TELEGRAM).faults.append(Refused("blocked", "blocked"))
    await house.hears("telegram:default:1", "hi", "hi")
    await house.until(lambda: heard == ["blocked", "telegram.sent"])


async def test_what_a_private_chat_told_a_room_it_can_change(house: House) -> None:
    class Herald(ChatConsumer):
        async def chat_message(self, event: Event) -> None:
            if self.kind != "room":
                ref = await self.say("helo", to="room:default:lobby")
                await self.edit(ref, "hello", to="room:default:lobby")

    stage = Stage(await open_room(house, Herald), XMPP)
    await house.hears("telegram:default:1", "go")
    await house.until(lambda: any("hello" in line for line in stage.screen(TELEGRAM)))


# Two gateways in one place


@pytest.fixture
def second_ledger(empty_ledger: Path, tmp_path: Path) -> Iterator[str]:
    """Another ledger."""
    path = tmp_path / "neighbour.sqlite3"
    shutil.copy(empty_ledger, path)
    alias = f"neighbour-{tmp_path.name}"
    connections.databases[alias] = {**connections.databases["empty"], "NAME": str(path)}
    yield alias
    connections[alias].close()
    del connections[alias]
    del connections.databases[alias]


@pytest.fixture
async def neighbour(second_ledger: str) -> AsyncIterator[House]:
    """Another gateway."""
    house = House(second_ledger)
    yield house
    await house.stop(1.0)


SHARED = (XMPP, "xmpp:default:hall@conference.example.org")


class Place:
    """XMPP as two gateways share it: what one says there the other one hears."""

    def __init__(self, *, marked: bool) -> None:
        self.said: list[tuple[str, str]] = []
        self._marked = marked
        self._tasks: list[asyncio.Future[None]] = []

    def connect(self, one: House, other: House) -> None:
        """Let a gateway be heard by another one."""

        def heard(where: str, event: Event) -> None:
            self.said.append((where, event["text"]))
            body = {"author": person("Gateway"), "bridged": self._marked}
            accepted = other.server(XMPP).port.accept([other.arrival(where, event["text"], **body)])
            self._tasks.append(asyncio.ensure_future(accepted))

        one.server(XMPP).refuses = heard

    async def settled(self, *houses: House) -> None:
        """Wait until nobody says anything any more."""
        said = -1
        while said < len(self.said):
            said = len(self.said)
            await asyncio.gather(*self._tasks)
            for house in houses * 2:
                await house.settled()


@pytest.mark.parametrize(
    ("shared", "marked", "said"),
    [
        (1, True, [(XMPP, "Alice (telegram): hi")]),
        (1, False, [(XMPP, "Alice (telegram): hi")]),
        (2, True, [(place, "Alice (telegram): hi") for place in SHARED]),
    ],
)
async def test_two_gateways_in_one_place_settle(
    house: House, neighbour: House, shared: int, marked: bool, said: list[tuple[str, str]]
) -> None:
    place = Place(marked=marked)
    for one, group in ((house, "telegram:default:-7"), (neighbour, "telegram:default:-8")):
        one.room("lobby", group, *SHARED[:shared])
        await one.start(Silent.as_asgi())
    place.connect(house, neighbour)
    place.connect(neighbour, house)
    await house.hears("telegram:default:-7", "hi")
    for conversation in SHARED[:shared]:
        await house.shows(conversation, 1)
    await place.settled(house, neighbour)
    assert sorted(place.said) == sorted(said)
