"""A gateway in memory: the real conversations, without ledger, protocol server or network.

``MemoryGateway`` is what an application finds at ``scope["state"]["gateway"]``. Order, tries,
sleep and the gate are those of ``gateway.delivery``; only what is remembered lives in lists.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from channels.layers import channel_layers

from gateway.delivery.conversations import Conversations
from gateway.delivery.hub import HubLayer
from gateway.delivery.record import INBOX, LOG, Item, Known, Learned
from gateway.vocabulary.errors import RoomError
from gateway.vocabulary.events import Author, Event, Facts, kind_of
from gateway.vocabulary.ids import group_from_room, message_id, protocol_of, room_key, room_name

Application = Callable[..., Awaitable[None]]


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

    async def unhandled(self, conversation: str, skip: Iterable[int], limit: int) -> list[Item]:
        """See ``Record.unhandled``."""
        held = set(skip)
        rows = self._inbox.get(conversation, {}).values()
        return [self._item(conversation, row) for row in rows if row.number not in held][:limit]

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
        self, conversation: str, item: Item, changes: dict[str, Any], steps: Sequence[Learned] = ()
    ) -> None:
        """See ``Record.handled``."""
        for step in steps:
            self._keep(conversation, step)
        session = self.sessions.setdefault(conversation, {}) | changes
        kept = {name: value for name, value in session.items() if value is not None}
        self.sessions[conversation] = kept
        self._forget(conversation, item)

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

    def waits(self, conversation: str, item: Item) -> None:
        """See ``Record.waits``."""
        rows = self._inbox.setdefault(conversation, {})
        if item.source == LOG:
            self.begin(conversation, max(item.number, self._positions.get(conversation, 0)))
            if all(row.key != item.key for row in rows.values()):
                row = self.record(conversation, item.event)
                row.waiting, row.until = True, item.until
        elif item.number in rows:
            rows[item.number].waiting, rows[item.number].until = True, item.until

    def tried(self, conversation: str, item: Item) -> None:
        """See ``Record.tried``; the test hears of the first try."""
        if item.tries == 1:
            self._gateway.tell_error(conversation)

    def aside(self, conversation: str, item: Item, error: str) -> None:
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
        to = event.get("to") or conversation
        if protocol_of(to) == "room":
            await self._tell(conversation, room_name(to), body)
        else:
            self._gateway.said(to).put({**body, "type": f"{protocol_of(to)}.message"})

    async def _tell(self, conversation: str, room: str, body: Event) -> None:
        facts = await self._gateway.facts(conversation)
        author = body.get("author") or _bot(conversation, facts)
        await self._gateway.rooms.tell(room, {"origin": conversation, **body, "author": author})

    def passing(self, conversation: str, event: Event) -> None:
        """See ``Record.passing``."""
        to = event.get("to") or conversation
        self._gateway.said(to).put({**event, "type": f"{protocol_of(to)}.{kind_of(event)}"})


@dataclass(slots=True)
class MemoryRoom:
    """A room that anybody may enter."""

    name: str
    access: str = "open"


class MemoryRooms:
    """Rooms in memory; every one is open."""

    def __init__(self, gateway: MemoryGateway) -> None:
        self.rooms: dict[str, MemoryRoom] = {}
        self.room_of: dict[str, str] = {}
        self.logs: dict[str, list[Event]] = {}
        """What was told to each room, by the room's conversation."""
        self._gateway = gateway

    def create(self, name: str) -> None:
        """Make a room."""
        self.rooms.setdefault(name, MemoryRoom(name))
        self.logs.setdefault(room_key(name), [])

    def stream_of(self, conversation: str) -> str:
        """The log that a conversation reads, or empty."""
        if protocol_of(conversation) == "room":
            return conversation
        name = self.room_of.get(conversation)
        return room_key(name) if name else ""

    def members(self, name: str) -> list[str]:
        """The conversations in a room."""
        return [member for member, room in self.room_of.items() if room == name]

    def people(self, conversation: str) -> list[Author]:
        """Nobody is known to be connected."""
        return []

    async def join(
        self, conversation: str, name: str, author: Author | None = None, code: str | None = None
    ) -> bool:
        """Bring a conversation into a room; False if it was there. Raises ``RoomError``."""
        if name not in self.rooms:
            raise RoomError(f"There is no room {name!r}, or it is not for you.")
        if self.room_of.get(conversation) == name:
            return False
        self.room_of[conversation] = name
        position = len(self.logs[room_key(name)])
        self._gateway.record.begin(conversation, position)
        awake = self._gateway.conversations.awake(conversation)
        if awake is not None:
            awake.joined(room_key(name), position)
        return True

    async def leave(self, conversation: str, author: Author | None = None) -> str:
        """Take a conversation out of its room; the room's name. Raises ``RoomError``."""
        name = self.room_of.pop(conversation, None)
        if name is None:
            raise RoomError("This chat is in no room.")
        awake = self._gateway.conversations.awake(conversation)
        if awake is not None:
            awake.joined("", 0)
        return name

    async def tell(self, name: str, message: Event) -> str:
        """Append to a room's log and ring its members; the message's id."""
        if name not in self.rooms:
            raise RoomError(f"There is no room {name!r}.")
        key = room_key(name)
        log = self.logs[key]
        event = {"type": "room.message", "at": time.time(), **message}
        event["id"] = message_id(name, len(log) + 1)
        log.append(event)
        if event.get("origin") == key:
            self._gateway.said(key).put(event)
        for conversation in (key, *self.members(name)):
            item = Item(LOG, len(log), event | {"key": event["id"]})
            self._gateway.offer(conversation, item)
        return str(event["id"])


