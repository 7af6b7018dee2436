"""Taking away what is old and done with, a little at a time.

Each function looks at ``limit`` rows of a table, those with the next higher ids ``after`` one, and
says how many it took away and the id to go on after. That is None at the end of the table, and
where nothing is old any more, because ids rise with time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from gateway.ledger.models import DEAD, HANDLED, QUEUED
from gateway.ledger.queries.inbox import OPEN
from gateway.ledger.queries.names import name_now
from gateway.ledger.rows import Row, Rows
from gateway.vocabulary.degrade import LINE
from gateway.vocabulary.refs import OPENING

Pruned = tuple[int, int | None]
Cause = tuple[str, str]
"""A conversation, and the event in its hand as it did something."""

_ARRIVAL = re.compile(r"i([0-9]{1,18})")
_ENTRY = re.compile(r"([^#]+)#([0-9]{1,18})")


def prune_inbox(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away handled arrivals, with what their handlers had learned."""
    found = _window(
        rows, "SELECT id, at, conversation, state, delivery FROM gateway_inbox", after, limit
    )
    taken = [row for row in found if row[1] < before and row[3] in (HANDLED, DEAD)]
    names = {former: name_now(rows, former) for former in {row[2] for row in taken}}
    _take_away(rows, "inbox", [row[0] for row in taken])
    # An entry's row bears its id as delivery.
    learned = [(names[row[2]], cause) for row in taken for cause in (f"i{row[0]}", row[4] or "")]
    _forget_steps(rows, learned)
    return len(taken), _next(found, before, limit)


def prune_outbox(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away what was brought to an outcome, whatever it was.

    Not what an event's handler said that may run again, nor what is said once in the life of a
    conversation: whoever says it again must find it.
    """
    found = _window(rows, "SELECT id, at, state, sender, key FROM gateway_outbox", after, limit)
    old = [row for row in found if row[1] < before and row[2] != QUEUED]
    names = {sender: _names(rows, sender) for sender in {row[3] for row in old}}
    causes = {row[0]: _cause(names[row[3]], row[4]) for row in old}
    still_open = _still_open(rows, set(causes.values()))
    taken = [number for number, cause in causes.items() if cause not in still_open]
    _take_away(rows, "outbox", taken)
    return len(taken), _next(found, before, limit)


def _names(rows: Rows, sender: str) -> list[str]:
    """The name of a conversation now, and those it had before."""
    now = name_now(rows, sender)
    former = rows.all("SELECT name FROM gateway_alias WHERE conversation = %s", now)
    return [now, sender, *(row[0] for row in former)]


def _cause(names: Sequence[str], key: str) -> Cause:
    """What a send was said for; nothing, if its key names none."""
    for name in names:
        if key.startswith(f"{name}|"):
            return names[0], key.removeprefix(f"{name}|").partition("|")[0]
    return names[0], ""


def _still_open(rows: Rows, causes: Collection[Cause]) -> set[Cause]:
    """Those for which something may be done again; a few statements, however many they are."""
    arrivals = [one for one in causes if _ARRIVAL.fullmatch(one[1])]
    numbers = [int(cause[1:]) for _, cause in arrivals]
    unhandled = {f"i{number}" for number in _those(rows, _UNHANDLED, numbers)}
    openings = [conversation for conversation, cause in causes if cause == OPENING]
    alive = {(conversation, OPENING) for conversation in _those(rows, _ALIVE, openings)}
    entries = defaultdict(list)
    for conversation, cause in causes:
        if _ENTRY.fullmatch(cause):
            entries[conversation].append(cause)
    found = alive | {one for one in arrivals if one[1] in unhandled}
    for conversation, messages in entries.items():
        found |= {(conversation, one) for one in _open_entries(rows, conversation, messages)}
    return found


def _open_entries(rows: Rows, conversation: str, messages: Sequence[str]) -> set[str]:
    """The entries of rooms that a conversation has not read, or whose handler waits."""
    waiting = _those(rows, _WAITING, messages, conversation)
    sql = "SELECT stream, position FROM gateway_cursor WHERE conversation = %s"
    stream, position = rows.one(sql, conversation) or ("", 0)
    ids = ((message, message.rpartition("#")) for message in messages)
    unread = {
        message
        for message, (room, _, seq) in ids
        if stream.split(":", 2)[2:] == [room] and position < int(seq)
    }
    return unread | waiting


_UNHANDLED = f"SELECT id FROM gateway_inbox WHERE {OPEN} AND id IN ({{}})"
_ALIVE = "SELECT key FROM gateway_conversation WHERE key IN ({})"
_WAITING = (
    f"SELECT delivery FROM gateway_inbox WHERE identity = %s AND {OPEN} AND delivery IN ({{}})"
)


def _those(rows: Rows, sql: str, wanted: Sequence[Any], *parameters: Any) -> set[Any]:
    """Those of the wanted that a statement finds."""
    if not wanted:
        return set()
    marks = ", ".join(["%s"] * len(wanted))
    return {row[0] for row in rows.all(sql.format(marks), *parameters, *wanted)}


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
    told = [(row[3], f"{row[3].split(':', 2)[2]}#{row[2]}") for row in taken]
    messages = [message for _, message in told]
    still_open = _still_open(rows, set(told))
    _take_away(rows, "entry", [row[0] for row in taken])
    _take_away(rows, "copy", messages + [f"{message}{LINE}" for message in messages], "message")
    _take_away(rows, "reaction", messages, "message")
    _forget_steps(rows, [one for one in told if one not in still_open])
    return len(taken), _next(found, before, limit)


def prune_copies(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away where messages appeared that no room told; a room's go with their entries."""
    found = _window(rows, "SELECT id, at, message FROM gateway_copy", after, limit)
    taken = [number for number, at, message in found if at < before and "#" not in message]
    _take_away(rows, "copy", taken)
    return len(taken), _next(found, before, limit)


def _take_away(rows: Rows, table: str, wanted: Sequence[Any], column: str = "id") -> None:
    """Delete rows by their id, or by what another column holds."""
    if wanted:
        marks = ", ".join(["%s"] * len(wanted))
        rows.run(f"DELETE FROM gateway_{table} WHERE {column} IN ({marks})", *wanted)


def _forget_steps(rows: Rows, causes: Collection[Cause]) -> None:
    """Delete what handlers had learned."""
    learned = defaultdict(list)
    for conversation, cause in causes:
        learned[conversation].append(cause)
    for conversation, names in learned.items():
        marks = ", ".join(["%s"] * len(names))
        sql = f"DELETE FROM gateway_step WHERE conversation = %s AND cause IN ({marks})"
        rows.run(sql, conversation, *names)


def _opens(key: str) -> bool:
    """Whether an entry was said as an instance began; a ref that was made then says so."""
    return f"|{OPENING}|" in key or f"|{OPENING}-" in key


def prune_dead(rows: Rows, before: float, limit: int, after: int) -> Pruned:
    """Take away what was set aside and nobody wanted."""
    found = _window(rows, "SELECT id, at FROM gateway_dead", after, limit)
    taken = [number for number, at in found if at < before]
    _take_away(rows, "dead", taken)
    return len(taken), _next(found, before, limit)


def _window(rows: Rows, select: str, after: int, limit: int) -> list[Row]:
    """The next rows of a table: the id first, then the time."""
    return rows.all(f"{select} WHERE id > %s ORDER BY id LIMIT %s", after, limit)


def _next(found: list[Row], before: float, limit: int) -> int | None:
    more = len(found) == limit and any(row[1] < before for row in found)
    return int(found[-1][0]) if more else None
