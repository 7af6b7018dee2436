"""Catching up: what was said while we were away first, then what is said now, nothing twice.

Each archive (the account's, each room's) has a place up to which everything is in the ledger.
It is kept there as a note, and moves only behind a commit. After a session that was not resumed
live messages are recorded, but nobody gets them until the archive was read from that place on; not
for ever, though: then they go on, late ones come when they come, and the place stays until the
archive was read. What the archive itself tells of them has its turn where the archive has it: after
a crash that is before what was said while we were away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from gateway.delivery.metrics import EVENTS_DROPPED
from gateway.delivery.server import Arrival, Port
from protocols.xmpp.acknowledgement import Settle, settle_nothing
from protocols.xmpp.gap import Gap, Item
from protocols.xmpp.intake import Intake, Release, Unreadable
from protocols.xmpp.notes import Notes
from protocols.xmpp.past import Page, Place, Result
from protocols.xmpp.reader import NotShown, Reader
from protocols.xmpp.settings import Bound

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""How long a live message waits for an archive at most."""
BEHIND = "the archive of "
"""What live messages wait behind is named so, before its JID."""
COUNTED = 5000
"""Messages that are too old are counted so far."""
PORTION = 100
"""Messages of the past that are committed at once."""
AT_ONCE = 10
"""Archives that are read side by side."""
CLOCKS = 60.0
"""Seconds by which our clock and a server's may differ."""
SOON = 5.0
"""Seconds before an archive that failed is asked again, while live messages wait for it."""
LATE_SECONDS = 10.0
"""What may come into an archive behind something that was said so much later."""

NO_ARCHIVE = "keeps no archive (XEP-0313): what is said there while we are away is lost"


