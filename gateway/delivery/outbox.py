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
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from gateway.delivery.line import DEPTH, Line, is_broadcast
from gateway.delivery.pace import Held, Pace
from gateway.delivery.sending import Sending
from gateway.delivery.server import ProtocolServer
from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.queries import Outgoing
from gateway.vocabulary.degrade import FORMAT
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
from gateway.vocabulary.words import Link

logger = logging.getLogger(__name__)

LINES = 1_000
"""Conversations of one account whose rows are in memory; those of the others wait in the table."""

BROADCASTS = LINES // 2
"""Those of them that hold broadcasts only."""

PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two tries of what did not reach the network: doubled each time, with jitter."""

ANSWERS, BROADCAST = False, True
"""The two kinds of what waits: answers to people go before what is said to many at once."""


class Outbox:
    """The lines of one account that is at home here."""

    def __init__(self, account: str, server: ProtocolServer, journal: Journal) -> None:
        self.account = account
        self.server = server
        self.resend_unknown = True
        self.facts: Callable[[str], Awaitable[Facts]]
        self.form: Callable[[str], str] = lambda _: FORMAT
        self.extensions: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = lambda _, all: all
        """What of its abilities a conversation is to use."""
        self.link: Link = lambda _: None
        """Where people can have a file that their chat cannot show."""
        self.failed: Callable[[Outgoing, str, str], None] = lambda *_: None
        self.sent: Callable[[Outgoing, str | None], None] = lambda *_: None
        self.uncertain: Callable[[str], None] = lambda _: None
        self.moved: Callable[[str, str], Awaitable[None]]
        self.at_home: Callable[[], bool] = lambda: True
        self.holder = ""
        """Who we are to the lease of the account."""
        self.pace = Pace(server.limits, time.monotonic)
        self._journal = journal
        self._sending = Sending(self, journal)
        self._lines: dict[str, Line] = {}
        self._broadcasts: set[str] = set()
        """The lines that hold broadcasts only."""
        self._behind = {ANSWERS: False, BROADCAST: False}
        """Whether the table may hold rows of conversations without a line."""
        self._last = {ANSWERS: "", BROADCAST: ""}
        """The conversation that got a line last: the next look goes on behind it."""
        self._looking = asyncio.Lock()
        self._room = asyncio.Semaphore(server.limits.at_once)
        # Broadcasts that a slow network holds up may not take every place.
        self._broadcast_room = asyncio.Semaphore(max(1, server.limits.at_once // 2))

    @property
    def waiting(self) -> int:
        """Rows in memory."""
        return sum(len(line.rows) for line in self._lines.values())

    @property
    def held(self) -> Held:
        """What the network asked to wait for."""
        return self.pace.held

    def offer(self, row: Outgoing) -> None:
        """Take a row that was just committed; what does not fit is fetched later."""
        broadcast = is_broadcast(row.event)
        line = self._lines.get(row.conversation)
        if line is None:
            # While the table may hold earlier rows of it, the line reads them before this one.
            first = self._unknown
            if not self._has_room(broadcast) or (broadcast and self._behind[broadcast]):
                self._behind[broadcast] = True
                return
            line = self._open(row.conversation, broadcast=broadcast)
            line.more = first
        if not broadcast:
            self._broadcasts.discard(row.conversation)
        line.offer(row)

    @property
    def _unknown(self) -> bool:
        """Whether a conversation without a line may have rows in the table."""
        return self._looking.locked() or any(self._behind.values())

    def look_first(self) -> None:
        """Trust nothing in memory: what waits in the table goes before what comes."""
        self._behind = {ANSWERS: True, BROADCAST: True}
        for line in self._lines.values():
            line.look_first()
        self._sending.look_first()

    def _has_room(self, broadcast: bool) -> bool:
        full = broadcast and len(self._broadcasts) >= BROADCASTS
        return not full and len(self._lines) < LINES

    def _open(self, conversation: str, *, broadcast: bool) -> Line:
        line = self._lines[conversation] = Line(conversation, answers=not broadcast)
        if broadcast:
            self._broadcasts.add(conversation)
        line.task = asyncio.get_running_loop().create_task(self._serve(line))
        return line

    async def look(self) -> None:
        """Find the conversations that wait in the table, those with answers first."""
        async with self._looking:
            for broadcast in (ANSWERS, BROADCAST):
                try:
                    await self._look(broadcast)
                except BaseException:
                    self._behind[broadcast] = True
                    raise

    async def _look(self, broadcast: bool) -> None:
        self._behind[broadcast] = False
        question = partial(
            queries.lines,
            account=self.account,
            after=self._last[broadcast],
            limit=LINES + 1,  # there are others, then, than those that have a line
            broadcast=broadcast,
        )
        for conversation in await self._journal.read(question):
            line = self._lines.get(conversation)
            if line is None:
                if not self._has_room(broadcast):
                    self._behind[broadcast] = True
                    break
                line = self._open(conversation, broadcast=broadcast)
                self._last[broadcast] = conversation
            line.more = True
            line.answers = line.answers or not broadcast

    def move(self, old: str, new: str, renamed: asyncio.Future[Any]) -> None:
        """The rows of a conversation get another name: what follows goes out under that one.

        In order: first what is on the wire, then, ``renamed``, what waits in the table.
        """
        former = self._lines.get(old)
        line = self._lines.get(new) or self._open(new, broadcast=False)
        line.wait_for({renamed} if former is None else {renamed, former.task})
        if former is not None:
            former.end()

    async def stop(self, seconds: float) -> None:
        """Let the lines come to an end, at most ``seconds``; the rows stay in their table.

        In the second half nothing more is put on the wire: what is there is to be answered.
        """
        await self._end_of_lines(seconds / 2)
        self.at_home = lambda: False
        await self._end_of_lines(seconds / 2)
        for line in self._lines.values():
            line.task.cancel()

    async def _end_of_lines(self, seconds: float) -> None:
        tasks = [line.task for line in self._lines.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    # One line

    async def _serve(self, line: Line) -> None:
        page = partial(
            queries.line, account=self.account, conversation=line.conversation, limit=DEPTH
        )
        try:
            while await line.fill(lambda: self._journal.read(page)):
                await self._work_off(line)
        except LedgerAway as error:
            logger.warning("conversation=%s the ledger is away: %s", line.conversation, error)
        finally:
            self._close(line)
        await self._look_for_more()

    def _close(self, line: Line) -> None:
        del self._lines[line.conversation]
        self._broadcasts.discard(line.conversation)
        if line.rows or line.more:  # it goes back to the table, and nothing may overtake it there
            self._behind[line.yields] = True

    async def _work_off(self, line: Line) -> None:
        """Send what is in memory, until the conversation has another name."""
        while line.rows:
            line.sending = True
            try:
                await self._sending.send(line.rows[0])
            except Moved as moved:
                await self.moved(line.conversation, moved.conversation)
                line.end()
                line.rows.clear()
                return
            finally:
                line.sending = False
            line.rows.popleft()

    async def _look_for_more(self) -> None:
        """Read the table if lines are free for what waits there; not for each line that ends."""
        answers = len(self._lines) - len(self._broadcasts)
        free = {
            ANSWERS: answers <= (LINES - BROADCASTS) // 2,
            BROADCAST: len(self._broadcasts) <= BROADCASTS // 2,
        }
        if self._looking.locked() or not any(free[kind] and self._behind[kind] for kind in free):
            return
        try:
            await self.look()
        except LedgerAway as error:
            logger.warning("account=%s the outbox cannot be read: %s", self.account, error)

    async def deliver(self, row: Outgoing, facts: Facts, part: Event) -> str | None:
        """Put one part on the wire, as often as it takes to know its fate."""
        pause = PAUSE
        # What a network allows, and asks to wait for, is the chat's: all of its topics share it.
        chat = f"{self.account}:{facts['chat']['id']}"
        group = facts["chat"]["kind"] != "private"
        broadcast = partial(self._yields, row.conversation)
        while True:
            await self.pace.turn(chat, group=group, yields=broadcast)
            self._check_home()
            try:
                return await self._in_its_place(row, facts, part, broadcast())
            except Delayed as delayed:
                self.pace.hold(delayed.seconds, None if delayed.whole_account else chat)
            except NotSent as error:
                logger.debug("conversation=%s not sent: %s", row.conversation, error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, LONGEST_PAUSE)
            except Uncertain as error:
                self.uncertain(self.account)
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

    def _check_home(self) -> None:
        """End the line here, if another process is to send the rest of it."""
        if not self.at_home():
            raise asyncio.CancelledError

    def _yields(self, conversation: str) -> bool:
        return self._lines[conversation].yields

    async def _in_its_place(
        self, row: Outgoing, facts: Facts, part: Event, broadcast: bool
    ) -> str | None:
        """Deliver as one of those that run at once."""
        if broadcast:
            async with self._broadcast_room:
                return await self._in_its_place(row, facts, part, broadcast=False)
        async with self._room:
            if self.resend_unknown:
                return await self.server.deliver(row.conversation, facts, part)
            return await self._at_most_once(row, facts, part)

    async def _at_most_once(self, row: Outgoing, facts: Facts, part: Event) -> str | None:
        """Deliver what is not to be sent again, should the process die meanwhile."""
        try:
            await self._sending.leaving(row, yes=True)
            self._check_home()  # the ledger may have been away for long
        except asyncio.CancelledError:
            self._sending.stays(row)
            raise
        try:
            return await self.server.deliver(row.conversation, facts, part)
        except (Delayed, NotSent, Moved, Refused):  # something else may be said instead, or later
            await self._sending.leaving(row, yes=False)
            raise
