"""What waits for a network, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from gateway.ledger.models import QUEUED, REFUSED, SENT, UNKNOWN
from gateway.ledger.rows import Later, Rows, id_from_row
from gateway.ledger.values import text_from_value
from gateway.vocabulary.events import Event
from gateway.vocabulary.text import clean

OUTCOMES = {"sent": SENT, "refused": REFUSED, "unknown": UNKNOWN}

LEAVING = "on its way"
"""What stands as the error of a row that waits, while its network may have it already."""
PARKED = "the gateway ended while it was on its way"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An outbox row in hand."""

    id: int
    conversation: str
    sender: str
    event: Event
    parts: int


def queue(
    rows: Rows,
    account: str,
    conversation: str,
    key: str,
    sender: str,
    event: Event,
    at: float,
    *,
    broadcast: bool = False,
) -> Later[int | None]:
    """Queue an event for a network; None if this key had queued one before."""
    return rows.later(
        id_from_row,
        "INSERT INTO gateway_outbox (account, conversation, key, sender, event, broadcast, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
        account,
        conversation,
        key,
        sender,
        text_from_value(event),
        broadcast,
        at,
    )


# The state stands in the statement, as in the condition of the index: SQLite uses it only so.
_NEXT = (
    "SELECT MIN(conversation) FROM gateway_outbox WHERE account = %s AND broadcast = %s"
    f" AND conversation > {{}} AND state = {QUEUED}"
)
_LINES = (
    f"WITH RECURSIVE line (conversation) AS ({_NEXT.format('%s')} UNION ALL"
    f" SELECT ({_NEXT.format('line.conversation')}) FROM line WHERE line.conversation IS NOT NULL)"
    " SELECT conversation FROM line WHERE conversation IS NOT NULL LIMIT %s"
)
_PAGE = (
    "SELECT id, conversation, sender, event, parts FROM gateway_outbox"
    f" WHERE account = %s AND broadcast = %s AND conversation = %s AND state = {QUEUED}"
    " ORDER BY id LIMIT %s"
)


def lines(rows: Rows, account: str, after: str, limit: int, *, broadcast: bool) -> list[str]:
    """The conversations an account has answers (or broadcasts) for: those after one, then others.

    Costs a step for each conversation, however many rows wait there.
    """
    found = rows.all(_LINES, account, broadcast, after, account, broadcast, limit)
    names = [str(row[0]) for row in found]
    if after and len(names) < limit:
        rest = rows.all(_LINES, account, broadcast, "", account, broadcast, limit - len(names))
        names += [row[0] for row in rest if row[0] <= after]
    return names


def line(rows: Rows, account: str, conversation: str, limit: int) -> list[Outgoing]:
    """The oldest that waits for a conversation, in order."""
    found = [
        row
        for broadcast in (False, True)
        for row in rows.all(_PAGE, account, broadcast, conversation, limit)
    ]
    return [
        Outgoing(number, place, sender, orjson.loads(event), parts)
        for number, place, sender, event, parts in sorted(found, key=lambda row: row[0])[:limit]
    ]


def part_sent(rows: Rows, outbox: int, parts: int, native: str | None) -> None:
    """The network has the first ``parts`` parts of an event; what was set aside stays so."""
    rows.run(
        "UPDATE gateway_outbox SET parts = %s, native = COALESCE(native, %s),"
        f" error = CASE WHEN state = {QUEUED} THEN NULL ELSE error END WHERE id = %s",
        parts,
        native,
        outbox,
    )


def leaving(rows: Rows, outbox: int, holder: str, yes: bool) -> None:
    """From here on the network may have the next part; or certainly has it not.

    Only what waits is marked, and only by the holder of its account's lease.
    """
    rows.run(
        f"UPDATE gateway_outbox SET error = %s WHERE id = %s AND state = {QUEUED}"
        " AND EXISTS (SELECT 1 FROM gateway_lease WHERE name = account AND holder = %s)",
        LEAVING if yes else None,
        outbox,
        holder,
    )


def park(rows: Rows, account: str) -> int:
    """Whoever sent for an account ended: the fate of what was ``leaving`` is unknown; how much."""
    return rows.count(
        "UPDATE gateway_outbox SET state = %s, error = %s"
        f" WHERE account = %s AND state = {QUEUED} AND error = %s",
        UNKNOWN,
        PARKED,
        account,
        LEAVING,
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
        None if error is None else clean(error),
        outbox,
    )
