"""The port of one account: from its protocol server to the ledger, and on to the conversations."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.delivery.hearing import made_whole
from gateway.delivery.metrics import EVENTS_DROPPED, EVENTS_IN
from gateway.delivery.record import INBOX, Item
from gateway.delivery.rooms import Rooms
from gateway.delivery.server import Arrival, Media, Streams
from gateway.delivery.status import Status
from gateway.delivery.telling import take_back
from gateway.ledger import queries
from gateway.ledger.queries import Released
from gateway.ledger.rows import Later, Rows, together
from gateway.media.sources import check_sources
from gateway.vocabulary.errors import GatewayError, LedgerAway
from gateway.vocabulary.events import Attachment, Author, Event, Facts, kind_of
from gateway.vocabulary.ids import account_of

if TYPE_CHECKING:
    from gateway.delivery.switchboard import Switchboard

logger = logging.getLogger(__name__)

PORTION = 200
"""Arrivals that waited behind something and are let go in one commit."""

SHOWN = ("message", "edit", "delete", "reaction")
"""Kinds that are entries of the log that a network may be."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An arrival that was new to the ledger: its inbox row, and its place in a kept log."""

    number: int
    seq: int | None
    event: Event
    after: int = 0
    """The one before it that nobody had handled: another process may have recorded that."""


