"""Arrivals that are recorded before it is their turn: what they follow is still to be told.

They wait for something by a name. Let go, they get new numbers in their old order, and so come
behind all that was recorded meanwhile.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import partial

import orjson

from gateway.ledger.models import HANDLED, HELD, NEW
from gateway.ledger.queries.inbox import Received
from gateway.ledger.rows import Later, Row, Rows, id_from_row
from gateway.ledger.values import text_from_value
from gateway.vocabulary.events import Event


@dataclass(frozen=True, slots=True)
class Released:
    """What was let go, and how many rows that took from those that wait."""

    arrivals: list[Received]
    taken: int


def hold(
    rows: Rows,
    identity: str,
    delivery: str | None,
    conversation: str,
    event: Event,
    at: float,
    name: str,
) -> Later[int | None]:
    """Commit an arrival that waits; None if the network had delivered it before."""
    return rows.later(
        id_from_row,
        "INSERT INTO gateway_inbox (identity, delivery, conversation, event, at, state, held)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (identity, delivery) DO NOTHING RETURNING id",
        identity,
        delivery,
        conversation,
        text_from_value(event),
        at,
        HELD,
        name,
    )


def names_held(rows: Rows, identity: str) -> list[str]:
    """What arrivals of an account wait for."""
    found = rows.all(
        "SELECT DISTINCT held FROM gateway_inbox WHERE held IS NOT NULL AND identity = %s", identity
    )
    return [row[0] for row in found]


def release(
    rows: Rows, identity: str, name: str, limit: int, settled: Container[str | None]
) -> Released:
    """Let the first of those go that wait by a name; the ``settled`` deliveries are done with."""
    found = rows.all(f"{_WAITING} AND held = %s ORDER BY id LIMIT %s", identity, name, limit)
    for row in found:
        if row[1] in settled:
            rows.run(
                "UPDATE gateway_inbox SET state = %s, held = NULL WHERE id = %s", HANDLED, row[0]
            )
    let_go = [_let_go(rows, identity, row) for row in found if row[1] not in settled]
    return Released([arrival.value() for arrival in let_go], len(found))


def record_in_turn(
    rows: Rows, identity: str, delivery: str | None, conversation: str, event: Event, at: float
) -> Later[tuple[int, Event] | None]:
    """Commit an arrival, or let the one go that waits with its delivery id, in its place.

    Its number and its event; None if the network had delivered it before and it does not wait.
    """
    return rows.later(
        partial(_in_turn, event),
        "INSERT INTO gateway_inbox (identity, delivery, conversation, event, at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (identity, delivery) DO UPDATE"
        f" SET id = excluded.id, state = {NEW}, held = NULL WHERE gateway_inbox.held IS NOT NULL"
        " RETURNING id, CASE WHEN at = %s THEN NULL ELSE event END",
        identity,
        delivery,
        conversation,
        text_from_value(event),
        at,
        at,
    )


def _in_turn(event: Event, row: Row | None) -> tuple[int, Event] | None:
    if row is None:
        return None
    return int(row[0]), event if row[1] is None else orjson.loads(row[1])


_WAITING = (
    "SELECT id, delivery, conversation, event, at FROM gateway_inbox"
    " WHERE held IS NOT NULL AND identity = %s"
)


def _let_go(rows: Rows, identity: str, row: Row) -> Later[Received]:
    """Give an arrival its place behind all that is recorded."""
    former, delivery, conversation, event, at = row
    rows.run("DELETE FROM gateway_inbox WHERE id = %s", former)
    return rows.later(
        partial(_received, conversation, event),
        "INSERT INTO gateway_inbox (identity, delivery, conversation, event, at)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING id",
        identity,
        delivery,
        conversation,
        event,
        at,
    )


def _received(conversation: str, event: str, row: Row | None) -> Received:
    assert row is not None
    return Received(int(row[0]), conversation, orjson.loads(event))
