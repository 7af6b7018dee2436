"""Taking away what is old and done with, a little at a time."""

from __future__ import annotations

from gateway.ledger.models import HANDLED, REFUSED, SENT
from gateway.ledger.rows import Rows


def prune_inbox(rows: Rows, before: float, limit: int) -> int:
    """Take away handled arrivals, with what their handlers had learned; how many."""
    found = rows.all(
        "SELECT id, conversation FROM gateway_inbox WHERE state >= %s AND at < %s"
        " ORDER BY id LIMIT %s",
        HANDLED,
        before,
        limit,
    )
    for number, conversation in found:
        rows.run("DELETE FROM gateway_inbox WHERE id = %s", number)
        rows.run(
            "DELETE FROM gateway_step WHERE conversation = %s AND cause = %s",
            conversation,
            f"i{number}",
        )
    return len(found)


def prune_outbox(rows: Rows, before: float, limit: int) -> int:
    """Take away what was sent or refused; not while its sender has an open event: how many.

    A handler that runs again must find what it said, or it says it twice.
    """
    return rows.run(
        "DELETE FROM gateway_outbox WHERE id IN ("
        "SELECT o.id FROM gateway_outbox o WHERE o.state IN (%s, %s) AND o.at < %s"
        " AND NOT EXISTS (SELECT 1 FROM gateway_inbox i"
        " WHERE i.conversation = o.sender AND i.state < %s) ORDER BY o.id LIMIT %s)",
        SENT,
        REFUSED,
        before,
        HANDLED,
        limit,
    )


def prune_entries(rows: Rows, before: float, limit: int, keep: int) -> int:
    """Take away old entries of logs and their copies, but the last ``keep`` of each; how many."""
    found = rows.all(
        "SELECT e.id, e.stream, e.seq FROM gateway_entry e"
        " JOIN gateway_stream s ON s.name = e.stream"
        " WHERE e.at < %s AND e.seq <= s.head - %s ORDER BY e.id LIMIT %s",
        before,
        keep,
        limit,
    )
    for number, stream, seq in found:
        message = f"{stream.split(':', 2)[2]}#{seq}"
        rows.run("DELETE FROM gateway_entry WHERE id = %s", number)
        rows.run("DELETE FROM gateway_copy WHERE message = %s", message)
        rows.run("DELETE FROM gateway_step WHERE conversation = %s AND cause = %s", stream, message)
    return len(found)


def prune_dead(rows: Rows, before: float, limit: int) -> int:
    """Take away what was set aside and nobody wanted; how many."""
    return rows.run(
        "DELETE FROM gateway_dead WHERE id IN ("
        "SELECT id FROM gateway_dead WHERE at < %s ORDER BY id LIMIT %s)",
        before,
        limit,
    )
