"""What waits for a network, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from gateway.ledger.models import QUEUED, REFUSED, SENT, UNKNOWN
from gateway.ledger.rows import Rows
from gateway.ledger.values import text_from_value
from gateway.vocabulary.events import Event

OUTCOMES = {"sent": SENT, "refused": REFUSED, "unknown": UNKNOWN}


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


def sent(rows: Rows, outbox: int, parts: int, native: str | None) -> None:
    """The network has all of an event."""
    rows.run(
        "UPDATE gateway_outbox SET state = %s, parts = %s, native = COALESCE(native, %s),"
        " error = NULL WHERE id = %s",
        SENT,
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
