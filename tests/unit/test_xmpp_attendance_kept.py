"""Invitations: one is settled when it is on disk, and followed after a restart."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import LedgerAway
from protocols.xmpp import attendance
from protocols.xmpp.attendance import INVITED, Attendance
from protocols.xmpp.identity import Identity
from protocols.xmpp.link import Link
from protocols.xmpp.places import Places
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.settings import Bound

DEN = "den@rooms.example.org"
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
        self.late: list[bool] = []
        self.online = True

    def acknowledge(self, *, late: bool = False) -> None:
        self.late.append(late)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> AwayPort:
    monkeypatch.setattr(attendance, "LEDGER_SECONDS", 0.001, raising=False)
    return AwayPort()


def invited(port: AwayPort) -> Told:
    told, link = Told(), Link("example.org")
    link.stream = cast(Any, told)
    watcher = SimpleNamespace(rooms_changed=lambda: None)
    rooms = Rooms("Robo", cast(Any, watcher), Bound(3600.0, 100))
    places = Places(Identity("default", "bot@example.org", "Robo"), rooms)
    goes_to = Attendance(cast(Any, port), link, rooms, places)
    assert goes_to.invited(ElementTree.fromstring(INVITATION), told.settled.set)
    return told


async def test_one_that_the_ledger_did_not_take_at_once_is_kept_later(port: AwayPort) -> None:
    port.away = True
    told = invited(port)
    await asyncio.wait_for(port.asked.wait(), 20)
    port.away = False
    await asyncio.wait_for(told.settled.wait(), 20)
    assert port.notes[INVITED] == f'["{DEN}"]'


async def test_none_is_settled_before_it_is_kept(port: AwayPort) -> None:
    port.away = True
    told = invited(port)
    await asyncio.wait_for(port.asked.wait(), 20)
    assert not told.settled.is_set()
