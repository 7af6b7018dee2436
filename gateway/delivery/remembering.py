"""The ledger as conversations see it: what they hear, and what becomes of what they say."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.delivery.metrics import EVENTS_DROPPED, EVENTS_HANDLED
from gateway.delivery.record import (
    HOOK,
    INBOX,
    KEPT,
    LOG,
    OPENING,
    Done,
    Item,
    Known,
    Learned,
    Send,
    Written,
)
from gateway.delivery.saying import Saying, spare
from gateway.ledger import queries
from gateway.ledger.chain import Chain
from gateway.ledger.journal import Operation
from gateway.ledger.queries import Received
from gateway.ledger.rows import Later, Rows, together
from gateway.vocabulary.errors import LedgerAway
from gateway.vocabulary.events import Event, Facts, kind_of
from gateway.vocabulary.ids import account_of, protocol_of, room_key, room_name

if TYPE_CHECKING:
    from gateway.delivery.switchboard import Switchboard

logger = logging.getLogger(__name__)

DEATHS = 5
"""How often a process may die with an event in hand, nothing recorded, until it is set aside."""


class LedgerRecord:
    """A ``Record`` kept in the ledger of a switchboard."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._journal = switchboard.journal
        self._saying = Saying(switchboard)
        self._suspects: dict[str, int] = {}
        """Events in hand that a process died with: key and inbox row."""

    # Hearing

    async def wake(self, conversation: str) -> Known:
        """See ``Record.wake``."""
        # In order: what the instance before this one handled may be on its way to the disk.
        found = await self._journal.read_in_order(partial(_known, conversation=conversation))
        facts, session, cursor, fresh = found
        known = facts or await self._switchboard.facts(conversation)
        if facts is None:  # the session has its place beside them
            account = account_of(conversation)
            self._journal.post(lambda rows: queries.keep_facts(rows, conversation, account, known))
        stream, position = cursor or ("", 0)
        shown, missed = await self._position_to_show(stream, position) if stream else (position, 0)
        return Known(known, session, stream, shown, fresh, shown - position, missed)

    async def _position_to_show(self, stream: str, position: int) -> tuple[int, int]:
        """Where a member that was away goes on, within what its room lets it catch up.

        And how many messages it passes over.
        """
        room = self._switchboard.rooms.rooms.get(room_name(stream))
        if room is None:
            return position, 0
        since = time.time() - room.catch_up_seconds

        def look(rows: Rows) -> tuple[int, int]:
            shown = queries.position_to_show(rows, stream, position, room.catch_up_messages, since)
            return shown, queries.messages_between(rows, stream, position, shown)

        return await self._journal.read(look)

    async def unhandled(self, conversation: str, skip: Iterable[str], limit: int) -> list[Item]:
        """See ``Record.unhandled``; each event brings the ``steps`` its handler had learned."""
        reading = partial(
            _unhandled,
            conversation=conversation,
            skip=skip,
            limit=limit,
            risked=frozenset(self._suspects),
        )
        return await self._journal.write(reading, then=self._risked)

    def _risked(self, found: list[Item]) -> list[Item]:
        """The ledger counts this life already, though who asked may have given up."""
        self._suspects |= {item.key: item.number for item in found if item.deaths}
        return found

    async def unread(self, stream: str, after: int, limit: int) -> list[Item]:
        """See ``Record.unread``."""
        found = await self._journal.read(lambda rows: queries.entries(rows, stream, after, limit))
        here = self._switchboard.names.event
        return [
            Item(LOG, seq, here(event) | {"key": queries.entry_id(stream, seq)})
            for seq, event in found
        ]

    # Settling

    def handled(
        self, conversation: str, done: Sequence[Done], sends: Sequence[Send], chain: Chain
    ) -> Written:
        """See ``Record.handled``; what fails on its data is set aside, marks and sends."""
        for one in done:
            self._suspects.pop(one.item.key, None)
        operations = [send.operation for send in sends if send.operation is not None]
        operation: Operation[list[Any]] = partial(
            _handled, conversation=conversation, done=done, sends=operations
        )
        written = self._journal.write(
            operation,
            chain,
            instead=partial(_all_aside, conversation=conversation, done=done),
        )
        written.add_done_callback(partial(_tell, conversation=conversation, done=done, sends=sends))
        return written

    def learned(self, conversation: str, step: Learned) -> Awaitable[None]:
        """See ``Record.learned``."""
        suspect = self._suspects.get(step.cause)
        conversation = self._switchboard.names.now(conversation)
        return self._journal.write(
            partial(_learned, conversation=conversation, step=step, suspect=suspect)
        )

    def waits(self, conversation: str, item: Item, chain: Chain) -> Written:
        """See ``Record.waits``; an entry of the log becomes a row, as its cursor moves on."""
        return self._journal.post(partial(_waits, conversation=conversation, item=item), chain)

    def tried(self, conversation: str, item: Item, chain: Chain) -> Written:
        """See ``Record.tried``; a try of a log entry is counted in memory only."""
        if item.source != INBOX:
            return None
        return self._journal.post(
            partial(queries.try_again, inbox=item.number, tries=item.tries), chain
        )

    def aside(self, conversation: str, item: Item, error: str, chain: Chain) -> Written:
        """See ``Record.aside``."""
        self._suspects.pop(item.key, None)
        EVENTS_DROPPED.labels("aside").inc()
        return self._journal.post(
            partial(_aside, conversation=conversation, item=item, error=error), chain
        )

    # Saying

    async def said(self, conversation: str, cause: str | None, ordinal: int, event: Event) -> None:
        """See ``Record.said``."""
        suspect = self._suspects.get(cause or "")
        await self._saying.said(conversation, cause, ordinal, event, suspect)

    async def prepared(
        self, conversation: str, cause: str | None, ordinal: int, event: Event
    ) -> Send:
        """See ``Record.prepared``."""
        return await self._saying.prepared(conversation, cause, ordinal, event)

    def passing(self, conversation: str, event: Event) -> None:
        """See ``Record.passing``."""
        kind = kind_of(event)
        to = event.get("to") or conversation
        self._switchboard.pass_out(to, {**event, "type": f"{protocol_of(to)}.{kind}"})


