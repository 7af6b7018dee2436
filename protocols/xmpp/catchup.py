"""Catching up: what was said while we were away first, then what is said now, nothing twice.

Each archive (the account's, each room's) has a place up to which everything is in the ledger.
It is kept there as a note, and moves only behind a commit. After a session that was not resumed
live messages wait until the archive was read from that place on; not for ever, though: then they
go on, late ones come when they come, and the place stays until the archive was read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from gateway.delivery.server import Arrival, Port
from gateway.vocabulary.errors import LedgerAway
from protocols.xmpp.intake import Intake, Settle, Unreadable
from protocols.xmpp.past import Page, Place, Result, note_from_place, place_from_note
from protocols.xmpp.reader import NotShown, Reader

logger = logging.getLogger(__name__)

LONGEST_GAP = 86_400.0
"""Seconds of the past that are asked for."""
PATIENCE_SECONDS = 20.0
"""How long live messages wait; servers cut clients that acknowledge nothing for a minute."""
HELD = 2000
"""How many of one archive wait."""
PAGES = 1000
"""Pages of one archive that are read in one go."""
AT_ONCE = 10
"""Archives that are read side by side."""
CLOCKS = 60.0
"""Seconds by which our clock and a server's may differ."""
NOTE_EVERY = 1.0
"""Seconds between notes of how far live messages have come; what is read again is known by id."""
LEDGER_SECONDS = 1.0
"""Seconds before a ledger that is away is asked again."""
LATE_SECONDS = 10.0
"""What may come into an archive behind something that was said so much later."""

NO_ARCHIVE = "keeps no archive (XEP-0313): what is said there while we are away is lost"


class Historian(Protocol):
    """Who understands what an archive shows."""

    def past(self, archive: str, result: Result) -> Arrival | Unreadable | None:
        """Translate a message of the past; None if it is no arrival."""

    def caught_up(self, archive: str) -> None:
        """What this archive will tell, it has told."""


