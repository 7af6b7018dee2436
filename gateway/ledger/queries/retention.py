"""Taking away what is old and done with, a little at a time.

Each function looks at ``limit`` rows of a table, those with the next higher ids ``after`` one, and
says how many it took away and the id to go on after. That is None at the end of the table, and
where nothing is old any more, because ids rise with time.
"""

from __future__ import annotations

import re

from gateway.ledger.models import HANDLED, QUEUED
from gateway.ledger.queries.inbox import OPEN
from gateway.ledger.queries.names import name_now
from gateway.ledger.rows import Row, Rows
from gateway.vocabulary.degrade import LINE
from gateway.vocabulary.refs import OPENING

Pruned = tuple[int, int | None]

_ARRIVAL = re.compile(r"i([0-9]{1,18})")
_ENTRY = re.compile(r"([^#]+)#([0-9]{1,18})")


def prune_inbox(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away handled arrivals, with what their handlers had learned."""
    found = _window(
        rows, "SELECT id, at, conversation, state, delivery FROM gateway_inbox", after, limit
    )
    taken = [row for row in found if row[1] < before and row[3] >= HANDLED]
    for number, _, conversation, _, delivery in taken:
        rows.run("DELETE FROM gateway_inbox WHERE id = %s", number)
        for cause in (f"i{number}", delivery or ""):  # an entry's row bears its id as delivery
            rows.run(
                "DELETE FROM gateway_step WHERE conversation = %s AND cause = %s",
                name_now(rows, conversation),
                cause,
            )
    return len(taken), _next(found, before, limit)


def prune_outbox(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away what was brought to an outcome, whatever it was.

    Not what an event's handler said that may run again, nor what is said once in the life of a
    conversation: whoever says it again must find it.
    """
    found = _window(rows, "SELECT id, at, state, sender, key FROM gateway_outbox", after, limit)
    taken = [
        number
        for number, at, state, sender, key in found
        if at < before and state != QUEUED and not _may_be_said_again(rows, sender, key)
    ]
    for number in taken:
        rows.run("DELETE FROM gateway_outbox WHERE id = %s", number)
    return len(taken), _next(found, before, limit)


def _may_be_said_again(rows: Rows, sender: str, key: str) -> bool:
    now = name_now(rows, sender)
    names = rows.all("SELECT name FROM gateway_alias WHERE conversation = %s", now)
    for name in (sender, now, *(row[0] for row in names)):
        if key.startswith(f"{name}|"):
            return _is_open(rows, now, key.removeprefix(f"{name}|").partition("|")[0])
    return False


def _is_open(rows: Rows, conversation: str, cause: str) -> bool:
    """Whether what was done for a cause may be done again."""
    if cause == OPENING:
        known = "SELECT 1 FROM gateway_conversation WHERE key = %s"
        return rows.one(known, conversation) is not None
    if match := _ARRIVAL.fullmatch(cause):
        arrival = f"SELECT 1 FROM gateway_inbox WHERE id = %s AND {OPEN}"
        return rows.one(arrival, int(match[1])) is not None
    if match := _ENTRY.fullmatch(cause):
        return _waits(rows, conversation, cause) or _unread(rows, conversation, *match.groups())
    return False


def _waits(rows: Rows, conversation: str, message: str) -> bool:
    """Whether a handler of a room's message waits for a person."""
    sql = f"SELECT 1 FROM gateway_inbox WHERE identity = %s AND delivery = %s AND {OPEN}"
    return rows.one(sql, conversation, message) is not None


def _unread(rows: Rows, conversation: str, room: str, seq: str) -> bool:
    sql = "SELECT stream, position FROM gateway_cursor WHERE conversation = %s"
    row = rows.one(sql, conversation)
    return row is not None and row[0].split(":", 2)[2] == room and row[1] < int(seq)


def prune_entries(rows: Rows, before: float, limit: int, after: int, keep: int) -> Pruned:
    """Take away old entries of logs and their copies, but the last ``keep`` of each.

    What a conversation says once in its life stays, or it would be said again.
    """
    found = _window(
        rows,
        "SELECT id, at, seq, stream, key,"
        " (SELECT head FROM gateway_stream WHERE name = stream) FROM gateway_entry",
        after,
        limit,
    )
    taken = [
        row for row in found if row[1] < before and row[2] <= row[5] - keep and not _opens(row[4])
    ]
    for number, _, seq, stream, _, _ in taken:
        message = f"{stream.split(':', 2)[2]}#{seq}"
        rows.run("DELETE FROM gateway_entry WHERE id = %s", number)
        line = f"{message}{LINE}"
        rows.run("DELETE FROM gateway_copy WHERE message IN (%s, %s)", message, line)
        rows.run("DELETE FROM gateway_reaction WHERE message = %s", message)
        if not _is_open(rows, stream, message):
            steps = "DELETE FROM gateway_step WHERE conversation = %s AND cause = %s"
            rows.run(steps, stream, message)
    return len(taken), _next(found, before, limit)


def prune_copies(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away where messages appeared that no room told; a room's go with their entries."""
    found = _window(rows, "SELECT id, at, message FROM gateway_copy", after, limit)
    taken = [number for number, at, message in found if at < before and "#" not in message]
    for number in taken:
        rows.run("DELETE FROM gateway_copy WHERE id = %s", number)
    return len(taken), _next(found, before, limit)


def _opens(key: str) -> bool:
    """Whether an entry was said as an instance began; a ref that was made then says so."""
    return f"|{OPENING}|" in key or f"|{OPENING}-" in key


def prune_dead(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away what was set aside and nobody wanted."""
    found = _window(rows, "SELECT id, at FROM gateway_dead", after, limit)
    taken = [number for number, at in found if at < before]
    for number in taken:
        rows.run("DELETE FROM gateway_dead WHERE id = %s", number)
    return len(taken), _next(found, before, limit)


def _window(rows: Rows, select: str, after: int, limit: int) -> list[Row]:
    """The next rows of a table: the id first, then the time."""
    return rows.all(f"{select} WHERE id > %s ORDER BY id LIMIT %s", after, limit)


def _next(found: list[Row], before: float, limit: int) -> int | None:
    more = len(found) == limit and any(row[1] < before for row in found)
    return int(found[-1][0]) if more else None
