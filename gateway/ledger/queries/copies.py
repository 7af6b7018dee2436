"""Where a message appears.

``message`` is a room's id of it (``<room>#<seq>``), or the ``ref`` of a send to a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gateway.ledger.rows import Rows
from gateway.ledger.values import text_from_value
from gateway.vocabulary.degrade import Copy
from gateway.vocabulary.events import Button


def keep_copy(
    rows: Rows,
    message: str,
    conversation: str,
    part: int,
    native: str,
    author: str,
    at: float,
    *,
    origin_id: str | None = None,
    buttons: Sequence[Sequence[Button]] | None = None,
) -> None:
    """Remember where a message appears, and what can be pressed under it.

    ``buttons`` that are empty are those of a message after which no earlier ones count.
    """
    # In a chat that moved native ids begin anew: the latest that bears one counts.
    rows.run(
        "DELETE FROM gateway_copy WHERE conversation = %s AND native = %s AND message <> %s",
        conversation,
        native,
        message,
    )
    rows.run(
        "INSERT INTO gateway_copy"
        " (message, conversation, part, native, author, origin_id, buttons, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        message,
        conversation,
        part,
        native,
        author,
        origin_id,
        None if buttons is None else text_from_value(buttons),
        at,
    )


def copies(rows: Rows, conversation: str, message: str) -> list[Copy]:
    """The parts of a message in a conversation, in order; none if it is not known there."""
    found = rows.all(
        "SELECT part, native, origin_id FROM gateway_copy"
        " WHERE message = %s AND conversation = %s ORDER BY part",
        message,
        conversation,
    )
    return [Copy(int(part), native, origin_id) for part, native, origin_id in found]


def message_from_native(rows: Rows, conversation: str, native: str) -> str | None:
    """The room's id, or the ref, of a message that a conversation knows by its native id."""
    row = rows.one(
        "SELECT message FROM gateway_copy WHERE conversation = %s AND native = %s",
        conversation,
        native,
    )
    return None if row is None else row[0]


def author_of_native(rows: Rows, conversation: str, native: str) -> str | None:
    """Whose message it is that a conversation knows by a native id."""
    row = rows.one(
        "SELECT author FROM gateway_copy WHERE conversation = %s AND native = %s",
        conversation,
        native,
    )
    return None if row is None else row[0]


def topic_with(rows: Rows, account: str, conversation: str, native: str) -> str | None:
    """The conversation within another one that knows a message by its native id."""
    within = f"{conversation}:"
    row = rows.one(
        "SELECT conversation FROM gateway_copy WHERE native = %s AND conversation IN"
        " (SELECT key FROM gateway_conversation WHERE account = %s AND grouped"
        " AND substr(key, 1, %s) = %s) ORDER BY id DESC LIMIT 1",
        native,
        account,
        len(within),
        within,
    )
    return None if row is None else row[0]


def native_from_origin(rows: Rows, conversation: str, author: str, origin_id: str) -> str | None:
    """The native id of the latest message that its author's client calls so (XEP-0308)."""
    row = rows.one(
        "SELECT native FROM gateway_copy"
        " WHERE conversation = %s AND author = %s AND origin_id = %s ORDER BY id DESC LIMIT 1",
        conversation,
        author,
        origin_id,
    )
    return None if row is None else row[0]


def change_buttons(
    rows: Rows, conversation: str, native: str, buttons: Sequence[Sequence[Button]]
) -> None:
    """What can be pressed under a message is this now."""
    rows.run(
        "UPDATE gateway_copy SET buttons = %s WHERE conversation = %s AND native = %s"
        + ("" if buttons else " AND buttons IS NOT NULL"),
        text_from_value(buttons),
        conversation,
        native,
    )


def forget_copy(rows: Rows, conversation: str, native: str) -> None:
    """A message, or a part of one, was taken away there."""
    rows.run(
        "DELETE FROM gateway_copy WHERE conversation = %s AND native = %s", conversation, native
    )


def buttons_under(rows: Rows, conversation: str, native: str) -> list[Button]:
    """The buttons under a message, over all its rows."""
    row = rows.one(
        "SELECT buttons FROM gateway_copy WHERE conversation = %s AND native = %s",
        conversation,
        native,
    )
    return _flat(row[0]) if row and row[0] else []


def latest_buttons(rows: Rows, conversation: str, since: float) -> tuple[str, list[Button]] | None:
    """The latest message with buttons, if it is not from before ``since``: native id, buttons."""
    row = rows.one(
        "SELECT native, buttons FROM gateway_copy"
        " WHERE conversation = %s AND buttons IS NOT NULL AND at >= %s"
        " ORDER BY at DESC, id DESC LIMIT 1",
        conversation,
        since,
    )
    return None if row is None else (row[0], _flat(row[1]))


def _flat(stored: Any) -> list[Button]:
    return [button for line in orjson.loads(stored) for button in line]
