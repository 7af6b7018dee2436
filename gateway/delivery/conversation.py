"""The life of one conversation while it is awake: instances, tries, sleep.

One task runs the application. When an instance ends with events left over, the next one opens
with them; when it ends with none, the conversation sleeps and costs nothing but its rows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gateway.delivery.hand import conversation_in_hand
from gateway.delivery.instance import Instance
from gateway.delivery.posted import Posted
from gateway.delivery.record import (
    GROUP,
    HOOK,
    INBOX,
    LOG,
    OPENING,
    Done,
    Item,
    Known,
    Learned,
    Send,
    item_from_skipped,
)
from gateway.vocabulary.errors import LedgerAway
from gateway.vocabulary.events import Facts
from gateway.vocabulary.ids import protocol_of

if TYPE_CHECKING:
    from gateway.delivery.conversations import Conversations

logger = logging.getLogger(__name__)

QUEUE = 64
"""Recorded events that a conversation keeps in memory; the rest stay in their tables."""

GROUP_QUEUE = 1_000
"""Unrecorded group messages that may wait for a conversation; more are dropped and counted."""

TRIES = 3
"""How often an event is given to an application that raises, before it is set aside."""

ASGI = {"version": "3.0", "spec_version": "1.0"}


class Conversation:
    """A conversation that is awake."""

    def __init__(self, key: str, home: Conversations) -> None:
        self.key = key
        self.kind = protocol_of(key)
        self.home = home
        self.record = home.record
        self.queue: deque[Item] = deque()
        self.waiting: dict[str, Item] = {}
        self.behind = True
        """Whether a table may hold events for us that are not in the queue."""
        self.active_at = time.monotonic()
        self.instance: Instance | None = None
        self.task: asyncio.Task[None] | None = None
        self.posted = Posted(self._on_posted)
        self._known: Known | None = None
        self._newest = self._position = 0
        """The last row of the inbox and the last seq of the log that were put into the queue."""
        self._shown_from: int | None = None
        """What its room said up to here was too long ago when it woke."""
        self._held: set[str] = set()
        """The keys of what is in memory and open in the inbox."""
        self._groups = 0
        self._reading = False
        self._deadline: asyncio.Timeout | None = None
        self._opening = "wake"
        self._former: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Wake up."""
        self.task = asyncio.get_running_loop().create_task(self._run(), name=self.key)

    # What comes in

    def offer(self, item: Item) -> None:
        """Take a recorded event that was just committed; what does not fit is fetched later."""
        # What came while the tables are being read goes behind what is found there.
        if self.behind or self._reading or len(self.queue) >= QUEUE or not self._next_in_line(item):
            self.behind = True
        else:
            self._put(item)
        self.ring()

    def _next_in_line(self, item: Item) -> bool:
        if item.source == INBOX:
            return item.key not in self._held and item.after <= self._newest
        return item.number == self._position + 1

    def offer_group(self, item: Item) -> bool:
        """Take a group message that nobody recorded; False if it had to be dropped."""
        if self._groups >= GROUP_QUEUE:
            return False
        self._groups += 1
        self.queue.append(item)
        self.ring()
        return True

    def nudge(self) -> None:
        """Something may wait in a table."""
        self.behind = True
        self.ring()

    def joined(self, stream: str, position: int) -> None:
        """The conversation is in a room now, reading after ``position``; or in none (``""``)."""
        if self._known is not None:
            self._known.stream = stream
        self._position, self._shown_from = position, None
        # What waits here was said in another room.
        self.queue = deque(item for item in self.queue if item.source != LOG or item.waiting)

    def move(self, key: str) -> None:
        """Have another name from here on; the application learns it in its next instance."""
        former, self.key = self.key, key
        for item in self.queue:
            if item.event.get("origin") == former:
                item.event["origin"] = key
        if self.instance is not None and self.instance.closing is None:
            self.instance.close("idle")

    def learn(self, facts: Facts) -> None:
        """What is known of the chat has changed."""
        if self._known is not None:
            self._known.facts = facts

    def give_up(self) -> None:
        """Leave all that is not in hand to the tables."""
        self.queue.clear()
        self.waiting.clear()
        self.behind = False

    def follow(self, former: Conversation) -> None:
        """Read the tables again, once another that bore this name is done."""
        self._former = former.task
        self.nudge()

    def ring(self) -> None:
        """Let the application look."""
        self.active_at = time.monotonic()
        if self.instance is not None:
            self.instance.ring()

    @property
    def may_read(self) -> bool:
        """Whether the tables should be read, nobody does, and what is there can be begun."""
        return self.behind and not self._reading and not self.posted.full

    async def catch_up(self) -> None:
        """Fetch what waits in the tables, as far as the queue has room."""
        if (room := QUEUE - len(self.queue)) <= 0:
            return
        self.behind, self._reading = False, True
        try:
            await self._read_tables(room)
        except asyncio.CancelledError:
            self.behind = True  # an application may give up a port that is reading
            raise
        finally:
            self._reading = False

    async def _read_tables(self, room: int) -> None:
        if self._former is not None:
            await asyncio.wait({self._former})
        arrivals = await self._ask(self.record.unhandled(self.key, tuple(self._held), room))
        for item in arrivals:
            if item.key not in self._held:
                self._put(item)
        await self._read_log(room)
        if len(arrivals) >= room:
            self.behind = True

    async def _read_log(self, room: int) -> None:
        assert self._known is not None
        if not self._known.stream:
            return
        entries = await self._ask(self.record.unread(self._known.stream, self._position, room))
        for item in entries:
            if item.number > self._position:
                self._put(item)
        if len(entries) >= room:
            self.behind = True

    def _put(self, item: Item) -> None:
        if item.source == INBOX:
            self._held.add(item.key)
            self._newest = max(self._newest, item.number)
        elif item.source == LOG:
            self._position = item.number
        self.queue.append(item)

    async def _ask(self, question: Any) -> Any:
        """Ask the ledger; while it is away there is nothing."""
        try:
            return await question
        except LedgerAway as error:
            logger.warning("conversation=%s cannot read: %s", self.key, error)
            self.behind = True
            await asyncio.sleep(self.home.retry_seconds)
            return []

    # What becomes of it

    def settle(self, done: Sequence[Done], sends: Sequence[Send] = ()) -> None:
        """Events are done with; what is said with their marks is one commit with them."""
        assert self._known is not None
        keep = bool(sends)
        for one in done:
            self._forget(one.item)
            self.home.handled += one.item.source != HOOK
            keep = keep or one.worth_keeping
        if self._known.fresh:
            self._known.fresh = False
            opened = Item(HOOK, 0, {"key": OPENING})
            done, keep = [*done, Done(opened, {}, [Learned(OPENING, 0, True)])], True
        if keep:
            written = self.record.handled(self.key, done, sends, self.posted.chain)
            self.posted.add(written, says=bool(sends))
        self.active_at = time.monotonic()

    def _forget(self, item: Item) -> None:
        self._held.discard(item.key)
        self._groups -= item.source == GROUP

    def wait(self, item: Item) -> None:
        """The handler of an event waits for a person; an entry of a log is in the inbox then."""
        self.waiting[item.key] = item
        self._held.add(item.key)
        self.posted.add(self.record.waits(self.key, item, self.posted.chain))

    def _on_posted(self) -> None:
        """There is room again for what is not waited for; or the ledger did not take it."""
        if not self.posted.lost:
            self.ring()
        elif self.instance is not None and self.instance.closing is None:
            self.instance.close("idle")

    async def _fail(self, item: Item, error: BaseException | str) -> None:
        """Count a try; give the event back, or set it aside after the last one."""
        if isinstance(error, LedgerAway):  # no fault of the event: it waits for the ledger
            self.queue.appendleft(item)
            await asyncio.sleep(self.home.retry_seconds)
            return
        item.tries += 1
        logger.error(
            "conversation=%s event=%s try=%d failed: %r", self.key, item.key, item.tries, error
        )
        if isinstance(error, BaseException):
            logger.debug("the application raised", exc_info=error)
        if item.tries >= TRIES or item.source == GROUP:
            self._set_aside(item, error)
            return
        self._opening = "retry"
        self.posted.add(self.record.tried(self.key, item, self.posted.chain))
        self.queue.appendleft(item)
        await asyncio.sleep(self.home.retry_seconds * 2 ** (item.tries - 1))

    def _set_aside(self, item: Item, error: BaseException | str) -> None:
        self._forget(item)
        self.home.dropped += 1
        self.posted.add(self.record.aside(self.key, item, repr(error), self.posted.chain))

    # Life

    async def _run(self) -> None:
        conversation_in_hand.set(self.key)
        try:
            while self._known is None:
                await self._wake()
            while not self.home.stopping:
                await self._live()
                if not (self.queue or self.behind):
                    await self.posted.settled()
                if self.posted.lost:
                    await self._begin_anew()
                elif not (self.queue or self.behind):
                    break
            await self.posted.settled()
        finally:
            self.home.forget(self)

    async def _begin_anew(self) -> None:
        """The ledger did not take what was done: forget it, and go on from what the ledger has."""
        await self.posted.settled()
        logger.warning("conversation=%s begins anew from the ledger", self.key)
        self.queue = deque(item for item in self.queue if item.source == GROUP)
        self.waiting.clear()
        self._held.clear()
        self._position, self._known, self.behind = 0, None, True
        self.posted = Posted(self._on_posted)
        while self._known is None and not self.home.stopping:
            await asyncio.sleep(self.home.retry_seconds)
            await self._wake()

    async def _wake(self) -> None:
        try:
            self._known = await self.record.wake(self.key)
        except LedgerAway as error:
            logger.warning("conversation=%s cannot wake: %s", self.key, error)
            await asyncio.sleep(self.home.retry_seconds)
        else:
            self._shown_from = self._known.show_from(self._shown_from)
            self._position = max(self._position, self._known.position)
            self._opening = "new" if self._known.fresh else "wake"
            if self._known.skipped:
                self.queue.append(item_from_skipped(self._known))

    async def _live(self) -> None:
        """Run one instance to its end, and see to what it had in its hands."""
        assert self._known is not None
        self.queue.extendleft(reversed(self.waiting.values()))
        self.waiting.clear()
        instance = self.instance = Instance(self, self._known.session)
        scope = self._scope(instance)
        self._opening = "wake"
        error: BaseException | str | None = None
        try:
            async with asyncio.timeout(None) as self._deadline:
                await self.home.application(scope, instance.receive, instance.send)
        except asyncio.CancelledError:
            if self.task is None or self.task.cancelling():
                raise
            error = None if instance.closing else "the application was cancelled"
        except Exception as raised:
            error = raised
        finally:
            instance.closed = True
            self.instance = None
        await self._see_off(instance, error)

    async def _see_off(self, instance: Instance, error: BaseException | str | None) -> None:
        if instance.closing is not None and instance.in_hand is None:
            if error is not None:
                logger.error("conversation=%s failed at its end: %r", self.key, error)
            return
        if instance.closing == "shutdown":
            return  # what is in hand stays in its table; the next start has it
        if error is None and instance.events is None:
            instance.settle_in_hand()
        item = await self._blamed(instance, error)
        if instance.in_hand is not None and instance.in_hand is not item:
            self.queue.appendleft(instance.in_hand)  # it came beside the one that failed
        if item is not None:
            await self._fail(item, error or "the application returned without having handled it")
        elif error is not None:
            logger.error("conversation=%s failed with nothing in hand: %r", self.key, error)

    async def _blamed(self, instance: Instance, error: BaseException | str | None) -> Item | None:
        """The event that an instance ended on: named by the error, in hand, or never taken."""
        key = getattr(error, "event_key", None)
        if key in self.waiting:
            return self.waiting.pop(key)
        if instance.in_hand is not None or instance.taken:
            return instance.in_hand
        if not self.queue and self.behind:
            await self.catch_up()
        return self.queue.popleft() if self.queue else None

    def _scope(self, instance: Instance) -> dict[str, Any]:
        assert self._known is not None
        return {
            **self._known.facts,
            "type": self.kind,
            "asgi": ASGI,
            "conversation": self.key,
            "opening": self._opening,
            "session": instance.session,
            "state": self.home.state,
        }

    @property
    def restful(self) -> bool:
        """Whether the conversation may be put to sleep: all is done and nothing waits."""
        return (
            self.instance is not None
            and self.instance.waits
            and self.instance.closing is None
            and not self.queue
            and not self.behind
            and not self._reading
            and not self.posted.count
        )

    def close(self, reason: str, grace: float) -> None:
        """End the instance; one that does not return ``grace`` seconds later is cancelled."""
        if self.instance is not None and self.instance.closing is None:
            self.instance.close(reason)
            if self._deadline is not None:
                self._deadline.reschedule(asyncio.get_running_loop().time() + grace)
