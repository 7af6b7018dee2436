"""Rooms, their members, and the groups of the channel layer."""

from __future__ import annotations

import secrets

from gateway.ledger.queries.leases import keep_note, note
from gateway.ledger.queries.log import keep_cursor, open_stream
from gateway.ledger.rows import Row, Rows


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
    """Every member, by name: conversation, room, configured."""
    return rows.all(
        "SELECT conversation, room, configured FROM gateway_member ORDER BY conversation"
    )


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
