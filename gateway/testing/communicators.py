"""Speak with an application as people of a platform do, without a platform.

The shape is that of Channels' ``WebsocketCommunicator``:

    async def test_it_echoes():
        communicator = TelegramCommunicator(Echo.as_asgi())
        await communicator.send_text("hi")
        assert await communicator.receive_text() == "You said: hi"

Any ASGI application may be given: a ``ChatConsumer``, a stock Channels consumer, a bare callable,
a whole ``ProtocolTypeRouter``. What it raises is raised by the next ``receive_text``. Communicators
that share a ``gateway`` share rooms, groups and, if they name the same chat, the conversation.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

from gateway.testing.memory import Application, MemoryGateway
from gateway.testing.record import Said
from gateway.vocabulary.events import Author, Event, Facts, kind_of
from gateway.vocabulary.ids import room_key
from gateway.vocabulary.nesting import STYLES
from gateway.vocabulary.text import clean

PATIENCE = 10.0
"""Seconds that a test waits for what an application does, if it does not say otherwise."""


class Communicator:
    """One conversation of one application; subclasses know how their platform names things."""

    kind: ClassVar[str]
    """The scope type, and the prefix of its events."""

    extensions: ClassVar[dict[str, dict[str, Any]]]

    def __init__(
        self,
        application: Application,
        conversation: str,
        facts: Facts,
        author: Author,
        gateway: MemoryGateway | None = None,
    ) -> None:
        self.gateway = gateway or MemoryGateway()
        self.conversation = conversation
        self.author = author
        """Who speaks, if nobody else is named."""
        self.facts = facts
        self.gateway.serve(conversation, application, facts)
        self._sent = 0
        self._pressable: Event = {}

    @property
    def said(self) -> Said:
        """What the application said here and nobody received yet."""
        return self.gateway.said(self.conversation)

    @property
    def session(self) -> dict[str, Any]:
        """The persisted session of the conversation."""
        return self.gateway.record.sessions.get(self.conversation, {})

    @property
    def dead(self) -> list[Event]:
        """The events that the application failed to handle three times."""
        return [event for where, event, _ in self.gateway.record.dead if where == self.conversation]

    # Speaking to it

    async def send_text(
        self, text: str, *, author: Author | None = None, **fields: Any
    ) -> str | None:
        """Say something to the application; the key of the event."""
        return await self.send_event(
            {"type": f"{self.kind}.message", "text": clean(text)}
            | ({"author": author} if author else {})
            | fields
        )

    async def send_event(self, event: Event) -> str | None:
        """Let an event come from the wire; what its body lacks is filled in. Its key."""
        self._sent += 1
        common = {"author": self.author, "at": time.time(), "id": str(self._sent)}
        if kind_of(event) == "message":
            common |= {"text": "", "attachments": [], "reply_to": None}
        return self.gateway.arrive(self.conversation, {**common, **event})

    async def press(self, text: str, *, author: Author | None = None) -> str | None:
        """Press a button of the message with buttons that was received last; the event's key."""
        flat = [button for row in self._pressable.get("buttons", ()) for button in row]
        number = [button["text"] for button in flat].index(text)
        return await self.send_event(
            {
                "type": f"{self.kind}.action",
                "id": self._pressable["ref"],
                "button": str(number),
                "data": flat[number].get("data"),
                "token": f"{self.conversation}|{self._sent + 1}",
            }
            | ({"author": author} if author else {})
        )

    # What it says

    async def receive_event(self, timeout: float = PATIENCE) -> Event:
        """The next event that the application sent here; raises what the application raised."""
        async with asyncio.timeout(timeout):
            event = await self.said.take()
        if event.get("buttons"):
            self._pressable = event
        return event

    async def receive_text(self, timeout: float = PATIENCE) -> str:
        """The text of the next message; typing is passed over."""
        async with asyncio.timeout(timeout):
            while kind_of(event := await self.receive_event(timeout)) != "message":
                continue
            return str(event["text"])

    async def receive_nothing(self, timeout: float = 0.1) -> bool:
        """Whether the application says nothing more, once all is handled, for so many seconds."""
        await self.handled()
        try:
            async with asyncio.timeout(timeout):
                await self.said.arrived()
        except TimeoutError:
            return True
        return False

    async def handled(self, timeout: float = PATIENCE) -> None:
        """Wait until the application has nothing more to do."""
        async with asyncio.timeout(timeout):
            while not self._quiet():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def _quiet(self) -> bool:
        awake = self.gateway.conversations.awake(self.conversation)
        return awake is None or awake.restful

    async def disconnect(self, reason: str = "idle", timeout: float = PATIENCE) -> None:
        """End the instance once all is handled, as sleep does or (``shutdown``) a restart.

        What is sent next wakes a new instance with the same session and dialogues.
        """
        await self.handled(timeout)
        awake = self.gateway.conversations.awake(self.conversation)
        if awake is None or awake.task is None:
            return
        awake.close(reason, timeout)
        await asyncio.wait({awake.task}, timeout=timeout)


