"""Events are begun before the commit of those in front: whatever ends, nothing is lost by it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from consumers.base import ChatConsumer
from gateway.delivery.posted import MOST
from gateway.vocabulary.events import Event
from house import PATIENCE, House

TELEGRAM = "telegram:default:-5"
MOVED = "telegram:default:-15"
XMPP = "xmpp:default:lobby@conference.example.org"
TEXTS = [str(number) for number in range(9)]
SHOWN = [f"Alice (telegram): {text}" for text in TEXTS]


class Host(ChatConsumer):
    """Relays; a test may do something first."""

    @staticmethod
    def first(text: str) -> None:
        """Called with each text that is about to be told to the room."""

    async def relay(self, event: Event) -> Event | None:
        type(self).first(event["text"])
        if event["text"].startswith("bad"):
            return event | {"quoted": object()}  # the ledger cannot keep it
        return await super().relay(event)


class Held:
    """An operation that the ledger's writer does not come to the end of."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()
        self.error: Exception | None = None

    def __call__(self, rows: Any) -> None:
        self.reached.set()
        self.released.wait(PATIENCE)
        if self.error is not None:
            raise self.error

    def end(self, error: Exception | None = None) -> None:
        """Let it end, or fail as often as it is tried."""
        self.error = error
        self.released.set()


@pytest.fixture
async def room(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A room of a Telegram group and a MUC, both awake."""
    monkeypatch.setattr(Host, "first", lambda text: None)
    house.room("lobby", TELEGRAM, XMPP)
    await house.start(Host.as_asgi())
    house.watch(XMPP)
    await house.until(lambda: None not in map(house.board.conversations.awake, (TELEGRAM, XMPP)))
    await house.settled()
    return house


def once(text: str, act: Callable[[], Any]) -> Callable[[str], None]:
    """Do something before a text is told, the first time."""
    acts = [act]

    def first(given: str) -> None:
        if given == text and acts:
            acts.pop()()

    return first


async def held_up(room: House, monkeypatch: pytest.MonkeyPatch) -> Held:
    """Everything is said, and the ledger holds from the third text on."""
    held = Held()
    monkeypatch.setattr(Host, "first", once("3", lambda: room.board.journal.post(held)))
    await room.hears(TELEGRAM, *TEXTS)
    await room.until(held.reached.is_set)
    await room.until(lambda: posted(room, TELEGRAM) > 1)
    return held


def posted(room: House, conversation: str) -> int:
    awake = room.board.conversations.awake(conversation)
    return awake.posted.count if awake is not None else 0


async def moved_in_again(room: House) -> None:
    await room.start(Host.as_asgi())
    await room.shows(XMPP, len(SHOWN))
    await room.settled()


async def test_events_are_handled_ahead_of_their_commits(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await held_up(room, monkeypatch)
    await room.until(lambda: posted(room, TELEGRAM) >= len(TEXTS) - 3)
    held.end()
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN


async def test_no_more_than_so_many_are_handled_ahead(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, most = Held(), 0
    awake = room.board.conversations.awake(TELEGRAM)
    assert awake is not None

    def first(text: str) -> None:
        nonlocal most
        most = max(most, awake.posted.count)
        if text == "0":
            room.board.journal.post(held)

    monkeypatch.setattr(Host, "first", first)
    await room.hears(TELEGRAM, *map(str, range(3 * MOST)))
    await room.until(lambda: most > 1)
    await asyncio.sleep(0)
    held.end()
    await room.shows(XMPP, 3 * MOST)
    assert most < MOST


async def test_a_process_that_dies_with_what_it_said_loses_and_repeats_nothing(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await held_up(room, monkeypatch)
    room.board.conversations.stopping = True
    room.board.journal.patience = 0
    held.end(OperationalError("the process is dead"))
    await room.fall()
    await moved_in_again(room)
    assert room.shown(XMPP) == SHOWN
    assert await room.dead() == []


async def test_a_ledger_that_is_away_loses_and_repeats_nothing(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.board.journal.patience = 0.05
    held = await held_up(room, monkeypatch)
    held.end(OperationalError("the disk is full"))
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN
    await room.settled()
    assert room.shown(XMPP) == SHOWN
    assert await room.dead() == []


async def test_what_was_shown_is_not_shown_again_when_the_ledger_was_away(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.board.journal.patience = 0.05
    held = Held()
    held.end(OperationalError("the disk is full"))
    await room.hears(TELEGRAM, *TEXTS[:4])
    await room.shows(XMPP, 4)
    monkeypatch.setattr(Host, "first", once("6", lambda: room.board.journal.post(held)))
    await room.hears(TELEGRAM, *TEXTS[4:])
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN
    await room.settled()
    assert room.shown(XMPP) == SHOWN


async def test_what_the_ledger_cannot_keep_is_set_aside_alone(room: House) -> None:
    texts = [*TEXTS[:4], "bad", *TEXTS[4:]]
    await room.hears(TELEGRAM, *texts)
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN
    assert await room.dead() == ["bad"]


async def test_nobody_sleeps_over_what_is_not_committed(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await held_up(room, monkeypatch)
    room.board.conversations.sweep(idle_seconds=0)
    await asyncio.sleep(0)
    awake = room.board.conversations.awake(TELEGRAM)
    assert awake is not None
    assert awake.instance is not None
    assert awake.instance.closing is None
    held.end()
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN
    await room.sleeps()


async def test_a_stop_waits_for_what_is_not_committed(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await held_up(room, monkeypatch)
    stopping = asyncio.create_task(room.board.conversations.stop(PATIENCE))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    held.end()
    await stopping
    assert len(room.board.conversations) == 0
    await room.stop()
    await moved_in_again(room)
    assert room.shown(XMPP) == SHOWN


async def test_a_group_that_moves_meanwhile_takes_it_along(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await held_up(room, monkeypatch)
    moving = asyncio.create_task(room.board.port("telegram:default").move(TELEGRAM, MOVED))
    await room.until(lambda: room.board.conversations.awake(MOVED) is not None)
    held.end()
    await moving
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN
    await room.settled()
    assert room.shown(XMPP) == SHOWN


async def test_a_member_that_moves_meanwhile_is_shown_it_once(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    room.watch(TELEGRAM)
    room.watch(MOVED)
    await room.hears(XMPP, "before")
    await room.shows(TELEGRAM, 1)
    await room.settled()
    room.board.journal.post(held)
    await room.until(held.reached.is_set)
    saying = asyncio.create_task(room.hears(XMPP, *TEXTS))
    await asyncio.sleep(0)
    moving = asyncio.create_task(room.board.port("telegram:default").move(TELEGRAM, MOVED))
    await asyncio.sleep(0)
    held.end()
    await asyncio.gather(saying, moving)
    expected = [f"Alice (xmpp): {text}" for text in TEXTS]
    await room.until(lambda: len(room.shown(TELEGRAM) + room.shown(MOVED)) >= len(TEXTS) + 1)
    await room.settled()
    assert (room.shown(TELEGRAM) + room.shown(MOVED))[1:] == expected


async def test_a_handler_that_waits_for_its_send_waits_for_those_before(
    room: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.board.journal.patience = 0.05
    held = await held_up(room, monkeypatch)
    held.end(OperationalError("the disk is full"))
    await room.hears(TELEGRAM, "/id")
    assert await room.shows(TELEGRAM, 1) == [TELEGRAM]
    assert await room.shows(XMPP, len(SHOWN)) == SHOWN
