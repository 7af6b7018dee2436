"""What is asked of the ledger, statement by statement.

Every function takes ``Rows`` first and does no more than its SQL; those that write are meant for
``Journal.write``. Nothing here knows what an event means.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.ledger.models import DEAD, HANDLED, NEW, QUEUED, REFUSED, SENT, UNKNOWN, WAITING
from gateway.ledger.rows import Row, Rows
from gateway.vocabulary.events import Event, Facts
from gateway.vocabulary.text import clean

OUTCOMES = {"sent": SENT, "refused": REFUSED, "unknown": UNKNOWN}


def text_from_value(value: Any) -> str:
    """JSON for a text column."""
    return orjson.dumps(value).decode()


def _text_from_anything(value: Any) -> str:
    """JSON for a person to read, of a value that may have been set aside because it is none."""
    try:
        return text_from_value(value)
    except TypeError:
        return clean(json.dumps(value, ensure_ascii=False, default=repr))


# Conversations


def keep_facts(rows: Rows, conversation: str, account: str, facts: Facts) -> None:
    """Remember a conversation as it is now."""
    rows.run(
        "INSERT INTO gateway_conversation (key, account, facts, grouped) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (key) DO UPDATE SET facts = excluded.facts, grouped = excluded.grouped",
        conversation,
        account,
        text_from_value(facts),
        facts["chat"]["kind"] == "group",
    )


def facts_and_session(rows: Rows, conversation: str) -> tuple[Facts, dict[str, Any]] | None:
    """What is remembered of a conversation."""
    row = rows.one("SELECT facts, session FROM gateway_conversation WHERE key = %s", conversation)
    return None if row is None else (orjson.loads(row[0]), orjson.loads(row[1]))


def groups_and_members(rows: Rows, account: str) -> dict[str, Facts | None]:
    """An account's groups, and its members of rooms; facts are None where none are known."""
    found: dict[str, Facts | None] = {}
    for key, facts in rows.all(
        "SELECT key, facts FROM gateway_conversation WHERE account = %s AND grouped", account
    ):
        found[key] = orjson.loads(facts)
    for key, facts in rows.all(
        "SELECT m.conversation, c.facts FROM gateway_member m"
        " LEFT JOIN gateway_conversation c ON c.key = m.conversation"
        " WHERE m.conversation LIKE %s",
        f"{account}:%",
    ):
        found[key] = orjson.loads(facts) if facts else None
    return found


def change_session(rows: Rows, conversation: str, changes: Mapping[str, Any]) -> None:
    """Apply changes to a session, key by key; the value None takes the key away."""
    row = rows.one("SELECT session FROM gateway_conversation WHERE key = %s", conversation)
    session: dict[str, Any] = orjson.loads(row[0]) if row else {}
    session.update(changes)
    kept = {name: value for name, value in session.items() if value is not None}
    rows.run(
        "UPDATE gateway_conversation SET session = %s WHERE key = %s",
        text_from_value(kept),
        conversation,
    )


# Inbox


@dataclass(frozen=True, slots=True)
class Received:
    """An inbox row in hand."""

    id: int
    conversation: str
    event: Event
    tries: int = 0
    waiting: bool = False
    until: float | None = None


def record(
    rows: Rows, identity: str, delivery: str | None, conversation: str, event: Event, at: float
) -> int | None:
    """Commit an arrival to the inbox; None if the network had delivered it before."""
    row = rows.one(
        "INSERT INTO gateway_inbox (identity, delivery, conversation, event, at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (identity, delivery) DO NOTHING RETURNING id",
        identity,
        delivery,
        conversation,
        text_from_value(event),
        at,
    )
    return None if row is None else int(row[0])


def rewrite(rows: Rows, inbox: int, event: Event) -> None:
    """Replace the event of an inbox row recorded in this transaction."""
    rows.run("UPDATE gateway_inbox SET event = %s WHERE id = %s", text_from_value(event), inbox)


def received_from_row(row: Row) -> Received:
    """An inbox row as it is worked on; its key names the row, unless it had one (log entries)."""
    number, conversation, event, tries, state, until = row
    body = orjson.loads(event)
    body.setdefault("key", f"i{number}")
    return Received(number, conversation, body, tries, state == WAITING, until)


