"""The room commands that every shared consumer has: answered where they are said."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from gateway.vocabulary.errors import RoomError
from gateway.vocabulary.events import Event
from gateway.vocabulary.text import clean_name

if TYPE_CHECKING:
    from consumers.base import ChatConsumer


class RoomCommands:
    """Carry out ``/join`` and its kin for one consumer."""

    HELP: ClassVar[dict[str, str]] = {
        "/join": "/join ROOM [CODE]: bring this chat into a room",
        "/leave": "/leave: take this chat out of its room",
        "/who": "/who: who is in the room",
        "/rooms": "/rooms: the rooms that are open to you",
        "/nick": "/nick NAME: the name you are shown by in rooms",
        "/delete": "/delete, as an answer to your own message: take it away elsewhere in the room",
        "/id": "/id: the key of this chat, for the configuration",
        "/help": "/help: this list",
    }

    def __init__(self, consumer: ChatConsumer) -> None:
        self.consumer = consumer
        self._rooms: Any = consumer.gateway.rooms

    @classmethod
    def knows(cls, event: Event) -> bool:
        """Whether a message is one of these commands."""
        return _word(event) in cls.HELP

    async def run(self, event: Event) -> None:
        """Carry out a command and answer it."""
        words = event["text"].split()
        command = getattr(self, _word(event).removeprefix("/"))
        try:
            inspect.signature(command).bind(event, *words[1:])
        except TypeError:
            await self.consumer.reply(f"That is not how it goes. {self.HELP[_word(event)]}")
            return
        try:
            answer = await command(event, *words[1:])
        except RoomError as error:
            answer = str(error)
        await self.consumer.reply(answer)

    async def join(self, event: Event, room: str, code: str | None = None) -> str:
        """Bring this chat into a room."""
        joined = await self.consumer.join(room, code)
        return f"This chat is in {room} now." if joined else f"This chat is in {room} already."

    async def leave(self, event: Event) -> str:
        """Take this chat out of its room."""
        return f"This chat has left {await self.consumer.leave()}."

    async def who(self, event: Event) -> str:
        """Say who is in the room."""
        room = self.consumer.room
        if room is None:
            return "This chat is in no room. /rooms lists those you may join."
        return "\n".join([f"In {room}:", *await self._members(room)])

    async def _members(self, room: str) -> list[str]:
        lines = []
        for conversation in self._rooms.members(room):
            facts = await self.consumer.gateway.facts(conversation)
            people = ", ".join(person["name"] for person in self._rooms.people(conversation))
            network = conversation.partition(":")[0]
            title = clean_name(facts["chat"]["title"]) or facts["chat"]["id"]
            lines.append(f"- {title} ({network})" + (f": {people}" if people else ""))
        return lines

    async def rooms(self, event: Event) -> str:
        """List the open rooms."""
        names = sorted(room.name for room in self._rooms.rooms.values() if room.access == "open")
        if not names:
            return "No room is open. Ask an operator for an invitation."
        return "Open rooms: " + ", ".join(names) + ". Join one with /join ROOM."

    async def nick(self, event: Event, *name: str) -> str:
        """Choose the name that rooms show."""
        chosen = clean_name(" ".join(event["text"].split()[1:]), 32)
        if not chosen:
            return self.HELP["/nick"]
        nicks = dict(self.consumer.session.get("nicks", {}))
        nicks[event["author"]["id"]] = chosen
        self.consumer.session["nicks"] = dict(list(nicks.items())[-500:])
        return f"You are {chosen} in rooms now."

    async def delete(self, event: Event) -> str:
        """Take a message away for its author, where the network does not tell that it is gone."""
        if self.consumer.room is None:
            return "This chat is in no room."
        if not event.get("reply_to"):
            return self.HELP["/delete"]
        names = {"type": f"{self.consumer.kind}.delete", "id": event["reply_to"]}
        told = await self.consumer.tell(event | names)
        return "It is taken away elsewhere." if told else "That is no message of yours in the room."

    async def id(self, event: Event) -> str:
        """Say the key of this chat."""
        return self.consumer.conversation

    async def help(self, event: Event) -> str:
        """List the commands, the room's and the bot's own."""
        own = [f"/{name}: {text}" for name, text in self.consumer.own_commands().items()]
        return "\n".join([*own, *self.HELP.values()])


def _word(event: Event) -> str:
    words = event.get("text", "").split(maxsplit=1)
    return words[0].lower() if words else ""
