"""What waits in the tables, and how far a room's message has come."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.ledger.models import QUEUED
from gateway.ledger.queries.inbox import OPEN
from gateway.ledger.rows import Row, Rows


def unhandled_by_conversation(rows: Rows) -> list[Row]:
    """Arrivals that nobody has handled: conversation, state, how many, since when."""
    return rows.all(
        "SELECT conversation, state, COUNT(*), MIN(at) FROM gateway_inbox"
        f" WHERE {OPEN} GROUP BY conversation, state"
    )


def held_by_name(rows: Rows) -> list[Row]:
    """Arrivals whose turn has not come: one's chat, what they wait for, how many, since when."""
    return rows.all(
        "SELECT MIN(conversation), held, COUNT(*), MIN(at) FROM gateway_inbox"
        " WHERE held IS NOT NULL GROUP BY identity, held"
    )


def queued_by_account(rows: Rows) -> list[Row]:
    """Sends that no network has yet: account, how many, since when."""
    return rows.all(
        "SELECT w.account, w.number, o.at FROM"
        " (SELECT account, COUNT(*) AS number, MIN(id) AS oldest"
        f" FROM gateway_outbox WHERE state = {QUEUED} GROUP BY account) w"
        " JOIN gateway_outbox o ON o.id = w.oldest"
    )


def said_at(rows: Rows, stream: str, seq: int) -> float | None:
    """When an entry of a log was made; None if it is not there."""
    row = rows.one("SELECT at FROM gateway_entry WHERE stream = %s AND seq = %s", stream, seq)
    return None if row is None else float(row[0])


def behind(rows: Rows, conversations: Iterable[str], stream: str, seq: int) -> set[str]:
    """Those of the conversations that have not read a log so far."""
    found = rows.all(
        "SELECT conversation FROM gateway_cursor WHERE stream = %s AND position < %s", stream, seq
    )
    return {row[0] for row in found} & set(conversations)


def fates(rows: Rows, keys: Iterable[str]) -> dict[str, int]:
    """The states of the sends with these keys."""
    names = list(keys)
    found: dict[str, int] = {}
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        marks = ", ".join(["%s"] * len(part))
        sql = f"SELECT key, state FROM gateway_outbox WHERE key IN ({marks})"
        found |= dict(rows.all(sql, *part))
    return found