def unhandled(rows: Rows, conversation: str, skip: Iterable[int], limit: int) -> list[Received]:
    """The next unhandled arrivals of a conversation, in order; ``skip`` are in hand already."""
    held = set(skip)
    found = rows.all(
        "SELECT id, conversation, event, tries, state, until FROM gateway_inbox"
        " WHERE conversation = %s AND state < %s ORDER BY id LIMIT %s",
        conversation,
        HANDLED,
        limit + len(held),
    )
    return [received_from_row(row) for row in found if row[0] not in held][:limit]


def conversations_unhandled(rows: Rows, account: str) -> list[str]:
    """The conversations of an account with arrivals that nobody has handled or is waiting with."""
    found = rows.all(
        "SELECT DISTINCT conversation FROM gateway_inbox WHERE conversation LIKE %s AND state = %s",
        f"{account}:%",
        NEW,
    )
    return [row[0] for row in found]


def settle(rows: Rows, inbox: int) -> None:
    """An arrival was handled."""
    rows.run("UPDATE gateway_inbox SET state = %s, until = NULL WHERE id = %s", HANDLED, inbox)


def settle_delivery(rows: Rows, identity: str, delivery: str) -> None:
    """An arrival was handled that is known by its delivery id."""
    rows.run(
        "UPDATE gateway_inbox SET state = %s, until = NULL WHERE identity = %s AND delivery = %s",
        HANDLED,
        identity,
        delivery,
    )


def wait(rows: Rows, inbox: int, until: float | None) -> None:
    """An arrival's handler waits for a person."""
    rows.run("UPDATE gateway_inbox SET state = %s, until = %s WHERE id = %s", WAITING, until, inbox)


def try_again(rows: Rows, inbox: int, tries: int) -> None:
    """An arrival's handler raised."""
    rows.run("UPDATE gateway_inbox SET tries = %s WHERE id = %s", tries, inbox)


def due_dialogues(rows: Rows, account: str, now: float) -> list[str]:
    """Conversations whose dialogue has waited as long as it wanted to."""
    found = rows.all(
        "SELECT DISTINCT conversation FROM gateway_inbox"
        " WHERE conversation LIKE %s AND state = %s AND until <= %s",
        f"{account}:%",
        WAITING,
        now,
    )
    return [row[0] for row in found]


def set_aside(
    rows: Rows,
    account: str,
    conversation: str | None,
    event: Any,
    error: str,
    at: float,
    inbox: int | None = None,
) -> None:
    """Keep what cannot be handled where a person sees it."""
    rows.run(
        "INSERT INTO gateway_dead (account, conversation, event, error, at)"
        " VALUES (%s, %s, %s, %s, %s)",
        account,
        conversation,
        _text_from_anything(event),
        clean(error),
        at,
    )
    if inbox is not None:
        rows.run("UPDATE gateway_inbox SET state = %s WHERE id = %s", DEAD, inbox)


# Steps


def keep_step(rows: Rows, conversation: str, cause: str, ordinal: int, result: Any) -> None:
    """Remember what a handler learned."""
    rows.run(
        "INSERT INTO gateway_step (conversation, cause, ordinal, result) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (conversation, cause, ordinal) DO NOTHING",
        conversation,
        cause,
        ordinal,
        text_from_value(result),
    )


def steps(rows: Rows, conversation: str, cause: str) -> dict[int, Any]:
    """What a handler had learned before, by ordinal."""
    found = rows.all(
        "SELECT ordinal, result FROM gateway_step WHERE conversation = %s AND cause = %s",
        conversation,
        cause,
    )
    return {ordinal: orjson.loads(result) for ordinal, result in found}


# Log


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
    """Append an event once; its seq, and whether it is new. The event learns its ``id``."""
    row = rows.one("SELECT seq FROM gateway_entry WHERE key = %s", key)
    if row is not None:
        return int(row[0]), False
    seq = _next(rows, stream)
    event["id"] = str(seq) if not stream.startswith("room:") else _room_id(stream, seq)
    rows.run(
        "INSERT INTO gateway_entry (stream, seq, key, event, at) VALUES (%s, %s, %s, %s, %s)",
        stream,
        seq,
        key,
        text_from_value(event),
        at,
    )
    return seq, True


def _room_id(stream: str, seq: int) -> str:
    return f"{stream.split(':', 2)[2]}#{seq}"


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


