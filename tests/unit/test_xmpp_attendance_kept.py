"""Where to be is kept, though the ledger is away when it is learned."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import LedgerAway
from protocols.xmpp import attendance
from protocols.xmpp.attendance import INVITED, LEFT, Attendance
from protocols.xmpp.identity import Identity
from protocols.xmpp.link import Link
from protocols.xmpp.places import Places
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.settings import Bound

DEN = "den@rooms.example.org"
KEY = f"xmpp:default:{DEN}"
INVITATION = (
    "<message xmlns='jabber:client' from='a@b'>"
    f"<x xmlns='jabber:x:conference' jid='{DEN}'/></message>"
)


class AwayPort(MemoryPort):
    """Its ledger keeps no note while it is away."""

    def __init__(self) -> None:
        super().__init__("xmpp:default")
        self.asked = asyncio.Event()

    async def note(self, name: str, value: str) -> None:
        self.asked.set()
        if self.away:
            raise LedgerAway("the test took the ledger away")
        await super().note(name, value)


class Told:
    """Whether an invitation was settled, and what our server was told of it."""

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.count = 0
        self.late: list[bool] = []
        self.online = True

    def settle(self) -> None:
        self.count += 1
        self.settled.set()

    def acknowledge(self, *, late: bool = False) -> None:
        self.late.append(late)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> AwayPort:
    monkeypatch.setattr(attendance, "LEDGER_SECONDS", 0.001, raising=False)
    return AwayPort()


def attendance_of(port: AwayPort, link: Link) -> Attendance:
    watcher = SimpleNamespace(rooms_changed=lambda: None)
    rooms = Rooms("Robo", cast(Any, watcher), Bound(3600.0, 100))
    places = Places(Identity("default", "bot@example.org", "Robo"), rooms)
    return Attendance(cast(Any, port), link, rooms, places)


def invited(port: AwayPort, times: int = 1) -> Told:
    told, link = Told(), Link("example.org")
    link.stream = cast(Any, told)
    goes_to = attendance_of(port, link)
    for _ in range(times):
        assert goes_to.invited(ElementTree.fromstring(INVITATION), told.settle)
    return told


async def test_one_that_the_ledger_did_not_take_at_once_is_kept_later(port: AwayPort) -> None:
    port.away = True
    told = invited(port)
    await asyncio.wait_for(port.asked.wait(), 20)
    port.away = False
    await asyncio.wait_for(told.settled.wait(), 20)
    assert port.notes[INVITED] == f'["{DEN}"]'


async def test_many_to_one_room_are_kept_at_once_and_all_settled(port: AwayPort) -> None:
    port.away = True
    told = invited(port, times=1000)
    await asyncio.wait_for(port.asked.wait(), 20)
    waiting = len(asyncio.all_tasks())
    port.away = False
    await asyncio.wait_for(told.settled.wait(), 20)
    assert (waiting < 10, told.count) == (True, 1000)


async def test_none_is_settled_before_it_is_kept(port: AwayPort) -> None:
    port.away = True
    told = invited(port)
    await asyncio.wait_for(port.asked.wait(), 20)
    assert not told.settled.is_set()


async def test_a_room_that_was_left_while_the_ledger_was_away_is_kept_as_left(
    port: AwayPort,
) -> None:
    port.away = True
    leaving = asyncio.create_task(attendance_of(port, Link("example.org")).leave(KEY))
    await asyncio.wait_for(port.asked.wait(), 20)
    port.away = False
    await asyncio.wait_for(leaving, 20)
    assert port.notes[LEFT] == f'["{DEN}"]'


async def test_a_room_that_was_entered_while_the_ledger_was_away_is_left_no_more(
    port: AwayPort,
) -> None:
    port.notes[LEFT], port.away = f'["{DEN}"]', True
    entering = asyncio.create_task(attendance_of(port, Link("example.org")).enter(KEY))
    await asyncio.wait_for(port.asked.wait(), 20)
    port.away = False
    await asyncio.wait_for(entering, 20)
    assert port.notes[LEFT] == "[]"


async def test_a_room_that_is_entered_before_it_is_kept_as_left_is_not_left(port: AwayPort) -> None:
    port.away = True
    goes_to = attendance_of(port, Link("example.org"))
    leaving = asyncio.create_task(goes_to.leave(KEY))
    await asyncio.wait_for(port.asked.wait(), 20)
    entering = asyncio.create_task(goes_to.enter(KEY))
    await asyncio.sleep(0)
    port.away = False
    await asyncio.wait_for(asyncio.gather(leaving, entering), 20)
    assert port.notes.get(LEFT, "[]") == "[]"