@dataclass(slots=True)
class Archive:
    """One archive as we know it."""

    jid: str
    place: Place | None = None
    stand: Place | None = None
    """Where it stood when it was first seen; counts once what came since is committed."""
    began: Place | None = None
    """From where it was read last; until it has been looked at once more."""
    behind: bool = False
    """Whether it may hold something that the ledger does not."""
    trouble: str = ""
    live: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while live messages do not wait."""
    held: list[tuple[Arrival, Settle]] = field(default_factory=list)


class CatchUp:
    """Between the stream and the intake: lets live messages through, or makes them wait."""

    def __init__(self, port: Port, intake: Intake, historian: Historian) -> None:
        self._port = port
        self._intake = intake
        self._historian = historian
        self._archives: dict[str, Archive] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._moved: set[str] = set()
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()

    def _archive(self, jid: str) -> Archive:
        archive = self._archives.get(jid)
        if archive is None:
            archive = self._archives[jid] = Archive(jid)
            archive.live.set()
        return archive

    def behind(self, jid: str) -> bool:
        """Whether the archive is still to be read."""
        return self._archive(jid).behind

    def live(self, jid: str) -> asyncio.Event:
        """Set while what was said there in the past is in, as far as it will be."""
        return self._archive(jid).live

    def troubles(self) -> list[str]:
        """Each archive that cannot help, with the reason."""
        return [f"{a.jid}: {a.trouble}" for a in self._archives.values() if a.trouble]

    def drop(self, jid: str) -> None:
        """What is said there is not for us any more: if we come back, we begin anew."""
        former = self._archives.pop(jid, None)
        if former is not None:
            self._release(former)
        self._archive(jid)
        self._moved.add(jid)
        self._news.set()

    # Live

    def close(self, jid: str) -> None:
        """We were away: live messages wait from now on."""
        archive = self._archive(jid)
        archive.behind = True
        archive.live.clear()

    def put(self, jid: str, arrival: Arrival, settle: Settle) -> None:
        """Take a live arrival of an archive's place."""
        archive = self._archive(jid)
        if archive.live.is_set():
            self._intake.put(arrival, partial(self._committed, archive, arrival, settle))
            return
        archive.held.append((arrival, settle))
        if len(archive.held) >= HELD:
            self._release(archive, "too many wait")

    def forget(self) -> None:
        """The server will send again whatever waits."""
        for archive in self._archives.values():
            archive.held.clear()

    def _release(self, archive: Archive, impatience: str = "") -> None:
        if impatience:
            logger.warning("archive=%s live messages go ahead: %s", archive.jid, impatience)
        held, archive.held = archive.held, []
        archive.live.set()
        for arrival, settle in held:
            self._intake.put(arrival, partial(self._committed, archive, arrival, settle))
        if not held:
            self._arrive(archive, None)

    def _committed(self, archive: Archive, arrival: Arrival, settle: Settle) -> None:
        settle()
        given = (arrival.delivery or "").removeprefix(f"{archive.jid} ")
        at = float(arrival.event.get("at", time.time())) - CLOCKS
        self._arrive(archive, Place(given, at) if given else None)

    def _arrive(self, archive: Archive, place: Place | None) -> None:
        """Everything up to here is committed; while the archive is unread that proves nothing."""
        place = place or (archive.stand if archive.place is None else None)
        if place is None or archive.behind or self._archives.get(archive.jid) is not archive:
            return
        if archive.place is None:
            self._urgent.set()  # without a first note the next start would take nothing
        archive.place, archive.stand = place, None
        self._moved.add(archive.jid)
        self._news.set()

    # Past

    def without(self, jid: str, trouble: str = NO_ARCHIVE) -> None:
        """There is no archive to be read: live messages go on."""
        archive = self._archive(jid)
        archive.behind = False
        self._say(archive, trouble)
        self._release(archive)
        self._historian.caught_up(jid)

    async def read(self, jid: str, reader: Reader) -> None:
        """Read what we missed; returns when it is committed, or could not be had."""
        archive = self._archive(jid)
        if not archive.behind:
            return
        loop = asyncio.get_running_loop()
        patience = loop.call_later(PATIENCE_SECONDS, self._release, archive, "the archive is slow")
        try:
            async with self._at_once:
                await self._read(archive, reader)
        except NotShown as error:
            archive.behind = not error.hopeless
            self._say(archive, f"its archive cannot be read ({error})")
        else:
            archive.behind = False
            archive.trouble = ""
        finally:
            patience.cancel()
        self._release(archive)
        self._historian.caught_up(jid)

    def _say(self, archive: Archive, trouble: str) -> None:
        if archive.trouble != trouble:
            logger.warning("%s %s", archive.jid, trouble)
        archive.trouble = trouble

    async def _read(self, archive: Archive, reader: Reader) -> None:
        archive.place = archive.place or await self._noted(archive)
        if archive.place is None:
            page = await reader.page(archive.jid, newest=True)
            archive.stand = _last(page) or Place("", 0.0)
            return
        archive.began = archive.place
        after, start = _from(archive.place)
        for _ in range(PAGES):
            try:
                page = await reader.page(archive.jid, after=after, start=start)
            except NotShown as error:
                if error.condition != "item-not-found" or after is None:
                    raise
                logger.warning("archive=%s no longer knows where we were", archive.jid)
                after, start = None, max(archive.place.at, _oldest())
                continue
            await self._take(archive, page)
            if page.complete or page.last == after:
                return
            after = page.last
        raise NotShown(f"more than {PAGES} pages")

    async def look_again(self, jid: str, reader: Reader) -> None:
        """Read the end of what was read once more, for what came into the archive late.

        A server of many processes may still be archiving what it gave to our former connection.
        Nothing from before the place where reading began: it may never have been ours to have.
        """
        archive = self._archive(jid)
        began = archive.began
        if began is None or archive.place is None or archive.behind:
            return
        after: str | None = began.id or None
        start: float | None = None
        if began.at + CLOCKS < archive.place.at - LATE_SECONDS:
            after, start = None, archive.place.at - LATE_SECONDS
        try:
            for _ in range(PAGES):
                page = await reader.page(jid, after=after, start=start)
                await self._commit(self._translated(archive, page))
                if page.complete or page.last == after:
                    break
                after = page.last
        except NotShown as error:
            logger.info("archive=%s not looked at once more: %s", jid, error)
        archive.began = None

    def _translated(self, archive: Archive, page: Page) -> list[Arrival | Unreadable]:
        known = archive.began.id if archive.began is not None else ""  # asked by time, it returns
        new = [result for result in page.results if result.id != known]
        found = [self._historian.past(archive.jid, result) for result in new]
        return [item for item in found if item is not None]

    async def _take(self, archive: Archive, page: Page) -> None:
        await self._commit(self._translated(archive, page))
        place = _last(page)
        if place is not None:
            archive.place = place
            await self._note(archive)

    async def _commit(self, items: Sequence[Arrival | Unreadable]) -> None:
        """Put them in the ledger, behind what is on its way there."""
        if not items:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for item in items[:-1]:
            self._intake.put(item, _nothing)
        self._intake.put(items[-1], lambda: None if done.done() else done.set_result(None))
        await done

    # Notes

    async def _noted(self, archive: Archive) -> Place | None:
        while True:
            try:
                return place_from_note(await self._port.noted(_name(archive.jid)))
            except LedgerAway:
                await asyncio.sleep(LEDGER_SECONDS)

    async def _note(self, archive: Archive) -> None:
        self._moved.discard(archive.jid)
        try:
            await self._port.note(_name(archive.jid), note_from_place(archive.place))
        except LedgerAway:
            self._moved.add(archive.jid)
            self._news.set()

    async def note_all(self) -> None:
        """Write down how far live messages have come."""
        self._news.clear()
        for jid in list(self._moved):
            await self._note(self._archives[jid])

    async def run(self) -> None:
        """Note it now and then, until cancelled."""
        while True:
            await self._news.wait()
            await self.note_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(NOTE_EVERY):
                    await self._urgent.wait()
            self._urgent.clear()


def _oldest() -> float:
    return time.time() - LONGEST_GAP


def _from(place: Place) -> tuple[str | None, float | None]:
    """After which id, or from when, to read on."""
    if place.id and place.at >= _oldest():
        return place.id, None
    return None, max(place.at, _oldest())


def _last(page: Page) -> Place | None:
    return Place(page.results[-1].id, page.results[-1].at) if page.results else None


def _name(jid: str) -> str:
    return f"xmpp.archive {jid}"


def _nothing() -> None:
    """The last one of a page speaks for all of them."""