class MemoryGateway:
    """What communicators share: conversations, rooms and a channel layer, all in memory.

    While it is open, ``get_channel_layer()`` returns its hub. ``answers`` says what ``call``
    returns for each method; ``calls`` keeps what was asked.
    """

    def __init__(self) -> None:
        self.record = MemoryRecord(self)
        self.rooms = MemoryRooms(self)
        self.hub = HubLayer()
        self.conversations = Conversations(
            self._serve, self.record, state={"gateway": self}, retry_seconds=0.0
        )
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.hub.conversations = self.conversations
        self.hub.rooms = self._tell_group
        self._applications: dict[str, Application] = {}
        self._facts: dict[str, Facts] = {}
        self._said: dict[str, Said] = {}
        self._errors: dict[str, Exception] = {}
        self._layer_before: Any = None
        self._open = False

    def open(self) -> None:
        """Be the channel layer."""
        if not self._open:
            self._layer_before = channel_layers.set("default", self.hub)
            self._open = True

    async def close(self) -> None:
        """End every conversation with reason ``shutdown``, and be the channel layer no more."""
        await self.conversations.stop(1.0)
        if self._open:
            self._open = False
            channel_layers.set("default", self._layer_before)

    async def __aenter__(self) -> MemoryGateway:
        self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def serve(self, conversation: str, application: Application, facts: Facts) -> None:
        """Say which application answers in a conversation."""
        self._applications[conversation] = application
        self._facts[conversation] = facts
        if protocol_of(conversation) == "room":
            self.rooms.create(room_name(conversation))

    def arrive(self, conversation: str, event: Event) -> str:
        """Something came from the wire; its key."""
        item = self.record.record(conversation, event)
        self.offer(conversation, item)
        return item.key

    def offer(self, conversation: str, item: Item) -> None:
        """Give an event to a conversation that some application answers in."""
        if conversation in self._applications:
            self.open()
            self.conversations.offer(conversation, item)

    def said(self, conversation: str) -> Said:
        """What applications said in a conversation."""
        if conversation not in self._said:
            self._said[conversation] = Said()
        return self._said[conversation]

    async def facts(self, conversation: str) -> Facts:
        """What is known of a conversation; raises ``ValueError`` if no communicator is there."""
        if conversation not in self._facts:
            raise ValueError(f"nobody serves {conversation} in this test")
        return self._facts[conversation]

    async def call(self, conversation: str, method: str, parameters: dict[str, Any]) -> Any:
        """Keep what was asked; the answer is the one that ``answers`` has for the method."""
        self.calls.append((conversation, method, parameters))
        return self.answers.get(method)

    def tell_error(self, conversation: str) -> None:
        """Let the test hear of the error that an application ended with."""
        error = self._errors.pop(conversation, None)
        self.said(conversation).put(
            error or RuntimeError("the application left an event unhandled")
        )

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        conversation = scope["conversation"]
        try:
            await self._applications[conversation](scope, receive, send)
        except Exception as error:
            self._errors[conversation] = error
            raise

    async def _tell_group(self, group: str, message: Event) -> None:
        for name in self.rooms.rooms:
            if group_from_room(name) == group:
                await self.rooms.tell(name, message)
                return
        raise RoomError(f"There is no room for the group {group!r}; create one first.")


def _bot(conversation: str, facts: Facts) -> Author:
    bot = facts["bot"]
    return {
        "id": f"{protocol_of(conversation)}:{bot['id']}",
        "name": bot["name"],
        "handle": None,
        "kind": "bot",
        "private": None,
    }
