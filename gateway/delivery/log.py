"""The streams of the log: what was said in each room and web chat, in order, for whoever follows.

Appending is an operation of the ledger. After its commit the entry is published: to the
followers in this process at once, to the other processes as a ring. A follower sees every entry
after the moment it began, in order and without gaps; what no ring announced is found when the
heads are read again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from gateway.delivery.server import Entry, Opening
from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import LedgerAway
from gateway.vocabulary.events import Event

logger = logging.getLogger(__name__)

PAGE = 200
"""Entries read at once when a follower is behind."""

PAUSE = 0.5
"""Seconds between two tries to learn where a stream stands."""

Listener = Callable[[Entry], None]


class Tail:
    """The end of one stream as this process has seen it, and who follows it."""

    def __init__(self, stream: str, journal: Journal) -> None:
        self.stream = stream
        self.listeners: list[Listener] = []
        self.position: int | None = None
        self.target = 0
        """The highest seq that we know of."""
        self.ready = asyncio.Event()
        """Set when the position is known."""
        self._journal = journal
        self._reading: asyncio.Task[None] | None = None

    def hear(self, seq: int, event: Event | None) -> None:
        """There is an entry with this seq; its event may come with the news."""
        if self.position is not None and seq <= self.position:
            return
        self.target = max(self.target, seq)
        if event is not None and self.position == seq - 1 and self._reading is None:
            self._deliver(Entry(seq, event))
        else:
            self.catch_up()

    def catch_up(self) -> None:
        """Read what was missed."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            while self.position is None:
                await self._begin()
            while self.position is not None and self.position < self.target:
                await self._read_page(self.position)
        except LedgerAway as error:
            logger.warning("stream=%s cannot be read: %s", self.stream, error)
        finally:
            self._reading = None

    async def _begin(self) -> None:
        """Learn where the stream stands: what is opened before that could miss an entry."""
        try:
            self.position = (await self._journal.write(self._open))[1]
            self.ready.set()
        except LedgerAway as error:
            logger.warning("stream=%s cannot be followed yet: %s", self.stream, error)
            await asyncio.sleep(PAUSE)

    def _open(self, rows: Rows) -> tuple[str, int]:
        return queries.open_stream(rows, self.stream)

    async def _read_page(self, after: int) -> None:
        found = await self._journal.read(
            lambda rows: queries.entries(rows, self.stream, after, PAGE)
        )
        if not found:
            self.target = after  # a ring for an entry that never came to be
        for seq, event in found:
            self._deliver(Entry(seq, event))

    def _deliver(self, entry: Entry) -> None:
        self.position = entry.seq
        for listener in list(self.listeners):
            listener(entry)


class Log:
    """The streams that this process follows, and the way to read any."""

    def __init__(self, journal: Journal, ring: Callable[[dict[str, Any]], None]) -> None:
        self._journal = journal
        self._ring = ring
        self._tails: dict[str, Tail] = {}

    def publish(self, stream: str, seq: int, event: Event) -> None:
        """An entry was committed by this process."""
        self.hear(stream, seq, event)
        self._ring({"stream": stream, "seq": seq})

    def hear(self, stream: str, seq: int, event: Event | None = None) -> None:
        """An entry was committed by somebody."""
        tail = self._tails.get(stream)
        if tail is not None:
            tail.hear(seq, event)

    async def open(self, stream: str) -> Opening:
        """Make the stream if it is new, and say where it stands."""
        await self._settled(stream)
        return Opening(*await self._journal.write(lambda rows: queries.open_stream(rows, stream)))

    async def read(self, stream: str, after: int, limit: int) -> list[Entry]:
        """Up to ``limit`` entries with ``seq > after``, in order."""
        await self._settled(stream)
        found = await self._journal.read(lambda rows: queries.entries(rows, stream, after, limit))
        return [Entry(seq, event) for seq, event in found]

    async def _settled(self, stream: str) -> None:
        """Wait until a follower that just began knows its place: no entry falls between."""
        tail = self._tails.get(stream)
        if tail is not None:
            await tail.ready.wait()

    def follow(self, stream: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for each entry from now on; returns the way out."""
        tail = self._tails.get(stream)
        if tail is None:
            tail = self._tails[stream] = Tail(stream, self._journal)
            tail.catch_up()
        tail.listeners.append(listener)
        return lambda: self._unfollow(stream, listener)

    def _unfollow(self, stream: str, listener: Listener) -> None:
        tail = self._tails.get(stream)
        if tail is None or listener not in tail.listeners:
            return
        tail.listeners.remove(listener)
        if not tail.listeners:
            del self._tails[stream]

    async def look(self) -> None:
        """Read the heads of all followed streams, for rings that were lost."""
        names = list(self._tails)
        if not names:
            return
        heads = await self._journal.read(lambda rows: queries.heads(rows, names))
        for stream, head in heads.items():
            self.hear(stream, head)
