"""What applications say, on its way to the networks.

A durable send is committed first. To a room or a web chat that commit is the delivery, because
their network is the log. To every other network it is a row of the outbox: each conversation is a
line of its own, served in order; lines run side by side, so that none waits for another.

A row ends as ``sent``, ``refused`` (told to the sender) or ``unknown`` (the connection died after
the request was written; by default it is sent again).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from gateway.delivery.metrics import EVENTS_DROPPED, EVENTS_OUT
from gateway.delivery.pace import Held, Pace
from gateway.delivery.server import ProtocolServer
from gateway.ledger import queries
from gateway.ledger.journal import Journal, Operation
from gateway.ledger.queries import Outgoing
from gateway.ledger.rows import Rows
from gateway.vocabulary.degrade import FORMAT, parts_from_message
from gateway.vocabulary.errors import (
    Delayed,
    DeliveryError,
    LedgerAway,
    Moved,
    NotSent,
    Refused,
    Uncertain,
)
from gateway.vocabulary.events import Event, Facts

logger = logging.getLogger(__name__)

PAGE = 1_000
"""Rows of one account that are in memory; the rest wait in their table."""

PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two tries of what did not reach the network: doubled each time, with jitter."""

BROADCASTER = "gateway:broadcast"
"""The author of what is said to many at once: it goes out when nobody waits for an answer."""


