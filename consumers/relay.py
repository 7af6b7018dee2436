"""What a member of a room tells it, and how it shows what the room says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gateway.vocabulary.events import Event, kind_of
from gateway.vocabulary.ids import room_key

if TYPE_CHECKING:
    from consumers.base import ChatConsumer

TOLD = ("message", "edit")
"""Kinds that say something; the hook ``relay`` sees them first."""

ABOUT = ("delete", "reaction", "action")
"""Kinds that are about a message of the room, as an edit is."""

NOTICES = {"join": "joined", "leave": "left"}

CARRIED = (
    "text",
    "spans",
    "attachments",
    "buttons",
    "reply_to",
    "quoted",
    "emoji",
    "button",
    "data",
    "token",
    "moderated",
    "album",
    "foreign",
)
"""What of a body goes along as it is."""


class Relay:
    """One consumer's way between its conversation and its room."""

    def __init__(self, consumer: ChatConsumer) -> None:
        self.consumer = consumer

    async def to_room(self, room: str, kind: str, event: Event) -> bool:
        """Tell the room what was said or done here; False if that is not the room's business."""
        if event.get("bridged"):
            return True  # two gateways in one place would never end
        manners = self.consumer.gateway.rooms.manners_of(room)
        if not manners.hears(self.consumer.conversation):
            return kind == "message"
        if kind in manners.untold or ("author" in event and manners.ignores(event)):
            return True
        if kind in TOLD:
            return await self._relayed(room, event)
        if kind in ABOUT:
            return await self.tell(room, event) is not None
        if kind == "typing":
            self.consumer.gateway.rooms.pass_on(room, self._event(kind, event))
        elif kind in NOTICES and manners.joins:
            said = event | {"type": f"{self.consumer.kind}.message", "text": NOTICES[kind]}
            await self.tell(room, said)
        return kind == "typing"

    async def _relayed(self, room: str, event: Event) -> bool:
        told = await self.consumer.relay(event)
        if told is None:
            return True
        if kind_of(told) != "message":
            return await self.tell(room, told) is not None
        self.consumer.say_when_handled(self._said(room, told))
        return True

    def _said(self, room: str, event: Event) -> Event:
        """A message to a room, as a send."""
        return self._event("message", event) | {"type": "chat.message", "to": room_key(room)}

    async def tell(self, room: str, event: Event) -> str | None:
        """Tell a room; the id of the entry, or None if it is about nothing of the room."""
        kind = kind_of(event)
        await self.consumer.until_said()
        told: str | None = await self.consumer.gateway.rooms.tell(room, self._event(kind, event))
        return told

    def _event(self, kind: str, event: Event) -> Event:
        body: dict[str, Any] = {name: event[name] for name in CARRIED if event.get(name)}
        body |= {
            "type": f"room.{kind}",
            "author": self._named(event["author"]),
            "at": event.get("at", time.time()),
            "origin": self.consumer.conversation,
        }
        if kind == "message":
            body |= {"text": event.get("text", ""), "native": event.get("id")}
            body["origin_id"] = event.get("origin_id")
        elif kind == "edit":
            body["text"] = event.get("text", "")
        elif kind == "reaction":
            body["emoji"] = event["emoji"]
        if kind in (*ABOUT, "edit"):
            body |= {"id": event["id"], "origin_id": event.get("origin_id")}
        if kind != "typing":
            body["ref"] = f"{self.consumer.conversation}|{event.get('key') or self.consumer.ref()}"
        return body

    def _named(self, author: Any) -> Any:
        """The author under the name chosen by ``/nick``."""
        chosen = self.consumer.session.get("nicks", {}).get(author["id"])
        return author | {"name": chosen} if chosen else author

    @property
    def shows(self) -> bool:
        """Whether what the room says is to be shown here."""
        room = self.consumer.room
        rooms = self.consumer.gateway.rooms
        return room is None or bool(rooms.manners_of(room).shows(self.consumer.conversation))

    async def show(self, kind: str, event: Event) -> None:
        """Show in this conversation what was said or done elsewhere in its room."""
        await self.consumer.send(self.shown(kind, event))

    def shown(self, kind: str, event: Event) -> Event:
        """What shows in this conversation what was said or done elsewhere in its room."""
        body = {name: event[name] for name in CARRIED if event.get(name) and name != "token"}
        body |= {"author": event["author"], "origin": event.get("origin")}
        if kind == "message":
            body |= {"text": event["text"], "message": event["id"]}
        elif kind != "typing":
            body["id"] = event["id"]
        if kind == "reaction":
            body |= {"emoji": event["emoji"], "reactions": event.get("reactions", [])}
        return {"type": f"chat.{kind}", **body}