# Copies


def keep_copy(
    rows: Rows,
    message: str,
    conversation: str,
    part: int,
    native: str,
    author: str,
) -> None:
    """Remember where a room's message appears."""
    rows.run(
        "INSERT INTO gateway_copy (message, conversation, part, native, author)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        message,
        conversation,
        part,
        native,
        author,
    )


def message_from_native(rows: Rows, conversation: str, native: str) -> str | None:
    """The room's id of a message that a conversation knows by its native id."""
    row = rows.one(
        "SELECT message FROM gateway_copy WHERE conversation = %s AND native = %s",
        conversation,
        native,
    )
    return None if row is None else row[0]


def native_from_message(rows: Rows, conversation: str, message: str) -> str | None:
    """The native id, in a conversation, of a room's message (its first part)."""
    row = rows.one(
        "SELECT native FROM gateway_copy WHERE message = %s AND conversation = %s"
        " ORDER BY part LIMIT 1",
        message,
        conversation,
    )
    return None if row is None else row[0]


# Outbox


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An outbox row in hand."""

    id: int
    conversation: str
    sender: str
    event: Event
    parts: int


def queue(
    rows: Rows, account: str, conversation: str, key: str, sender: str, event: Event, at: float
) -> int | None:
    """Queue an event for a network; None if this key had queued one before."""
    row = rows.one(
        "INSERT INTO gateway_outbox (account, conversation, key, sender, event, at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
        account,
        conversation,
        key,
        sender,
        text_from_value(event),
        at,
    )
    return None if row is None else int(row[0])


def queued(rows: Rows, account: str, skip: Iterable[int], limit: int) -> list[Outgoing]:
    """What an account has to send, oldest first; ``skip`` are in hand already."""
    held = set(skip)
    found = rows.all(
        "SELECT id, conversation, sender, event, parts FROM gateway_outbox"
        " WHERE account = %s AND state = %s ORDER BY id LIMIT %s",
        account,
        QUEUED,
        limit + len(held),
    )
    return [
        Outgoing(number, conversation, sender, orjson.loads(event), parts)
        for number, conversation, sender, event, parts in found
        if number not in held
    ][:limit]


def part_sent(rows: Rows, outbox: int, parts: int, native: str | None) -> None:
    """The network has the first ``parts`` parts of an event."""
    rows.run(
        "UPDATE gateway_outbox SET parts = %s, native = COALESCE(native, %s) WHERE id = %s",
        parts,
        native,
        outbox,
    )


def outcome(rows: Rows, outbox: int, word: str, error: str | None = None) -> None:
    """How the sending of an event ended: ``sent``, ``refused`` or ``unknown``."""
    rows.run(
        "UPDATE gateway_outbox SET state = %s, error = %s WHERE id = %s",
        OUTCOMES[word],
        error,
        outbox,
    )


# Rooms and members


def keep_room(rows: Rows, name: str, title: str, access: str, code: str) -> None:
    """Make a room, or change it."""
    rows.run(
        "INSERT INTO gateway_room (name, title, access, code) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET title = excluded.title, access = excluded.access,"
        " code = excluded.code",
        name,
        title,
        access,
        code,
    )


def rooms(rows: Rows) -> list[Row]:
    """Every room: name, title, access, code."""
    return rows.all("SELECT name, title, access, code FROM gateway_room ORDER BY name")


def touch_rooms(rows: Rows) -> None:
    """Rooms or members changed: whoever keeps them in memory reads them again."""
    keep_note(rows, "gateway", "rooms", secrets.token_hex(8))


def rooms_version(rows: Rows) -> str:
    """A word that changes with rooms and members."""
    return note(rows, "gateway", "rooms") or ""


def members(rows: Rows) -> list[Row]:
    """Every member: conversation, room, configured."""
    return rows.all("SELECT conversation, room, configured FROM gateway_member")


def join(rows: Rows, conversation: str, room: str, stream: str, *, configured: bool) -> bool:
    """Make a conversation a member, reading from the head; False if it was one of this room."""
    row = rows.one("SELECT room FROM gateway_member WHERE conversation = %s", conversation)
    if row is not None and row[0] == room:
        rows.run(
            "UPDATE gateway_member SET configured = %s WHERE conversation = %s",
            configured,
            conversation,
        )
        return False
    rows.run(
        "INSERT INTO gateway_member (conversation, room, configured) VALUES (%s, %s, %s)"
        " ON CONFLICT (conversation) DO UPDATE SET room = excluded.room,"
        " configured = excluded.configured",
        conversation,
        room,
        configured,
    )
    keep_cursor(rows, conversation, stream, open_stream(rows, stream)[1])
    return True


def leave(rows: Rows, conversation: str) -> None:
    """A conversation is in no room any more."""
    rows.run("DELETE FROM gateway_member WHERE conversation = %s", conversation)
    rows.run("DELETE FROM gateway_cursor WHERE conversation = %s", conversation)


def memberships(rows: Rows) -> list[Row]:
    """Every conversation in a group of the channel layer: group, conversation."""
    return rows.all('SELECT "group", conversation FROM gateway_membership')


def enter_group(rows: Rows, group: str, conversation: str) -> None:
    """A conversation joins a group of the channel layer."""
    rows.run(
        'INSERT INTO gateway_membership ("group", conversation) VALUES (%s, %s)'
        ' ON CONFLICT ("group", conversation) DO NOTHING',
        group,
        conversation,
    )


def leave_group(rows: Rows, group: str, conversation: str) -> None:
    """A conversation leaves a group of the channel layer."""
    rows.run(
        'DELETE FROM gateway_membership WHERE "group" = %s AND conversation = %s',
        group,
        conversation,
    )


def rename(rows: Rows, old: str, new: str) -> None:
    """A conversation has another key now: what it has moves with it, in one transaction.

    Told twice it changes nothing, and what the new key has by then stays.
    """
    known = "SELECT 1 FROM gateway_conversation WHERE key = %s"
    if rows.one(known, old) is None and rows.one(known, new) is not None:
        rows.run("UPDATE gateway_outbox SET conversation = %s WHERE conversation = %s", new, old)
        return
    for table in ("gateway_inbox", "gateway_outbox", "gateway_copy", "gateway_step"):
        rows.run(f"UPDATE {table} SET conversation = %s WHERE conversation = %s", new, old)
    for table in ("gateway_member", "gateway_cursor"):
        rows.run(f"DELETE FROM {table} WHERE conversation = %s", new)
        rows.run(f"UPDATE {table} SET conversation = %s WHERE conversation = %s", new, old)
    rows.run("DELETE FROM gateway_conversation WHERE key = %s", new)
    rows.run("UPDATE gateway_conversation SET key = %s WHERE key = %s", new, old)


# Notes and leases


def keep_note(rows: Rows, account: str, name: str, value: str) -> None:
    """Keep a word."""
    rows.run(
        "INSERT INTO gateway_note (account, name, value) VALUES (%s, %s, %s)"
        " ON CONFLICT (account, name) DO UPDATE SET value = excluded.value",
        account,
        name,
        value,
    )


def note(rows: Rows, account: str, name: str) -> str | None:
    """Read a word."""
    row = rows.one("SELECT value FROM gateway_note WHERE account = %s AND name = %s", account, name)
    return None if row is None else row[0]


def lease(rows: Rows, name: str) -> Row | None:
    """Who holds a lease: holder, host, pid, until."""
    return rows.one("SELECT holder, host, pid, until FROM gateway_lease WHERE name = %s", name)


def take_lease(
    rows: Rows, name: str, holder: str, host: str, pid: int, until: float, former: str | None
) -> bool:
    """Take or renew a lease whose holder is ``former`` (None: nobody); False if it changed."""
    if former is None:
        return bool(
            rows.run(
                "INSERT INTO gateway_lease (name, holder, host, pid, until)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO NOTHING",
                name,
                holder,
                host,
                pid,
                until,
            )
        )
    raised = 0 if former == holder else 1
    return bool(
        rows.run(
            "UPDATE gateway_lease SET holder = %s, host = %s, pid = %s, until = %s,"
            " token = token + %s WHERE name = %s AND holder = %s",
            holder,
            host,
            pid,
            until,
            raised,
            name,
            former,
        )
    )


def drop_lease(rows: Rows, name: str, holder: str) -> None:
    """Give a lease back."""
    rows.run("DELETE FROM gateway_lease WHERE name = %s AND holder = %s", name, holder)