class TelegramCommunicator(Communicator):
    """A Telegram chat: private, or a group if its number is negative."""

    kind = "telegram"
    extensions = {
        "message": {"max_text": 4096, "unit": "utf16"},
        "spans": {"styles": list(STYLES)},
        "reply": {},
        "edit": {},
        "delete": {},
        "reaction": {"emoji": ["👍", "👎", "❤", "🔥"], "most": 1},
        "file": {"max_size": 50_000_000, "caption": 1024},
        "button": {},
        "typing": {},
    }

    def __init__(
        self,
        application: Application,
        chat: int = 1,
        user: str = "Alice",
        *,
        thread: str | None = None,
        title: str = "",
        gateway: MemoryGateway | None = None,
    ) -> None:
        author = self.person(chat if chat > 0 else 1, user)
        facts: Facts = {
            "bot": {"id": "4242", "name": "TestBot"},
            "chat": {
                "id": str(chat),
                "kind": "private" if chat > 0 else "group",
                "title": title or user,
            },
            "thread": thread,
            "user": author if chat > 0 else None,
            "extensions": self.extensions,
        }
        place = str(chat) if thread is None else f"{chat}:{thread}"
        super().__init__(application, f"telegram:default:{place}", facts, author, gateway)

    @staticmethod
    def person(number: int, name: str) -> Author:
        """A Telegram user, as the author of an event."""
        return {
            "id": f"telegram:{number}",
            "name": name,
            "handle": name.lower(),
            "kind": "person",
            "private": f"telegram:default:{number}",
        }


class XmppCommunicator(Communicator):
    """A chat with one JID, or in a room (MUC) if ``room`` is true."""

    kind = "xmpp"
    extensions = {
        "message": {"max_text": 60_000, "unit": "codepoints"},
        "spans": {"styles": ["bold", "italic", "strike", "code", "pre", "quote"]},
        "reply": {},
        "edit": {},
        "delete": {},
        "reaction": {"emoji": None, "most": None},
        "file": {"max_size": 50_000_000, "caption": 0},
        "typing": {},
    }

    def __init__(
        self,
        application: Application,
        jid: str = "alice@example.org",
        user: str = "alice",
        *,
        room: bool = False,
        gateway: MemoryGateway | None = None,
    ) -> None:
        author = self.person(f"{user}@example.org" if room else jid, user)
        facts: Facts = {
            "bot": {"id": "bot@example.org", "name": "bot"},
            "chat": {
                "id": jid,
                "kind": "group" if room else "private",
                "title": jid if room else user,
            },
            "thread": None,
            "user": None if room else author,
            "extensions": self.extensions,
        }
        super().__init__(application, f"xmpp:default:{jid}", facts, author, gateway)

    @staticmethod
    def person(jid: str, name: str) -> Author:
        """An XMPP user, as the author of an event."""
        return {
            "id": f"xmpp:{jid}",
            "name": name,
            "handle": jid,
            "kind": "person",
            "private": f"xmpp:default:{jid}",
        }


class WebCommunicator(Communicator):
    """A private web chat of a visitor with the bot, or the web chat of a room."""

    kind = "web"
    extensions = {
        "message": {"max_text": 60_000},
        "author": {},
        "spans": {"styles": list(STYLES)},
        "reply": {},
        "edit": {},
        "delete": {},
        "reaction": {"emoji": None, "most": None},
        "file": {"max_size": 50_000_000, "caption": 60_000},
        "button": {},
        "typing": {},
    }

    def __init__(
        self,
        application: Application,
        room: str = "",
        user: str = "Alice",
        *,
        gateway: MemoryGateway | None = None,
    ) -> None:
        author = self.person(user.lower(), user)
        place = room or f"~{user.lower()}"
        facts: Facts = {
            "bot": {"id": "bot", "name": "bot"},
            "chat": {"id": place, "kind": "group" if room else "private", "title": room or user},
            "thread": None,
            "user": None if room else author,
            "extensions": self.extensions,
        }
        super().__init__(application, f"web:default:{place}", facts, author, gateway)

    @staticmethod
    def person(visitor: str, name: str) -> Author:
        """A visitor of the page, as the author of an event."""
        return {
            "id": f"web:~{visitor}",
            "name": name,
            "handle": None,
            "kind": "person",
            "private": f"web:default:~{visitor}",
        }


class RoomCommunicator(Communicator):
    """A room, seen by its bot: ``send_text`` is somebody speaking in it."""

    kind = "room"
    extensions = {"message": {}, "author": {}, "reply": {}}

    def __init__(
        self,
        application: Application,
        room: str = "lobby",
        user: str = "Alice",
        *,
        gateway: MemoryGateway | None = None,
    ) -> None:
        self.room = room
        author = WebCommunicator.person(user.lower(), user)
        facts: Facts = {
            "bot": {"id": "bot", "name": "bot"},
            "chat": {"id": room, "kind": "room", "title": room},
            "thread": None,
            "user": None,
            "extensions": self.extensions,
        }
        super().__init__(application, room_key(room), facts, author, gateway)

    async def send_event(self, event: Event) -> str | None:
        """Tell the room something; its id, or None if it is about no message of the room."""
        return await self.gateway.rooms.tell(
            self.room,
            {"author": self.author, "origin": None, "attachments": [], "reply_to": None, **event},
        )
