"""Streams, their entries, and how far each conversation has read."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import orjson

from gateway.ledger.rows import Rows
from gateway.ledger.values import text_from_value
from gateway.vocabulary.events import Event

COUNTED = 10_000
"""Entries of which it is told apart what they are."""
MESSAGE = '%"type":"room.message"%'
"""How an event is written that is a message; in what people say a quotation mark is escaped."""


def open_stream(rows: Rows, stream: str) -> tuple[str, int]:
    """Epoch and head of a stream, made if it is new."""
    rows.run(
        "INSERT INTO gateway_stream (name, epoch) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
        stream,
        secrets.token_hex(4),
    )
    row = rows.one("SELECT epoch, head FROM gateway_stream WHERE name = %s", stream)
    assert row is not None
    return row[0], int(row[1])


def append(rows: Rows, stream: str, key: str, event: Event, at: float) -> tuple[int, bool]:
    """Append an event once; its seq, and whether it is new.

    The event learns its ``id``, unless it is about another entry and has that one's.
    """
    known = seq_of(rows, key)
    if known is not None:
        return known, False
    seq = _next(rows, stream)
    event.setdefault("id", entry_id(stream, seq))
    rows.run(
        "INSERT INTO gateway_entry (stream, seq, key, event, at) VALUES (%s, %s, %s, %s, %s)",
        stream,
        seq,
        key,
        text_from_value(event),
        at,
    )
    return seq, True


def rewrite_entry(rows: Rows, stream: str, name: str, event: Event) -> None:
    """An entry, named by its id, is different from now on."""
    rows.run(
        "UPDATE gateway_entry SET event = %s WHERE stream = %s AND seq = %s",
        text_from_value(event),
        stream,
        int(name.rpartition("#")[2]),
    )


def seq_of(rows: Rows, key: str) -> int | None:
    """The seq of an entry by its key."""
    row = rows.one("SELECT seq FROM gateway_entry WHERE key = %s", key)
    return None if row is None else int(row[0])


def entry_id(stream: str, seq: int) -> str:
    """What an entry is called: in a room ``<room>#<seq>``, in a web chat its seq."""
    return f"{stream.split(':', 2)[2]}#{seq}" if stream.startswith("room:") else str(seq)


def _next(rows: Rows, stream: str) -> int:
    advance = "UPDATE gateway_stream SET head = head + 1 WHERE name = %s RETURNING head"
    row = rows.one(advance, stream)
    if row is None:
        open_stream(rows, stream)
        row = rows.one(advance, stream)
    assert row is not None
    return int(row[0])


def entries(rows: Rows, stream: str, after: int, limit: int) -> list[tuple[int, Event]]:
    """Entries of a stream with ``seq > after``, in order."""
    found = rows.all(
        "SELECT seq, event FROM gateway_entry WHERE stream = %s AND seq > %s ORDER BY seq LIMIT %s",
        stream,
        after,
        limit,
    )
    return [(int(seq), orjson.loads(event)) for seq, event in found]


def position_to_show(rows: Rows, stream: str, position: int, messages: int, since: float) -> int:
    """Where to go on reading after ``position``: at most ``messages`` back, none from before.

    Behind what was pruned, too: it is not there to be read.
    """
    head = rows.one("SELECT head FROM gateway_stream WHERE name = %s", stream)
    old = rows.one(
        "SELECT MAX(seq) FROM gateway_entry WHERE stream = %s AND seq > %s AND at < %s",
        stream,
        position,
        since,
    )
    too_many = int(head[0]) - messages if head else 0
    too_old = int(old[0] or 0) if old else 0
    shown = max(position, too_many, too_old)
    kept = rows.one(
        "SELECT MIN(seq) FROM gateway_entry WHERE stream = %s AND seq > %s", stream, shown
    )
    return shown if kept is None or kept[0] is None else int(kept[0]) - 1


def messages_between(rows: Rows, stream: str, after: int, until: int) -> int:
    """How many messages of people or bots a stream has ``after`` a place and ``until`` another.

    What was pruned counts, and so does what is beyond ``COUNTED``: nobody looks what it was.
    """
    others = rows.one(
        "SELECT COUNT(*) FROM gateway_entry"
        " WHERE stream = %s AND seq > %s AND seq <= %s AND event NOT LIKE %s",
        stream,
        after,
        min(until, after + COUNTED),
        MESSAGE,
    )
    return until - after - int(others[0] if others else 0)


def heads(rows: Rows, streams: Iterable[str]) -> dict[str, int]:
    """The heads of some streams."""
    names = list(streams)
    found: dict[str, int] = {}
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        marks = ", ".join(["%s"] * len(part))
        sql = f"SELECT name, head FROM gateway_stream WHERE name IN ({marks})"
        found |= {name: int(head) for name, head in rows.all(sql, *part)}
    return found


def keep_cursor(rows: Rows, conversation: str, stream: str, position: int) -> None:
    """A conversation has read a stream up to ``position``."""
    rows.run(
        "INSERT INTO gateway_cursor (conversation, stream, position) VALUES (%s, %s, %s)"
        " ON CONFLICT (conversation) DO UPDATE SET position = excluded.position,"
        " stream = excluded.stream",
        conversation,
        stream,
        position,
    )


def move_cursor(rows: Rows, conversation: str, stream: str, position: int) -> None:
    """A conversation has read a stream up to ``position``, if it is in that room still."""
    rows.run(
        "UPDATE gateway_cursor SET position = %s"
        " WHERE conversation = %s AND stream = %s AND position < %s",
        position,
        conversation,
        stream,
        position,
    )


def cursors(rows: Rows) -> dict[str, tuple[str, int]]:
    """How far every conversation has read: its stream and position."""
    found = rows.all("SELECT conversation, stream, position FROM gateway_cursor")
    return {conversation: (stream, int(position)) for conversation, stream, position in found}


def cursor(rows: Rows, conversation: str) -> tuple[str, int] | None:
    """How far one conversation has read."""
    row = rows.one(
        "SELECT stream, position FROM gateway_cursor WHERE conversation = %s", conversation
    )
    return None if row is None else (row[0], int(row[1]))