class Historian(Protocol):
    """Who understands what an archive shows."""

    def past(self, archive: str, result: Result) -> Arrival | Unreadable | None:
        """Translate a message of the past; None if it is no arrival."""

    def skipped(self, archive: str, gap: Gap) -> Arrival | None:
        """What tells people that messages of an archive were passed over; None: nobody is told."""

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
    passed: frozenset[str] = frozenset()
    """What was passed over when it was read last."""
    reached: Place | None = None
    """How far the live messages have come that are in the ledger, since it was to be read."""
    behind: bool = False
    """Whether it may hold something that the ledger does not."""
    trouble: str = ""
    live: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while live messages do not wait."""
    patience: asyncio.TimerHandle | None = None
    """Runs while live messages wait."""

    @property
    def name(self) -> str:
        """What live messages wait behind, in words."""
        return f"{BEHIND}{self.jid}"

    def be_impatient(self) -> None:
        """Nobody waits any more."""
        if self.patience is not None:
            self.patience.cancel()
        self.patience = None


class CatchUp:
    """Between the stream and the intake: lets live messages through, or has them wait."""

    def __init__(self, port: Port, intake: Intake, historian: Historian, bound: Bound) -> None:
        self._port = port
        self._intake = intake
        self._historian = historian
        self._bound = bound
        self._archives: dict[str, Archive] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self.notes = Notes(port)

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
        self.notes.moved(jid, None)

    # Live

    def close(self, jid: str) -> None:
        """We were away: live messages wait from now on."""
        archive = self._archive(jid)
        archive.behind, archive.reached = True, None
        archive.live.clear()

    async def recall(self) -> None:
        """What waited as a process before this one died waits on; raises ``LedgerAway``."""
        for name in await self._port.held():
            jid = name.removeprefix(BEHIND)
            self.close(jid)
            self._be_patient(self._archive(jid))

    def end(self) -> None:
        """What waits does so in the ledger, until the next start."""
        for archive in self._archives.values():
            archive.be_impatient()

    def put(self, jid: str, arrival: Arrival, settle: Settle) -> None:
        """Take a live arrival of an archive's place."""
        archive = self._archive(jid)
        if arrival.delivery in archive.passed:  # the server had kept it for us besides
            settle()
            return
        if not archive.live.is_set():
            self._be_patient(archive)
            arrival = replace(arrival, behind=archive.name)
        self._intake.put(arrival, partial(self._committed, archive, arrival, settle))

    def _be_patient(self, archive: Archive) -> None:
        if archive.patience is None:
            loop = asyncio.get_running_loop()
            archive.patience = loop.call_later(PATIENCE_SECONDS, self._go_ahead, archive)

    def _go_ahead(self, archive: Archive) -> None:
        logger.warning("archive=%s live messages go ahead: it was not read in time", archive.jid)
        self._release(archive)

    def _release(self, archive: Archive) -> None:
        archive.be_impatient()
        archive.live.set()
        release = Release(archive.name, archive.passed)
        self._intake.put(release, partial(self._arrive, archive, None))

    def _committed(self, archive: Archive, arrival: Arrival, settle: Settle) -> None:
        settle()
        given = (arrival.delivery or "").removeprefix(f"{archive.jid} ")
        at = float(arrival.event.get("at", time.time())) - CLOCKS
        self._arrive(archive, Place(given, at) if given else None)

    def _arrive(self, archive: Archive, place: Place | None) -> None:
        """Everything up to here is committed; while the archive is unread that proves nothing."""
        if archive.behind:
            archive.reached = place or archive.reached
            return
        place = place or archive.reached or (archive.stand if archive.place is None else None)
        if place is None or self._archives.get(archive.jid) is not archive:
            return
        first = archive.place is None
        archive.place, archive.stand, archive.reached = place, None, None
        self.notes.moved(archive.jid, place, urgent=first)

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
        if not archive.live.is_set():
            self._be_patient(archive)
        try:
            await self._read_patiently(archive, reader)
        except NotShown as error:
            archive.behind = not error.hopeless
            self._say(archive, f"its archive cannot be read ({error})")
        else:
            archive.behind = False
            archive.trouble = ""
        self._release(archive)
        self._historian.caught_up(jid)

    def _say(self, archive: Archive, trouble: str) -> None:
        if archive.trouble != trouble:
            logger.warning("%s %s", archive.jid, trouble)
        archive.trouble = trouble

    async def _read_patiently(self, archive: Archive, reader: Reader) -> None:
        """Read, and soon again after a fault that may pass, as long as live messages wait."""
        passed: frozenset[str] = frozenset()
        while True:
            try:
                async with self._at_once:
                    return await self._read(archive, reader)
            except NotShown as error:
                if error.hopeless or archive.live.is_set():
                    raise
                logger.info("archive=%s is asked again soon: %s", archive.jid, error)
            finally:
                archive.passed |= passed
            passed = archive.passed
            await asyncio.sleep(SOON)

    async def _read(self, archive: Archive, reader: Reader) -> None:
        archive.place = archive.place or await self.notes.read(archive.jid)
        if archive.place is None and archive.stand is not None:
            await self._stand_at(archive, archive.stand)  # the connection went before it counted
        if archive.place is None:
            page = await reader.page(archive.jid, newest=True)
            archive.stand = _last(page) or Place("", 0.0)
            return
        archive.began = archive.place
        oldest, gap = time.time() - self._bound.seconds, Gap(self._bound.messages)
        if archive.place.at < oldest:
            await self._pass_over(archive, reader, oldest, gap)
        try:
            async for page in reader.pages(archive.jid, archive.place, since=oldest):
                for place, item in self._translated(archive, page):
                    gap.take(place, item)
        except NotShown:
            await self._take(archive, gap)  # the next try goes on from there
            raise
        await self._take(archive, gap)

    async def _pass_over(self, archive: Archive, reader: Reader, until: float, gap: Gap) -> None:
        """Count what is too old; what of it was ours is proven all the same."""
        assert archive.place is not None
        try:
            async with aclosing(reader.pages(archive.jid, archive.place, until=until - 1)) as pages:
                async for page in pages:
                    for place, item in self._translated(archive, page):
                        gap.pass_over(place, item)
                    if gap.skipped >= COUNTED:
                        break
        except NotShown as error:
            logger.info("archive=%s what is too old is not counted: %s", archive.jid, error)

    async def look_again(self, jid: str, reader: Reader) -> None:
        """Read the end of what was read once more, for what came into the archive late.

        A server of many processes may still be archiving what it gave to our former connection.
        Nothing from before the place where reading began: it may never have been ours to have.
        """
        archive = self._archive(jid)
        began = archive.began
        if began is None or archive.place is None or archive.behind:
            return
        if began.at + CLOCKS < archive.place.at - LATE_SECONDS:
            began = Place("", archive.place.at - LATE_SECONDS)
        oldest = time.time() - self._bound.seconds
        try:
            async for page in reader.pages(jid, began, since=oldest):
                found = [item for _, item in self._translated(archive, page) if item is not None]
                await self._commit(found)
        except NotShown as error:
            logger.info("archive=%s not looked at once more: %s", jid, error)
        archive.began = None

    def _translated(self, archive: Archive, page: Page) -> Iterator[tuple[Place, Item]]:
        known = archive.began.id if archive.began is not None else ""  # asked by time, it returns
        for result in page.results:
            if result.id != known:
                place = Place(result.id, result.at)
                yield place, self._historian.past(archive.jid, result)

    async def _take(self, archive: Archive, gap: Gap) -> None:
        await self._tell_skipped(archive, gap)
        for place, items in gap.portions(PORTION):
            await self._commit_up_to(archive, place, items)
        end = gap.last or gap.passed
        if end is not None and end != archive.place:
            await self._stand_at(archive, end)

    async def _commit_up_to(
        self, archive: Archive, place: Place, items: Sequence[Arrival | Unreadable]
    ) -> None:
        """Whoever reads on after a crash, at whatever moment, counts none of them again."""
        last = items[-1] if items else None
        if isinstance(last, Arrival):
            proof = replace(last, note=self.notes.of(archive.jid, place))
            await self._commit([*items[:-1], proof])
            archive.place = place
        else:
            await self._commit(items)
            await self._stand_at(archive, place)

    async def _stand_at(self, archive: Archive, place: Place) -> None:
        archive.place = place
        await self.notes.write(archive.jid, place)

    async def _tell_skipped(self, archive: Archive, gap: Gap) -> None:
        archive.began = gap.passed or archive.began
        archive.passed = frozenset(gap.deliveries)
        if not gap.skipped:
            return
        EVENTS_DROPPED.labels("skipped").inc(gap.skipped)
        logger.warning("archive=%s messages skipped count=%s", archive.jid, gap.skipped)
        notice = self._historian.skipped(archive.jid, gap)
        if gap.passed is not None:
            items = [] if notice is None else [notice]
            await self._commit_up_to(archive, gap.passed, items)

    async def _commit(self, items: Sequence[Arrival | Unreadable]) -> None:
        """Put them in the ledger, behind what is on its way there."""
        if not items:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for item in items[:-1]:
            self._intake.put(item, settle_nothing)  # the last one speaks for all of them
        self._intake.put(items[-1], lambda: None if done.done() else done.set_result(None))
        await done


def _last(page: Page) -> Place | None:
    return Place(page.results[-1].id, page.results[-1].at) if page.results else None