class Outbox:
    """The lines of one account that is at home here."""

    def __init__(self, account: str, server: ProtocolServer, journal: Journal) -> None:
        self.account = account
        self.server = server
        self.resend_unknown = True
        self.facts: Callable[[str], Awaitable[Facts]]
        self.form: Callable[[str], str] = lambda _: FORMAT
        self.failed: Callable[[Outgoing, str, str], None] = lambda *_: None
        self.sent: Callable[[Outgoing, str | None], None] = lambda *_: None
        self.moved: Callable[[str, str], Awaitable[None]]
        self.at_home: Callable[[], bool] = lambda: True
        self.pace = Pace(server.limits, time.monotonic)
        self.unknown = 0
        self._out = EVENTS_OUT.labels(account)
        self._journal = journal
        self._lines: dict[str, deque[Outgoing]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._held: set[int] = set()
        self.behind = False
        """Whether the table may hold rows that are not in memory: nothing overtakes those."""
        self._looking = asyncio.Lock()
        self._late: list[Outgoing] | None = None
        """What was offered while the table is being read."""
        self._room = asyncio.Semaphore(server.limits.at_once)
        # Broadcasts that a slow network holds up may not take every place.
        self._broadcast_room = asyncio.Semaphore(max(1, server.limits.at_once // 2))

    @property
    def waiting(self) -> int:
        """Rows in memory."""
        return len(self._held)

    @property
    def held(self) -> Held:
        """What the network asked to wait for."""
        return self.pace.held

    def offer(self, row: Outgoing) -> None:
        """Take a row that was just committed; what does not fit is fetched later."""
        if row.id in self._held:
            return
        if self._late is not None:
            self._late.append(row)
        elif self.behind or len(self._held) >= PAGE:
            self.behind = True
        else:
            self._put(row)

    def _put(self, row: Outgoing) -> None:
        self._held.add(row.id)
        self._lines.setdefault(row.conversation, deque()).append(row)
        if row.conversation not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._serve(row.conversation))
            self._tasks[row.conversation] = task

    async def look(self) -> None:
        """Fetch what waits in the table."""
        async with self._looking:
            self.behind = True
            held = tuple(self._held)
            if len(held) < PAGE:
                await self._look(held, PAGE - len(held))

    async def _look(self, held: tuple[int, ...], room: int) -> None:
        late = self._late = []
        try:
            # In order: a row that was sent, and is held no more, is marked so before this looks.
            rows = await self._journal.read_in_order(
                lambda rows: queries.queued(rows, self.account, held, room)
            )
        finally:
            self._late = None
        for row in rows:
            if row.id not in self._held:
                self._put(row)
        self.behind = len(rows) >= room
        for row in late:
            self.offer(row)

    async def stop(self, seconds: float) -> None:
        """Let the lines come to an end, at most ``seconds``; the rows stay in their table."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)
        for task in list(self._tasks.values()):
            task.cancel()

    # One line

    async def _serve(self, conversation: str) -> None:
        line = self._lines[conversation]
        try:
            await self._work_off(line)
        except LedgerAway as error:
            logger.warning("conversation=%s the ledger is away: %s", conversation, error)
        finally:
            # What is left goes back to its table, and nothing may overtake it there.
            self.behind = self.behind or bool(line)
            self._held.difference_update(row.id for row in line)
            del self._lines[conversation], self._tasks[conversation]
        # Not for each line that ends: a look reads a whole page.
        if self.behind and (len(self._held) <= PAGE // 2 or not self._lines):
            await self._look_again()

    async def _work_off(self, line: deque[Outgoing]) -> None:
        while line:
            try:
                await self._send(line[0])
            except Moved as moved:
                await self.moved(line[0].conversation, moved.conversation)
                return  # the rows bear the new name now, in their table
            line.popleft()

    async def _look_again(self) -> None:
        try:
            await self.look()
        except LedgerAway as error:
            logger.warning("account=%s the outbox cannot be read: %s", self.account, error)

    async def _send(self, row: Outgoing) -> None:
        """Bring one row to an outcome."""
        event = await self._resolved(row)
        facts = await self.facts(row.conversation)
        parts = parts_from_message(event, facts["extensions"], self.form(row.conversation))
        natives: list[str | None] = []
        try:
            for number in range(row.parts, len(parts)):
                part = parts[number] | {
                    "ref": f"{event['ref']}.{number}" if number else event["ref"]
                }
                natives.append(await self._deliver(row, facts, part))
                if number + 1 < len(parts):
                    await self._commit(partial(self._part_sent, row, event, number, natives[-1]))
        except Refused as refused:
            await self._refuse(row, refused)
        except Uncertain as uncertain:
            self.failed(row, "unknown", str(uncertain))
            await self._settle(
                row, partial(queries.outcome, outbox=row.id, word="unknown", error=str(uncertain))
            )
        else:
            native = natives[-1] if natives else None
            self._out.inc()
            self.sent(row, natives[0] if natives else None)
            await self._settle(row, partial(self._sent, row, event, len(parts), native))

    async def _settle(self, row: Outgoing, operation: Operation[None]) -> None:
        """Commit the outcome of a row, before the next of its line is sent.

        So, when the process dies, one row of a conversation at most has an unknown fate. Until
        then it is held, so that no look sends it again.
        """
        await self._commit(operation)
        self._held.discard(row.id)

    async def _commit(self, operation: Operation[None]) -> None:
        """Commit what the network has told us, however long the ledger is away."""
        while True:
            try:
                return await self._journal.write(operation)
            except LedgerAway as error:
                logger.warning("account=%s an outcome waits: %s", self.account, error)
                await asyncio.sleep(PAUSE)

    async def _refuse(self, row: Outgoing, refused: Refused) -> None:
        logger.warning("conversation=%s refused=%s: %s", row.conversation, refused.code, refused)
        detail = f"{refused.code}: {refused}"
        EVENTS_DROPPED.labels("refused").inc()
        self.failed(row, refused.code, str(refused))
        await self._settle(
            row, partial(queries.outcome, outbox=row.id, word="refused", error=detail)
        )

    def _part_sent(
        self, row: Outgoing, event: Event, number: int, native: str | None, rows: Rows
    ) -> None:
        queries.part_sent(rows, row.id, number + 1, native)
        self._keep_copy(rows, row, event, number, native)

    def _sent(
        self, row: Outgoing, event: Event, parts: int, native: str | None, rows: Rows
    ) -> None:
        queries.sent(rows, row.id, parts, native)
        self._keep_copy(rows, row, event, parts - 1, native)

    def _keep_copy(
        self, rows: Rows, row: Outgoing, event: Event, number: int, native: str | None
    ) -> None:
        if native is not None and "message" in event:
            author = event.get("author", {}).get("id", "")
            queries.keep_copy(rows, event["message"], row.conversation, number, native, author)

    async def _deliver(self, row: Outgoing, facts: Facts, part: Event) -> str | None:
        """Put one part on the wire, as often as it takes to know its fate."""
        pause = PAUSE
        group = facts["chat"]["kind"] != "private"
        broadcast = partial(self._yields, row.conversation)
        while True:
            await self.pace.turn(row.conversation, group=group, yields=broadcast)
            if not self.at_home():
                raise asyncio.CancelledError  # another process sends the rest of the line
            try:
                async with self._place(broadcast()):
                    return await self.server.deliver(row.conversation, facts, part)
            except Delayed as delayed:
                self.pace.hold(delayed.seconds, None if delayed.whole_account else row.conversation)
            except NotSent as error:
                logger.debug("conversation=%s not sent: %s", row.conversation, error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, LONGEST_PAUSE)
            except Uncertain as error:
                self.unknown += 1
                logger.warning("conversation=%s fate unknown: %s", row.conversation, error)
                if not self.resend_unknown:
                    raise
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, LONGEST_PAUSE)
            except DeliveryError:
                raise
            except Exception as error:  # a fault of a server may not stop the line for ever
                logger.exception("conversation=%s cannot be delivered to", row.conversation)
                raise Refused("internal", f"{type(error).__name__}: {error}") from error

    def _yields(self, conversation: str) -> bool:
        """Whether a line holds broadcasts only; an answer behind one hurries it along."""
        return all(is_broadcast(row.event) for row in self._lines[conversation])

    @asynccontextmanager
    async def _place(self, broadcast: bool) -> AsyncIterator[None]:
        """One of the deliveries that run at once."""
        async with self._broadcast_room if broadcast else nullcontext(), self._room:
            yield

    async def _resolved(self, row: Outgoing) -> Event:
        """The event with its references turned into native ids of the conversation."""
        event = row.event
        reference = event.get("reply_to")
        if reference is None:
            return event
        native = await self._journal.read(
            lambda rows: queries.native_from_message(rows, row.conversation, reference)
        )
        if native is None and "#" in reference:
            return event | {"reply_to": None}
        return event | {"reply_to": native or reference}


def is_broadcast(event: Event) -> bool:
    """Whether an event was said to many at once."""
    author: Mapping[str, Any] = event.get("author") or {}
    return author.get("id") == BROADCASTER
