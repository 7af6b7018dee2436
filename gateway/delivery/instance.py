"""The gate of one application instance: one event in its hands at a time, whatever its source.

An instance has two ports, because Channels' consumers read two: ``receive`` (ASGI) and the
channel layer's ``receive``. Both open on the same queue, in the order of arrival.

An application that says nothing about itself acknowledges an event by asking the same port for
the next. One that sends ``accept`` before its first ``receive`` reads everything from the one
port, and acknowledges by ``handled`` or ``waiting``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gateway.delivery.hand import event_in_hand
from gateway.delivery.record import GROUP, HOOK, LOG, Done, Item, Learned, Send
from gateway.delivery.session import Session
from gateway.vocabulary.errors import ConversationClosed, UnknownEvent
from gateway.vocabulary.events import DURABLE, SENDS, Event, kind_of, prefix_of
from gateway.vocabulary.sends import clean_send

if TYPE_CHECKING:
    from gateway.delivery.conversation import Conversation

WIRE = "wire"
LAYER = "layer"

logger = logging.getLogger(__name__)

UNLISTED = ("sent", "failed")
"""Kinds that come only to applications that name them; ``*`` does not."""


@lru_cache(maxsize=64)
def _sends(scope: str) -> dict[str, str]:
    """The kind of each type that may be sent in a conversation of this scope type."""
    return {f"{prefix}.{kind}": kind for prefix in (scope, "chat") for kind in SENDS}


class Instance:
    """What one call of the application reads from and speaks to."""

    def __init__(self, conversation: Conversation, session: dict[str, Any]) -> None:
        self.conversation = conversation
        self.session = Session(session, self._event_in_hand)
        self.events: frozenset[str] | None = None
        """The kinds an application that accepted wants; None for one that did not."""
        self.in_hand: Item | None = None
        self.taken = 0
        self.closing: str | None = None
        self.closed = False
        self._farewell_said = False
        self._bells: dict[str, asyncio.Future[None]] = {}
        self._ordinals: dict[str | None, int] = {}
        self._sends = _sends(conversation.kind)

    # The ports

    def receive(self) -> Awaitable[Event]:
        """The ASGI ``receive`` of the instance."""
        return self._next(WIRE)

    def receive_from_layer(self) -> Awaitable[Event]:
        """The channel layer's ``receive`` on the conversation's own channel."""
        return self._next(LAYER)

    async def _next(self, port: str) -> Event:
        self._acknowledge(port)
        while True:
            if self.closing is not None and self.in_hand is None:
                return self._farewell()
            if (item := self._take(port)) is not None:
                self.in_hand = item
                self.taken += 1
                return item.event
            if self.in_hand is None and self.conversation.may_read:
                await self.conversation.catch_up()
                self.ring()
            else:
                await self._wait(port)

    def _acknowledge(self, port: str) -> None:
        if self.in_hand and self.events is None and self._port(self.in_hand) == port:
            self._settle([self._done(self.in_hand)])

    def _take(self, port: str) -> Item | None:
        """The next item, if it is this port's turn."""
        queue, place = self.conversation.queue, 0
        if not queue or self.in_hand is not None or self.conversation.posted.full:
            return None
        while place < len(queue):
            item = queue[place]
            if not self._wanted(item):
                del queue[place]
                self._settle([self._done(item)])
            elif self._port(item) == port:
                del queue[place]
                return item
            elif self._port(item) in self._bells:
                break
            else:
                place += 1
        return None

    def _wanted(self, item: Item) -> bool:
        if item.source == LOG and item.event.get("origin") == self.conversation.key:
            return False  # it was said here
        kind, of_layer = kind_of(item.event), self._of_layer(item)
        if self.events is None:
            return of_layer or kind == "message"
        if of_layer and prefix_of(item.event) in self.conversation.home.spoken:
            self._refuse(item)
            return False
        return self.hears(kind)

    def hears(self, kind: str) -> bool:
        """Whether the application wants this kind, as far as it has said so already."""
        return (
            self.events is None
            or kind in self.events
            or ("*" in self.events and kind not in UNLISTED)
        )

    def _of_layer(self, item: Item) -> bool:
        """Whether a group or another consumer said it; the layer cannot speak for the wire."""
        return item.source == GROUP and prefix_of(item.event) != self.conversation.kind

    def _refuse(self, item: Item) -> None:
        """Drop what pretends to be said by a person; it was sent before we accepted."""
        logger.warning(
            "conversation=%s refused %s of the layer", self.conversation.key, item.event["type"]
        )
        self.conversation.home.dropped += 1

    def _port(self, item: Item) -> str:
        return LAYER if self.events is None and item.source == GROUP else WIRE

    async def _wait(self, port: str) -> None:
        bell = self._bells[port] = asyncio.get_running_loop().create_future()
        try:
            await bell
        finally:
            if self._bells.get(port) is bell:
                del self._bells[port]

    def ring(self) -> None:
        """Something changed: let whoever waits look again."""
        for bell in self._bells.values():
            if not bell.done():
                bell.set_result(None)

    @property
    def waits(self) -> bool:
        """Whether the application waits at one of its ports with nothing in hand."""
        return self.in_hand is None and bool(self._bells)

    def _farewell(self) -> Event:
        """Say goodbye once to an application that accepted; the others are simply ended."""
        if self.events is None or self._farewell_said:
            raise asyncio.CancelledError
        self._farewell_said = True
        return {
            "type": f"{self.conversation.kind}.disconnect",
            "key": f"disconnect-{uuid4().hex}",
            "reason": self.closing,
        }

    def close(self, reason: str) -> None:
        """Ask the instance to end when nothing is in its hands."""
        self.closing = reason
        self.ring()

    # What the application says

    async def send(self, event: Event) -> None:
        """The ASGI ``send`` of the instance."""
        if self.closed:
            raise ConversationClosed(f"{self.conversation.key} has ended")
        match self._kind(event):
            case kind if kind in DURABLE:
                await self._say(kind, event)
            case "handled" if event.get("sends"):
                self._handled(event, [await self._prepared(send) for send in event["sends"]])
            case "handled":
                self._handled(event)
            case "waiting":
                self._waiting(event)
            case "accept":
                self.events = frozenset(event.get("events", ("*",)))
            case _:
                self.conversation.record.passing(self.conversation.key, event)

    def _kind(self, event: Event) -> str:
        scope, given = self.conversation.kind, event.get("type")
        kind = self._sends.get(given) if isinstance(given, str) else None
        if kind is None:
            raise UnknownEvent(
                f"{given!r} cannot be sent in a {scope} conversation;"
                f" known are {scope}.* and chat.*: {', '.join(SENDS)}"
            )
        return kind

    async def _say(self, kind: str, event: Event) -> None:
        event = clean_send(kind, event)
        cause, ordinal = self._place()
        if self.conversation.posted.says:
            await self.conversation.posted.said()
        await self.conversation.record.said(self.conversation.key, cause, ordinal, event)

    def _place(self) -> tuple[str | None, int]:
        """What the next send is known by: the event in hand, and a number."""
        cause = self._event_in_hand()
        ordinal = self._ordinals.get(cause, 0)
        self._ordinals[cause] = ordinal + 1
        return cause, ordinal

    def _handled(self, event: Event, sends: Sequence[Send] = ()) -> None:
        steps = [Learned(*step) for step in event.get("steps", ())]
        done = [self._done(self._claim(key) or _hook(key), steps) for key in event["keys"]]
        self._settle(done, sends)

    async def _prepared(self, event: Event) -> Send:
        kind = self._kind(event)
        if kind not in DURABLE:
            raise ValueError(f"{event['type']!r} cannot be said by handled: it is not kept")
        record, here = self.conversation.record, self.conversation.key
        return await record.prepared(here, *self._place(), clean_send(kind, event))

    def _waiting(self, event: Event) -> None:
        for key in event["keys"]:
            item = self._claim(key)
            if item is not None:
                item.waiting, item.until = True, event.get("until")
                self.conversation.wait(item)
        self.ring()

    def _claim(self, key: str) -> Item | None:
        if self.in_hand is not None and self.in_hand.key == key:
            item, self.in_hand = self.in_hand, None
            return item
        return self.conversation.waiting.pop(key, None)

    def _done(self, item: Item, steps: Sequence[Learned] = ()) -> Done:
        if item is self.in_hand:
            self.in_hand = None
        key = item.key
        if item.source != HOOK:
            self._ordinals.pop(key, None)
        return Done(item, self.session.take(key), steps)

    def _settle(self, done: Sequence[Done], sends: Sequence[Send] = ()) -> None:
        self.conversation.settle(done, sends)
        if self._bells:
            self.ring()

    def settle_in_hand(self) -> None:
        """The application returned: it is done with what it held."""
        if self.in_hand is not None:
            self._settle([self._done(self.in_hand)])

    def _event_in_hand(self) -> str | None:
        return event_in_hand.get() or (self.in_hand.key if self.in_hand else None)


def _hook(key: str) -> Item:
    """What stands for a hook that an application calls without an event."""
    return Item(HOOK, 0, {"key": key})
