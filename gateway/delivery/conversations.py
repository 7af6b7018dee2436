"""One application instance for each conversation that is awake here, and sleep for the rest.

Events of one conversation reach its application in order, one at a time; conversations run side
by side, and none waits for another. Nobody who brings an event waits for the application: what a
conversation cannot take now stays in the ledger's tables until it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from gateway.delivery.conversation import Conversation
from gateway.delivery.record import GROUP, Item, Record
from gateway.vocabulary.events import Event, kind_of
from gateway.vocabulary.ids import account_of

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]

IDLE_SECONDS = 300.0
"""How long a conversation stays awake with nothing to do."""

LIVE = 10_000
"""Conversations awake at the same time before the longest idle are put to sleep early."""

LOOKED = 256
"""How many of them are looked at for one that is idle."""

GRACE_SECONDS = 5.0
"""How long a handler of ``disconnect`` may take."""


class Conversations:
    """The conversations of the accounts that are at home in this process."""

    def __init__(
        self,
        application: Application,
        record: Record,
        *,
        state: dict[str, Any] | None = None,
        idle_seconds: float = IDLE_SECONDS,
        retry_seconds: float = 0.5,
        live: int = LIVE,
        scopes: frozenset[str] = frozenset(),
    ) -> None:
        self.application = application
        self.record = record
        self.state = {} if state is None else state
        self.idle_seconds = idle_seconds
        self.retry_seconds = retry_seconds
        self.limit = live
        self.spoken = scopes | {"chat"}
        """Prefixes of what people say, on any platform: the channel layer may not use them."""
        self.stopping = False
        self.handled = 0
        self.dropped = 0
        self._awake: OrderedDict[str, Conversation] = OrderedDict()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._awake)

    def offer(self, key: str, item: Item) -> None:
        """Give a recorded event to its conversation, waking it."""
        if not self.stopping:
            self._open(key).offer(item)

    def offer_group(self, key: str, event: Event) -> bool:
        """Give a group message to a conversation, waking it; False if it was dropped."""
        if self.stopping:
            return False
        taken = self._open(key).offer_group(Item(GROUP, 0, event))
        self.dropped += not taken
        return taken

    def tell(self, key: str, event: Event) -> None:
        """Give a notice to a conversation if it is awake and listens; it wakes nobody."""
        conversation = self._awake.get(key)
        if conversation and conversation.instance and conversation.instance.hears(kind_of(event)):
            conversation.offer_group(Item(GROUP, 0, event))

    def nudge(self, key: str) -> None:
        """Wake a conversation that may have something in a table."""
        if not self.stopping:
            self._open(key).nudge()

    def look_first(self, account: str) -> None:
        """Let the conversations of an account read their tables before they go on."""
        for key, conversation in self._awake.items():
            if account_of(key) == account:
                conversation.nudge()

    def awake(self, key: str) -> Conversation | None:
        """A conversation, if it is awake."""
        return self._awake.get(key)

    async def said(self, key: str) -> None:
        """Wait until what a conversation said without waiting is committed.

        Raises ``LedgerAway`` if it was not: who works for the conversation stops, and works anew.
        """
        conversation = self._awake.get(key)
        if conversation is not None:
            await conversation.posted.said()

    def move(self, old: str, new: str) -> bool:
        """A conversation has another name now; whether it is awake, and bears it from here on."""
        former = self._awake.pop(old, None)
        if former is None:
            return False
        former.move(new)
        if new in self._awake:  # two were awake: one goes on when the other is done
            former.give_up()
            self._awake[new].follow(former)
            return False
        self._awake[new] = former
        return True

    def _open(self, key: str) -> Conversation:
        conversation = self._awake.get(key)
        if conversation is None:
            conversation = self._awake[key] = Conversation(key, self)
            self._empty.clear()
            conversation.start()
            if len(self._awake) > self.limit:
                self._make_room()
        else:
            self._awake.move_to_end(key)
        return conversation

    def forget(self, conversation: Conversation) -> None:
        """A conversation has gone to sleep."""
        if self._awake.get(conversation.key) is conversation:
            del self._awake[conversation.key]
        if not self._awake:
            self._empty.set()

    def sweep(self, *, idle_seconds: float | None = None) -> int:
        """Put to sleep what has been idle long enough; how many."""
        since = time.monotonic() - (self.idle_seconds if idle_seconds is None else idle_seconds)
        count = 0
        for conversation in self._awake.values():
            if conversation.active_at <= since and conversation.restful:
                conversation.close("idle", GRACE_SECONDS)
                count += 1
        return count

    def _make_room(self) -> None:
        """Put one to sleep, if one of the longest awake has nothing to do."""
        # Those on their way to sleep are still counted, and come first.
        looked = min(len(self._awake) - self.limit + 16, LOOKED)
        for conversation in islice(self._awake.values(), looked):
            if conversation.restful:
                conversation.close("idle", GRACE_SECONDS)
                return

    async def keep_sweeping(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(max(self.idle_seconds / 10, 0.05))
            self.sweep()

    async def stop(self, seconds: float) -> None:
        """Let what is in hand be finished, say goodbye, end; at most ``seconds``."""
        self.stopping = True
        for conversation in list(self._awake.values()):
            conversation.close("shutdown", seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1):
                await self._empty.wait()
        for conversation in list(self._awake.values()):
            logger.warning("conversation=%s did not end in time", conversation.key)
            if conversation.task is not None:
                conversation.task.cancel()
