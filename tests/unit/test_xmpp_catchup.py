"""Reading an archive: what is passed over is counted once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from xml.etree.ElementTree import Element

import pytest

from gateway.delivery.server import Arrival
from gateway.testing.port import MemoryPort
from gateway.vocabulary.events import Facts
from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.gap import Gap
from protocols.xmpp.intake import Intake
from protocols.xmpp.past import Page, Place, Result, note_from_place
from protocols.xmpp.reader import NotShown, Reader
from protocols.xmpp.settings import Bound

ROOM = "lobby@rooms.example.org"
NOTE = f"xmpp.archive {ROOM}"
BEGAN = time.time() - 1000


class Archive(Reader):
    """An archive of messages, one a second; their ids are their numbers. Two are on a page."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.forgets: list[str] = []
        """Ids that it will say once not to know."""
        self.fails = 0
        """How often it will say that something went wrong."""

    async def page(
        self,
        archive: str,
        *,
        after: str | None = None,
        start: float | None = None,
        end: float | None = None,
        newest: bool = False,
    ) -> Page:
        if self.fails:
            self.fails -= 1
            raise NotShown("internal-server-error", "internal-server-error")
        if after in self.forgets:
            self.forgets.remove(after)
            raise NotShown("item-not-found", "item-not-found")
        first = int(after) + 1 if after else 1
        results = [result(number) for number in range(first, self.count + 1)]
        found = [one for one in results if start is None or one.at >= start]
        page = tuple(found[-1:] if newest else found[:2])
        return Page(page, page[-1].id if page else None, len(found) <= 2)


class Historian:
    def past(self, archive: str, result: Result) -> Arrival:
        return arrival("message", result.id, text=result.id)

    def skipped(self, archive: str, gap: Gap) -> Arrival:
        assert gap.passed is not None
        return arrival("skipped", f"skipped {gap.passed.id}", count=gap.skipped)

    def caught_up(self, archive: str) -> None:
        """Nobody waits."""


class Port(MemoryPort):
    """Hangs at the first message, or when so many commits are through, if told so."""

    hangs = False
    commits = -1
    hung = False

    async def accept(self, arrivals: Any) -> None:
        if self.hangs and any("text" in one.event for one in arrivals):
            await self._hang()
        await super().accept(arrivals)
        self.commits -= 1
        if self.commits == 0:
            await self._hang()

    async def _hang(self) -> None:
        self.hung = True
        await asyncio.Event().wait()

    def told(self) -> tuple[list[str], int]:
        """The messages, and how many were passed over as people were told."""
        events = [one.event for one in self.accepted]
        texts = [event["text"] for event in events if "text" in event]
        return texts, sum(event.get("count", 0) for event in events)


def result(number: int) -> Result:
    return Result(str(number), BEGAN + number, Element("message"))


def arrival(kind: str, delivery: str, **body: Any) -> Arrival:
    event = {"type": f"xmpp.{kind}", **body}
    return Arrival(f"xmpp:default:{ROOM}", cast(Facts, {}), event, f"{ROOM} {delivery}")


def port() -> Port:
    """One that has the first message of the archive."""
    port = Port("xmpp:default")
    port.notes[NOTE] = note_from_place(Place("1", BEGAN + 1))
    return port


@asynccontextmanager
async def alive(port: Any, most: int) -> AsyncIterator[CatchUp]:
    """A process that has come back, until it is killed."""
    intake = Intake(port, lambda: None)
    writing = asyncio.create_task(intake.run())
    catchup = CatchUp(port, intake, Historian(), Bound(messages=most))
    catchup.close(ROOM)
    try:
        yield catchup
    finally:
        writing.cancel()
        catchup.end()
        await asyncio.gather(writing, return_exceptions=True)


async def read_until_killed(port: Port, archive: Archive) -> None:
    """A process reads, up to where the ledger never answers it."""
    async with alive(port, 3) as catchup:
        reading = asyncio.create_task(catchup.read(ROOM, archive))
        async with asyncio.timeout(20):
            while not port.hung:  # noqa: ASYNC110
                await asyncio.sleep(0)
        reading.cancel()


async def test_the_newest_are_taken_and_the_others_counted() -> None:
    taken = port()
    async with alive(taken, 3) as catchup:
        await catchup.read(ROOM, Archive(9))
    assert taken.told() == (["7", "8", "9"], 5)


async def test_what_is_passed_over_is_counted_once_over_a_crash() -> None:
    taken, archive = port(), Archive(9)
    taken.hangs = True
    await read_until_killed(taken, archive)
    taken.hangs = False
    archive.count = 11
    async with alive(taken, 3) as catchup:
        await catchup.read(ROOM, archive)
    assert taken.told() == (["9", "10", "11"], 7)


@pytest.mark.parametrize("commits", [1, 2])
async def test_what_is_in_the_ledger_is_not_counted_though_its_commit_was_the_last_thing(
    commits: int,
) -> None:
    taken, archive = port(), Archive(9)
    taken.commits = commits
    await read_until_killed(taken, archive)
    archive.count = 11
    async with alive(taken, 3) as catchup:
        await catchup.read(ROOM, archive)
    texts, skipped = taken.told()
    assert (texts[-3:], len(texts) + skipped) == (["9", "10", "11"], 10)


async def test_what_is_said_after_the_first_look_is_told_though_the_ledger_was_away_then() -> None:
    taken, archive = Port("xmpp:default"), Archive(3)
    taken.away = True
    async with alive(taken, 10) as catchup:
        await catchup.read(ROOM, archive)
        catchup.close(ROOM)  # the connection was lost
        archive.count = 5
        taken.away = False
        await catchup.read(ROOM, archive)
    assert taken.told() == (["4", "5"], 0)


async def test_what_is_passed_over_is_counted_once_though_the_archive_forgets() -> None:
    taken, archive = port(), Archive(9)
    archive.forgets = ["5"]
    async with alive(taken, 3) as catchup:
        await catchup.read(ROOM, archive)
    assert taken.told() == (["7", "8", "9"], 5)


async def test_live_messages_wait_while_an_archive_fails_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.catchup.SOON", 0.01)
    taken, archive = port(), Archive(3)
    archive.fails = 2
    async with alive(taken, 10) as catchup:
        catchup.put(ROOM, arrival("message", "4", text="4"), lambda: None)
        await catchup.read(ROOM, archive)
        await taken.wait_for(3)
    assert taken.told() == (["2", "3", "4"], 0)


async def test_live_messages_do_not_wait_for_ever_for_an_archive_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.catchup.SOON", 0.01)
    monkeypatch.setattr("protocols.xmpp.catchup.PATIENCE_SECONDS", 0.1)
    taken, archive = port(), Archive(3)
    archive.fails = 1_000
    async with alive(taken, 10) as catchup:
        catchup.put(ROOM, arrival("message", "4", text="4"), lambda: None)
        await catchup.read(ROOM, archive)
        await taken.wait_for(1)
        assert (taken.told()[0], catchup.behind(ROOM)) == (["4"], True)
