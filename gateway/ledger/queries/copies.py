"""Where a room's message appears."""

from __future__ import annotations

from gateway.ledger.rows import Rows


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