class AccountPort:
    """See ``gateway.delivery.server.Port``."""

    def __init__(self, switchboard: Switchboard, account: str, *, keeps_log: bool) -> None:
        self.account = account
        self.status = Status(account, listener=switchboard.status_changed)
        self.application: Callable[..., Any] = switchboard.application
        self.mounts: MutableMapping[str, Callable[..., Any]] = switchboard.mounts
        self.streams: Streams = switchboard.log
        self.rooms: Rooms = switchboard.rooms
        self.media: Media = switchboard.media
        self.identity = account
        self._keeps_log = keeps_log
        self._switchboard = switchboard
        self._journal = switchboard.journal
        self._in = EVENTS_IN.labels(account)

    async def accept(self, arrivals: Sequence[Arrival]) -> None:
        """See ``Port.accept``: one commit; a bad arrival is set aside, the others are not."""
        at = time.time()
        arrivals = [self._present(arrival) for arrival in arrivals]
        try:
            await self._journal.write(
                partial(self._record, arrivals=arrivals, at=at),
                then=partial(self._arrived, arrivals),
            )
        except LedgerAway:
            raise
        except Exception as error:  # the data of one of them; found by taking them one by one
            await self._accept_one_by_one(arrivals, at, error)

    def _present(self, arrival: Arrival) -> Arrival:
        """The arrival under its conversation's present name: a chat that moved may be told late."""
        now = self._switchboard.names.now(arrival.conversation)
        if now == arrival.conversation:
            return arrival
        return replace(
            arrival, conversation=now, facts=self._switchboard.knows(now) or arrival.facts
        )

    async def _accept_one_by_one(
        self, arrivals: Sequence[Arrival], at: float, error: Exception
    ) -> None:
        if len(arrivals) == 1:
            arrival = arrivals[0]
            why = f"cannot be recorded: {error}"
            await self.set_aside(arrival.delivery, arrival.event, why, arrival.note)
            return
        for arrival in arrivals:
            await self.accept([arrival])

    def _record(
        self, rows: Rows, arrivals: Sequence[Arrival], at: float
    ) -> Later[list[Recorded | None]]:
        """Record them all before the database's answer to any of them is looked at."""
        lease = self._lease(rows)
        recorded = together([self._record_one(rows, arrival, at) for arrival in arrivals])
        for arrival in arrivals:
            if arrival.note is not None:
                queries.keep_note(rows, self.account, *arrival.note)

        def looked_at() -> list[Recorded | None]:
            self._check(lease)
            return recorded.value()

        return Later(looked_at)

    def _lease(self, rows: Rows) -> Later[bool]:
        """A former holder that woke up late writes nothing; the web is everybody's to record."""
        if self._keeps_log:
            return Later(lambda: True)
        return queries.holds_lease(rows, self.account, self._switchboard.leases.holder)

    def _check(self, lease: Later[bool]) -> None:
        if not lease.value():
            raise LedgerAway(f"{self.account} is at home in another process now")

    def _record_one(
        self, rows: Rows, arrival: Arrival, at: float
    ) -> Later[Recorded | None] | Recorded | None:
        check_sources(arrival.event, self.account)
        event = made_whole(rows, arrival.conversation, arrival.facts, arrival.event)
        told = (self.identity, arrival.delivery, arrival.conversation, event, at)
        if arrival.behind is not None:
            held = queries.hold(rows, *told, arrival.behind)
            return Later(lambda: self._recorded(rows, arrival, held.value(), event))
        if self._keeps_log:  # in the order of its log, which is written here
            after = queries.newest_unhandled(rows, arrival.conversation)
            found = queries.record_in_turn(rows, *told)
            return self._logged(rows, arrival, found.value(), after.value(), at)
        found = queries.record_in_turn(rows, *told)
        return Later(lambda: self._recorded(rows, arrival, *(found.value() or (None, event))))

    def _recorded(
        self, rows: Rows, arrival: Arrival, number: int | None, event: Event
    ) -> Recorded | None:
        if number is None:
            return None
        self._keep_facts(rows, arrival)
        return Recorded(number, None, event)

    def _logged(
        self, rows: Rows, arrival: Arrival, found: tuple[int, Event] | None, after: int, at: float
    ) -> Recorded | None:
        if found is None:
            return None
        (number, event), chat = found, arrival.conversation
        self._keep_facts(rows, arrival)
        if kind_of(event) not in SHOWN:
            return Recorded(number, None, event, after)
        event = dict(event)
        seq, _ = queries.append(rows, chat, f"{chat}|i{number}", event, at)
        queries.rewrite(rows, number, event)
        if kind_of(event) == "delete":
            take_back(rows, chat, event["id"])
        return Recorded(number, seq, event, after)

    def _keep_facts(self, rows: Rows, arrival: Arrival) -> None:
        if self._switchboard.knows(arrival.conversation) != arrival.facts:
            queries.keep_facts(rows, arrival.conversation, self.account, arrival.facts)

    def _arrived(self, arrivals: Sequence[Arrival], recorded: Sequence[Recorded | None]) -> None:
        for arrival, row in zip(arrivals, recorded, strict=True):
            if row is None:
                EVENTS_DROPPED.labels("duplicate").inc()
                # A process before this one may have recorded it as it died, after we looked.
                self._switchboard.recorded_before(arrival.conversation)
                continue
            self._switchboard.remember(arrival.conversation, arrival.facts)
            if row.seq is not None:
                self._switchboard.log.publish(arrival.conversation, row.seq, row.event)
            if arrival.behind is None:
                self._offer(arrival.conversation, row.number, row.event, row.after)

    def _offer(self, conversation: str, number: int, event: Event, after: int = 0) -> None:
        self._in.inc()
        item = Item(INBOX, number, event | {"key": f"i{number}"}, after=after)
        self._switchboard.arrived(conversation, item)

    async def release(self, name: str, settled: Container[str | None] = ()) -> bool:
        """See ``Port.release``."""
        released = await self._journal.write(
            partial(self._release, name=name, settled=settled), then=self._released
        )
        return released.taken == PORTION

    def _release(self, rows: Rows, name: str, settled: Container[str | None]) -> Released:
        self._check(self._lease(rows))
        return queries.release(rows, self.identity, name, PORTION, settled)

    def _released(self, released: Released) -> Released:
        for arrival in released.arrivals:
            self._offer(arrival.conversation, arrival.id, arrival.event)
        return released

    async def held(self) -> list[str]:
        """See ``Port.held``."""
        return await self._journal.read(lambda rows: queries.names_held(rows, self.identity))

    async def set_aside(
        self, delivery: str | None, raw: Any, error: str, note: tuple[str, str] | None = None
    ) -> None:
        """See ``Port.set_aside``; a ``note`` is kept in the same commit."""
        EVENTS_DROPPED.labels("unreadable").inc()
        logger.warning("account=%s delivery=%s set aside: %s", self.account, delivery, error)

        def operation(rows: Rows) -> None:
            queries.set_aside(rows, self.account, None, raw, error, time.time())
            if note is not None:
                queries.keep_note(rows, self.account, *note)

        await self._journal.write(operation)

    async def conversations(self) -> dict[str, Facts]:
        """See ``Port.conversations``."""
        found = await self._journal.read(
            lambda rows: queries.groups_and_members(rows, self.account)
        )
        return {key: facts or await self._switchboard.facts(key) for key, facts in found.items()}

    async def topic_of(self, conversation: str, native: str) -> str | None:
        """See ``Port.topic_of``."""
        return await self._journal.read(
            lambda rows: queries.topic_with(rows, self.account, conversation, native)
        )

    async def move(self, old: str, new: str) -> None:
        """See ``Port.move``."""
        if account_of(new) != self.account:
            raise GatewayError(f"{old} cannot move to another account ({new})")
        await self._switchboard.move(old, new)

    def present(self, conversation: str, people: Sequence[Author]) -> None:
        """See ``Port.present``."""
        self._switchboard.presence.present(conversation, people)

    def pass_on(self, conversation: str, event: Event) -> None:
        """See ``Port.pass_on``."""
        self._switchboard.conversations.tell(conversation, {"key": "", **event})

    async def picture(self, account: str, author: str) -> Attachment | None:
        """See ``Port.picture``."""
        return await self._switchboard.picture(account, author)

    async def note(self, name: str, value: str) -> None:
        """See ``Port.note``."""
        await self._journal.write(lambda rows: queries.keep_note(rows, self.account, name, value))

    async def noted(self, name: str) -> str | None:
        """See ``Port.noted``."""
        return await self._journal.read(lambda rows: queries.note(rows, self.account, name))
