"""A gateway in memory: the real conversations, without ledger, protocol server or network.

``MemoryGateway`` is what an application finds at ``scope["state"]["gateway"]``. Order, tries,
sleep and the gate are those of ``gateway.delivery``; only what is remembered lives in lists.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.layers import channel_layers

from gateway.delivery.conversations import Conversations
from gateway.delivery.hub import HubLayer
from gateway.delivery.names import Names
from gateway.delivery.record import Item
from gateway.testing.record import MemoryRecord, Said
from gateway.testing.rooms import MemoryRooms
from gateway.vocabulary.errors import RoomError
from gateway.vocabulary.events import Event, Facts
from gateway.vocabulary.ids import group_from_room, protocol_of, room_name

Application = Callable[..., Awaitable[None]]


class MemoryGateway:
    """What communicators share: conversations, rooms and a channel layer, all in memory.

    While it is open, ``get_channel_layer()`` returns its hub. ``answers`` says what ``call``
    returns for each method; ``calls`` keeps what was asked.
    """

    def __init__(self) -> None:
        self.record = MemoryRecord(self)
        self.rooms = MemoryRooms(self)
        self.names = Names()
        self.hub = HubLayer()
        self.conversations = Conversations(
            self._serve,
            self.record,
            state={"gateway": self},
            retry_seconds=0.0,
            scopes=frozenset({"telegram", "xmpp", "web"}),
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
