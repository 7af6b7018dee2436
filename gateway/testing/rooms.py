"""Rooms in memory, for tests: every one is open."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.delivery.manners import Manners
from gateway.delivery.record import LOG, Item
from gateway.vocabulary.errors import RoomError
from gateway.vocabulary.events import Author, Event, kind_of
from gateway.vocabulary.ids import message_id, protocol_of, room_key

if TYPE_CHECKING:
    from gateway.testing.memory import MemoryGateway


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

    def manners_of(self, name: str) -> Manners:
        """Every room is told everything."""
        return Manners()

    def pass_on(self, name: str, event: Event) -> None:
        """Hand an event to the members, in no log."""
        for conversation in self.members(name):
            if conversation != event.get("origin"):
                self._gateway.conversations.tell(conversation, {"key": "", **event})

    async def tell(self, name: str, message: Event) -> str | None:
        """Append to a room's log and ring its members; the entry's id.

        What is about a message finds it by the id it has in the room or in its conversation, or
        by the ref it was said with; None if there is none.
        """
        if name not in self.rooms:
            raise RoomError(f"There is no room {name!r}.")
        key = room_key(name)
        log = self.logs[key]
        event = {"type": "room.message", "at": time.time(), **message}
        if kind_of(event) == "message":
            event["id"] = message_id(name, len(log) + 1)
        elif (target := self._message_meant(log, event)) is not None:
            event["id"] = target
        else:
            return None
        log.append(event)
        if event.get("origin") == key:
            self._gateway.said(key).put(event)
        for conversation in (key, *self.members(name)):
            item = Item(LOG, len(log), event | {"key": message_id(name, len(log))})
            self._gateway.offer(conversation, item)
        return message_id(name, len(log))

    def _message_meant(self, log: list[Event], event: Event) -> str | None:
        here = (event["id"], event.get("origin"))
        for said in reversed(log):
            if kind_of(said) != "message":
                continue
            if event["id"] in (said["id"], said.get("ref")):
                return str(said["id"])
            if here == (said.get("native"), said.get("origin")):
                return str(said["id"])
        return None