def _known(
    rows: Rows, conversation: str
) -> tuple[Facts | None, dict[str, Any], tuple[str, int] | None, bool]:
    facts, session = queries.facts_and_session(rows, conversation) or (None, {})
    fresh = not queries.steps(rows, conversation, OPENING)
    return facts, session, queries.cursor(rows, conversation), fresh


def _learned(rows: Rows, conversation: str, step: Learned, suspect: int | None) -> None:
    queries.keep_step(rows, conversation, step.cause, step.ordinal, step.result)
    spare(rows, suspect)


def _unhandled(
    rows: Rows, conversation: str, skip: Iterable[str], limit: int, risked: frozenset[str]
) -> list[Item]:
    found = queries.unhandled(rows, conversation, skip, limit)
    return [_item_from_received(rows, one) for one in found if _may_be_tried(rows, one, risked)]


def _may_be_tried(rows: Rows, received: Received, risked: frozenset[str]) -> bool:
    """Whether a handler may have it; counted before, once a life, if a process died with it."""
    if received.event["key"] in risked:
        return True
    if received.deaths >= DEATHS:
        error = f"the process died {received.deaths} times with it in hand"
        queries.set_aside(
            rows,
            account_of(received.conversation),
            received.conversation,
            received.event,
            error,
            time.time(),
            received.id,
        )
    elif received.deaths:
        queries.risk(rows, received.id)
    return received.deaths < DEATHS


def _item_from_received(rows: Rows, received: Received) -> Item:
    event = received.event
    learned = queries.steps(rows, received.conversation, event["key"])
    if learned:
        event["steps"] = learned
    return Item(
        INBOX,
        received.id,
        event,
        received.tries,
        received.waiting,
        received.until,
        received.deaths,
    )


def _handled(
    rows: Rows, conversation: str, done: Sequence[Done], sends: Sequence[Operation[Any]]
) -> Later[list[Any]]:
    answers = [operation(rows) for operation in sends]
    for one in done:
        for step in one.steps:
            queries.keep_step(rows, conversation, step.cause, step.ordinal, step.result)
        if one.changes:
            queries.change_session(rows, conversation, one.changes)
        _settle(rows, conversation, one.item)
    return together(answers)


def _settle(rows: Rows, conversation: str, item: Item) -> None:
    if item.source == INBOX:
        queries.settle(rows, item.number)
    elif item.source == LOG and item.waiting:
        queries.settle_delivery(rows, conversation, item.key)
    elif item.source == LOG:
        _move_cursor(rows, conversation, item)


def _tell(
    written: asyncio.Future[Any], conversation: str, done: Sequence[Done], sends: Sequence[Send]
) -> None:
    """Count what was handled, and tell the senders what became of what was said with it."""
    error = None if written.cancelled() else written.exception()
    if error is not None:
        logger.error("conversation=%s the ledger did not take it: %s", conversation, error)
        if not isinstance(error, LedgerAway):
            EVENTS_DROPPED.labels("aside").inc(len(done))
        return
    kept = sum(one.item.source in KEPT for one in done)
    if kept:
        EVENTS_HANDLED.labels(account_of(conversation)).inc(kept)
    answers = iter(written.result())
    for send in sends:
        send.told(next(answers) if send.operation is not None else None)


def _all_aside(error: Exception, rows: Rows, conversation: str, done: Sequence[Done]) -> None:
    for one in done:
        if one.item.source != HOOK:
            _aside(rows, conversation, one.item, repr(error))


def _move_cursor(rows: Rows, conversation: str, item: Item) -> None:
    stream = room_key(item.key.rpartition("#")[0])
    queries.move_cursor(rows, conversation, stream, item.number)


def _waits(rows: Rows, conversation: str, item: Item) -> None:
    if item.source == INBOX:
        queries.wait(rows, item.number, item.until)
    elif item.source == LOG:
        _wait_for_entry(rows, conversation, item)


def _wait_for_entry(rows: Rows, conversation: str, item: Item) -> None:
    event = {name: value for name, value in item.event.items() if name != "steps"}  # kept as rows
    queries.record(rows, conversation, item.key, conversation, event, time.time())
    queries.wait_delivery(rows, conversation, item.key, item.until)
    _move_cursor(rows, conversation, item)


def _aside(rows: Rows, conversation: str, item: Item, error: str) -> None:
    account = account_of(conversation)
    inbox = item.number if item.source == INBOX else None
    queries.set_aside(rows, account, conversation, item.event, error, time.time(), inbox)
    if item.source == LOG and item.waiting:
        queries.settle_delivery(rows, conversation, item.key)
    elif item.source == LOG:
        _move_cursor(rows, conversation, item)
