"""A protocol server without a network: it keeps what it is told to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from gateway.delivery.server import Entry, Limits, Port, ProtocolServer
from gateway.delivery.status import State
from gateway.vocabulary.events import Event, Facts
from gateway.vocabulary.ids import key_parts

Making = Callable[[str], Facts]

PATIENCE = 20.0
"""Seconds that a test waits for a delivery, if it does not say otherwise."""


class RecordingServer(ProtocolServer):
    """Delivers into lists. ``faults`` are raised, one for each delivery, before it works again.

    An account of the scope ``web`` keeps a log: what is said in a chat of its own is read from
    there, once ``watch`` was called for the chat.
    """

    def __init__(self, account: str, making: Making, port: Port) -> None:
        super().__init__(account, None, port)
        self.identity = account
        self.keeps_log = account.startswith("web:")  # type: ignore[misc]
        self.delivered: list[tuple[str, Event]] = []
        self.faults: list[Exception] = []
        self.refuses: Callable[[str, Event], Exception | None] = lambda *_: None
        """Asked of each delivery; what it returns is raised."""
        self.administrators: set[str] | None = None
        """Author ids that may link a chat; None: everybody."""
        self.entered: list[str] = []
        self.left: list[str] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.pace = Limits(at_once=64)
        self.gate = asyncio.Event()
        """Deliveries wait while it is not set."""
        self.gate.set()
        self._making = making
        self._changed = asyncio.Condition()
        self._watched: dict[str, Callable[[], None]] = {}

    @property
    def limits(self) -> Limits:
        """What the outbox keeps to."""
        return self.pace

    async def identify(self) -> str:
        """See ``ProtocolServer.identify``."""
        return self.identity

    async def run(self) -> None:
        """Be connected until cancelled."""
        self.port.status.set(State.CONNECTED)
        await asyncio.Event().wait()

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Keep an event; its native id is its number among all deliveries."""
        await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        if (refusal := self.refuses(conversation, event)) is not None:
            raise refusal
        return await self._keep(conversation, event)

    async def _keep(self, conversation: str, event: Event) -> str:
        async with self._changed:
            self.delivered.append((conversation, event))
            self._changed.notify_all()
        return f"n{len(self.delivered)}"

    def watch(self, conversation: str) -> None:
        """Keep what applications say in a web chat from now on."""
        if self.keeps_log and conversation not in self._watched:
            follow = self.port.streams.follow
            self._watched[conversation] = follow(
                conversation, lambda entry: self._heard(conversation, entry)
            )

    def _heard(self, conversation: str, entry: Entry) -> None:
        if "ref" in entry.event:  # an application's; those of people have none here
            self._soon = asyncio.ensure_future(self._keep(conversation, entry.event))

    async def call(self, method: str, parameters: dict[str, Any]) -> Any:
        """Keep what was asked, and return it."""
        self.calls.append((method, parameters))
        return {"method": method, **parameters}

    async def administers(self, conversation: str, author: str) -> bool:
        """Whether the author is among ``administrators``."""
        return self.administrators is None or author in self.administrators

    async def enter(self, conversation: str) -> None:
        """Keep what was entered."""
        self.entered.append(conversation)

    async def leave(self, conversation: str) -> None:
        """Keep what was left."""
        self.left.append(conversation)

    def facts(self, conversation: str) -> Facts:
        """What is known of a conversation from its key; raises ``ValueError`` if no key."""
        key_parts(conversation)
        return self._making(conversation)

    # What was said

    def texts(self, conversation: str) -> list[str]:
        """The texts that were delivered to a conversation, in order."""
        return list(self._texts(conversation))

    def _texts(self, conversation: str) -> Iterator[str]:
        for where, event in self.delivered:
            if where == conversation and event["type"].endswith(".message"):
                yield event["text"]

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something is true of what was delivered."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    async def wait_for(self, conversation: str, count: int, seconds: float = PATIENCE) -> list[str]:
        """Wait until so many messages were delivered to a conversation; their texts."""
        await self.until(lambda: len(self.texts(conversation)) >= count, seconds)
        return self.texts(conversation)
