"""What conversations remember and say in a test: a ``Record`` in lists and dictionaries."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gateway.delivery.record import INBOX, LOG, Done, Item, Known, Learned, Send
from gateway.ledger.chain import Chain
from gateway.vocabulary.events import Event, kind_of
from gateway.vocabulary.ids import protocol_of, room_name
from gateway.vocabulary.sends import addressee, author_from_facts

if TYPE_CHECKING:
    from gateway.testing.memory import MemoryGateway


class Said:
    """What an application said in one conversation, or the error it ended with, in order."""

    def __init__(self) -> None:
        self._things: deque[Event | Exception] = deque()
        self._changed = asyncio.Event()

    def put(self, thing: Event | Exception) -> None:
        """Add something."""
        self._things.append(thing)
        self._changed.set()

    async def arrived(self) -> None:
        """Wait until something is there."""
        while not self._things:
            self._changed.clear()
            await self._changed.wait()

    async def take(self) -> Event:
        """The next event; raises the error that stands in its place."""
        await self.arrived()
        thing = self._things.popleft()
        if isinstance(thing, Exception):
            raise thing
        return thing


class MemoryRecord:
    """A ``Record`` in lists and dictionaries: it outlives instances, not the test."""

    def __init__(self, gateway: MemoryGateway) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.dead: list[tuple[str, Event, str]] = []
        """What was set aside: conversation, event, error."""
        self._gateway = gateway
        self._inbox: dict[str, dict[int, Item]] = {}
        self._steps: dict[tuple[str, str], dict[int, Any]] = {}
        self._positions: dict[str, int] = {}
        self._keys: set[tuple[str, str | None, str]] = set()
        self._numbers = itertools.count(1)

    def record(self, conversation: str, event: Event) -> Item:
        """Keep an arrival until it is handled."""
        number = next(self._numbers)
        item = Item(INBOX, number, {"key": f"i{number}", **event})
        self._inbox.setdefault(conversation, {})[number] = item
        return item

    def begin(self, conversation: str, position: int) -> None:
        """Let a conversation read its room's log after ``position``."""
        self._positions[conversation] = position

    async def wake(self, conversation: str) -> Known:
        """See ``Record.wake``."""
        fresh = conversation not in self.sessions
        session = self.sessions.setdefault(conversation, {})
        facts = await self._gateway.facts(conversation)
        stream = self._gateway.rooms.stream_of(conversation)
        position = self._positions.get(conversation, 0)
        return Known(facts, dict(session), stream, position, fresh)

    async def unhandled(self, conversation: str, skip: Iterable[str], limit: int) -> list[Item]:
        """See ``Record.unhandled``."""
        held = set(skip)
        rows = self._inbox.get(conversation, {}).values()
        return [self._item(conversation, row) for row in rows if row.key not in held][:limit]

    def _item(self, conversation: str, row: Item) -> Item:
        event = dict(row.event)
        if learned := self._steps.get((conversation, row.key)):
            event["steps"] = dict(learned)
        return Item(INBOX, row.number, event, row.tries, row.waiting, row.until)

    async def unread(self, stream: str, after: int, limit: int) -> list[Item]:
        """See ``Record.unread``."""
        entries = self._gateway.rooms.logs.get(stream, [])[after : after + limit]
        return [
            Item(LOG, after + place, event | {"key": event["id"]})
            for place, event in enumerate(entries, 1)
        ]

    def handled(
        self, conversation: str, done: Sequence[Done], sends: Sequence[Send], chain: Chain
    ) -> None:
        """See ``Record.handled``; what was prepared is said already."""
        for one in done:
            for step in one.steps:
                self._keep(conversation, step)
            session = self.sessions.setdefault(conversation, {}) | one.changes
            kept = {name: value for name, value in session.items() if value is not None}
            self.sessions[conversation] = kept
            self._forget(conversation, one.item)

    def _forget(self, conversation: str, item: Item) -> None:
        rows = self._inbox.get(conversation, {})
        if item.source == INBOX:
            rows.pop(item.number, None)
        elif item.source == LOG and item.waiting:
            for number in [row.number for row in rows.values() if row.key == item.key]:
                del rows[number]
        elif item.source == LOG:
            self._positions[conversation] = item.number

    async def learned(self, conversation: str, step: Learned) -> None:
        """See ``Record.learned``."""
        self._keep(conversation, step)

    def _keep(self, conversation: str, step: Learned) -> None:
        self._steps.setdefault((conversation, step.cause), {}).setdefault(step.ordinal, step.result)

    def waits(self, conversation: str, item: Item, chain: Chain) -> None:
        """See ``Record.waits``."""
        rows = self._inbox.setdefault(conversation, {})
        if item.source == LOG:
            self.begin(conversation, max(item.number, self._positions.get(conversation, 0)))
            known = (row for row in rows.values() if row.key == item.key)
            row = next(known, None) or self.record(conversation, item.event)
            row.waiting, row.until = True, item.until
        elif item.number in rows:
            rows[item.number].waiting, rows[item.number].until = True, item.until

    def tried(self, conversation: str, item: Item, chain: Chain) -> None:
        """See ``Record.tried``; the test hears of the first try."""
        if item.tries == 1:
            self._gateway.tell_error(conversation)

    def aside(self, conversation: str, item: Item, error: str, chain: Chain) -> None:
        """See ``Record.aside``."""
        if item.tries == 1:
            self._gateway.tell_error(conversation)
        self.dead.append((conversation, item.event, error))
        self._forget(conversation, item)

    async def said(self, conversation: str, cause: str | None, ordinal: int, event: Event) -> None:
        """See ``Record.said``: what is said again for the same event is not said twice."""
        made = uuid4().hex if cause is None else f"{cause}|{ordinal}"
        body = {name: value for name, value in event.items() if name not in ("type", "to")}
        body["ref"] = event.get("ref") or made
        key = (conversation, cause, body["ref"])
        if key in self._keys:
            return
        self._keys.add(key)
        kind = kind_of(event)
        to = addressee(conversation, event)
        if protocol_of(to) == "room":
            await self._tell(conversation, room_name(to), body | {"type": f"room.{kind}"})
        else:
            self._gateway.said(to).put({**body, "type": f"{protocol_of(to)}.{kind}"})

    async def prepared(
        self, conversation: str, cause: str | None, ordinal: int, event: Event
    ) -> Send:
        """See ``Record.prepared``; said at once, because nothing here can fail."""
        await self.said(conversation, cause, ordinal, event)
        return Send(None, lambda _: None)

    async def _tell(self, conversation: str, room: str, body: Event) -> None:
        facts = await self._gateway.facts(conversation)
        author = body.get("author") or author_from_facts(conversation, facts)
        await self._gateway.rooms.tell(room, {"origin": conversation, **body, "author": author})

    def passing(self, conversation: str, event: Event) -> None:
        """See ``Record.passing``."""
        to = event.get("to") or conversation
        self._gateway.said(to).put({**event, "type": f"{protocol_of(to)}.{kind_of(event)}"})
