"""A port in memory, for tests of a protocol server alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Sequence
from pathlib import Path
from typing import Any

from gateway.delivery.server import Arrival, Entry, Opening
from gateway.delivery.status import Status
from gateway.vocabulary.errors import LedgerAway, MediaError
from gateway.vocabulary.events import Attachment, Author, Event, Facts


class MemoryStreams:
    """Streams that live as long as the test."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = {}
        self.listeners: dict[str, list[Callable[[Entry], None]]] = {}

    def append(self, conversation: str, event: Event) -> Entry:
        """Say something in a stream."""
        entries = self.entries.setdefault(conversation, [])
        entry = Entry(len(entries) + 1, event)
        entries.append(entry)
        for listener in list(self.listeners.get(conversation, ())):
            listener(entry)
        return entry

    async def open(self, conversation: str) -> Opening:
        """See ``Streams.open``."""
        return Opening("memory", len(self.entries.setdefault(conversation, [])))

    async def read(self, conversation: str, after: int, limit: int) -> list[Entry]:
        """See ``Streams.read``."""
        return self.entries.get(conversation, [])[after : after + limit]

    def follow(self, conversation: str, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """See ``Streams.follow``."""
        self.listeners.setdefault(conversation, []).append(listener)
        return lambda: self.listeners[conversation].remove(listener)


class OpenRooms:
    """Rooms that anybody may enter."""

    async def admit(self, room: str, author: Author, code: str | None) -> None:
        """See ``Rooms.admit``."""

    def history(self, room: str) -> int:
        """See ``Rooms.history``."""
        return 50


class MemoryMedia:
    """Files that the test lays there, by their source; a ``MediaError`` is raised instead."""

    most = 20 * 1024 * 1024

    def __init__(self) -> None:
        self.files: dict[str, Path | MediaError] = {}
        self.kept: dict[str, bytes] = {}

    async def file(self, attachment: Attachment) -> Path:
        """See ``Media.file``."""
        found = self.files.get(attachment["source"], MediaError("gone", "There is no such file."))
        if isinstance(found, MediaError):
            raise found
        return found

    def link(self, attachment: Attachment) -> str | None:
        """See ``Media.link``."""
        source = attachment.get("source")
        return source and f"https://files.example/{source}"

    async def keep(
        self, pieces: AsyncIterator[bytes], owner: str, name: str, announced: str = ""
    ) -> Attachment:
        """See ``Media.keep``."""
        source = f"memory/{len(self.kept)}"
        self.kept[source] = b"".join([piece async for piece in pieces])
        size = len(self.kept[source])
        return {"kind": "document", "source": source, "name": name, "size": size}


class MemoryPort:
    """A ``Port`` that keeps what it is given in lists; ``away`` makes the ledger unwritable."""

    def __init__(self, account: str, application: Callable[..., Any] | None = None) -> None:
        self.status = Status(account)
        self.application = application or nobody
        self.mounts: dict[str, Callable[..., Any]] = {}
        self.streams = MemoryStreams()
        self.rooms = OpenRooms()
        self.media = MemoryMedia()
        self.accepted: list[Arrival] = []
        """What was recorded and did not have to wait, in the order of its numbers."""
        self.waiting: list[Arrival] = []
        """What was recorded and waits behind something."""
        self.portion = 100
        """How much ``release`` lets go at once."""
        self.passed: list[tuple[str, Event]] = []
        self.dead: list[tuple[str | None, Any, str]] = []
        self.people: dict[str, list[Author]] = {}
        self.notes: dict[str, str] = {}
        self.known: dict[str, Facts] = {}
        self.moved: list[tuple[str, str]] = []
        self.topics: dict[tuple[str, str], str] = {}
        """What ``topic_of`` finds."""
        self.pictures: dict[str, Attachment | MediaError] = {}
        """What ``picture`` finds, by the author's id."""
        self.away = False
        self.changed = asyncio.Condition()
        self._seen: set[tuple[str, str]] = set()

    async def accept(self, arrivals: Sequence[Arrival]) -> None:
        """See ``Port.accept``; a delivery id that came before is dropped."""
        if self.away:
            raise LedgerAway("the test took the ledger away")
        async with self.changed:
            for arrival in arrivals:
                self._accept(arrival)
            self.changed.notify_all()

    def _accept(self, arrival: Arrival) -> None:
        self.notes |= [arrival.note] if arrival.note else []
        if arrival.delivery is not None:
            seen = (arrival.conversation, arrival.delivery)
            if seen in self._seen:
                self._come_again(arrival)
                return
            self._seen.add(seen)
        (self.accepted if arrival.behind is None else self.waiting).append(arrival)

    def _come_again(self, arrival: Arrival) -> None:
        for waiting in self.waiting:
            if arrival.behind is None and waiting.delivery == arrival.delivery:
                self.waiting.remove(waiting)
                self.accepted.append(waiting)
                return

    async def release(self, name: str, settled: Container[str | None] = ()) -> bool:
        """See ``Port.release``."""
        if self.away:
            raise LedgerAway("the test took the ledger away")
        async with self.changed:
            found = [waiting for waiting in self.waiting if waiting.behind == name][: self.portion]
            self.waiting = [waiting for waiting in self.waiting if waiting not in found]
            self.accepted += [one for one in found if one.delivery not in settled]
            self.changed.notify_all()
        return any(waiting.behind == name for waiting in self.waiting)

    async def held(self) -> list[str]:
        """See ``Port.held``."""
        return list(dict.fromkeys(waiting.behind or "" for waiting in self.waiting))

    async def wait_for(self, count: int, seconds: float = 30) -> list[Arrival]:
        """Wait until ``count`` arrivals were accepted in all, and return them."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: len(self.accepted) >= count)
        return self.accepted

    async def set_aside(self, delivery: str | None, raw: Any, error: str) -> None:
        """See ``Port.set_aside``."""
        self.dead.append((delivery, raw, error))

    async def conversations(self) -> dict[str, Facts]:
        """See ``Port.conversations``."""
        return dict(self.known)

    async def topic_of(self, conversation: str, native: str) -> str | None:
        """See ``Port.topic_of``."""
        return self.topics.get((conversation, native))

    async def move(self, old: str, new: str) -> None:
        """See ``Port.move``."""
        self.moved.append((old, new))

    def present(self, conversation: str, people: Sequence[Author]) -> None:
        """See ``Port.present``."""
        self.people[conversation] = list(people)

    def pass_on(self, conversation: str, event: Event) -> None:
        """See ``Port.pass_on``."""
        self.passed.append((conversation, event))

    async def picture(self, account: str, author: str) -> Attachment | None:
        """See ``Port.picture``."""
        found = self.pictures.get(author)
        if isinstance(found, MediaError):
            raise found
        return found

    async def note(self, name: str, value: str) -> None:
        """See ``Port.note``."""
        self.notes[name] = value

    async def noted(self, name: str) -> str | None:
        """See ``Port.noted``."""
        return self.notes.get(name)


async def nobody(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that answers nothing."""
