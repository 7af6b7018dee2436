"""Arrivals, what became of them, and what was set aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.ledger.models import DEAD, HANDLED, NEW, WAITING
from gateway.ledger.rows import Later, Row, Rows, id_from_row
from gateway.ledger.values import text_from_anything, text_from_value
from gateway.vocabulary.events import Event
from gateway.vocabulary.text import clean

OPEN = f"state < {HANDLED}"
"""Written out, as in the condition of the index: SQLite uses it only so."""

OF_ACCOUNT = f"SUBSTR(conversation, 1, %s) = %s AND {OPEN}"
"""Of the open ones, which are few, those of an account; see ``_account``."""


@dataclass(frozen=True, slots=True)
class Received:
    """An inbox row in hand."""

    id: int
    conversation: str
    event: Event
    tries: int = 0
    waiting: bool = False
    until: float | None = None
    deaths: int = 0


def record(
    rows: Rows, identity: str, delivery: str | None, conversation: str, event: Event, at: float
) -> Later[int | None]:
    """Commit an arrival to the inbox; None if the network had delivered it before."""
    return rows.later(
        id_from_row,
        "INSERT INTO gateway_inbox (identity, delivery, conversation, event, at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (identity, delivery) DO NOTHING RETURNING id",
        identity,
        delivery,
        conversation,
        text_from_value(event),
        at,
    )


def rewrite(rows: Rows, inbox: int, event: Event) -> None:
    """Replace the event of an inbox row recorded in this transaction."""
    rows.run("UPDATE gateway_inbox SET event = %s WHERE id = %s", text_from_value(event), inbox)


def received_from_row(row: Row) -> Received:
    """An inbox row as it is worked on; its key names the row, unless it had one (log entries)."""
    number, conversation, event, tries, state, until, deaths = row
    body = orjson.loads(event)
    body.setdefault("key", f"i{number}")
    return Received(number, conversation, body, tries, state == WAITING, until, deaths)


def unhandled(rows: Rows, conversation: str, skip: Iterable[str], limit: int) -> list[Received]:
    """The next unhandled arrivals of a conversation, in order; ``skip`` are keys in hand."""
    held = set(skip)
    found = rows.all(
        "SELECT id, conversation, event, tries, state, until, deaths FROM gateway_inbox"
        f" WHERE conversation = %s AND {OPEN} ORDER BY id LIMIT %s",
        conversation,
        limit + len(held),
    )
    received = map(received_from_row, found)
    return [one for one in received if one.event["key"] not in held][:limit]


def newest_unhandled(rows: Rows, conversation: str) -> Later[int]:
    """The last arrival of a conversation that nobody has handled or is waiting with, 0: none."""
    return rows.later(
        lambda row: int(row[0] or 0) if row else 0,
        f"SELECT MAX(id) FROM gateway_inbox WHERE conversation = %s AND {OPEN} AND state = {NEW}",
        conversation,
    )


def conversations_unhandled(rows: Rows, account: str) -> list[str]:
    """The conversations of an account with arrivals that nobody has handled or is waiting with."""
    found = rows.all(
        f"SELECT DISTINCT conversation FROM gateway_inbox WHERE {OF_ACCOUNT} AND state = %s",
        *_account(account),
        NEW,
    )
    return [row[0] for row in found]


def _account(account: str) -> tuple[int, str]:
    """What its conversations begin with; not LIKE, for which an underscore is anything."""
    prefix = f"{account}:"
    return len(prefix), prefix


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
    rows.run(
        "UPDATE gateway_inbox SET state = %s, until = %s, deaths = 0 WHERE id = %s",
        WAITING,
        until,
        inbox,
    )


def wait_delivery(rows: Rows, identity: str, delivery: str, until: float | None) -> None:
    """The same for one that is known by its delivery id."""
    rows.run(
        "UPDATE gateway_inbox SET state = %s, until = %s WHERE identity = %s AND delivery = %s",
        WAITING,
        until,
        identity,
        delivery,
    )


def try_again(rows: Rows, inbox: int, tries: int) -> None:
    """An arrival's handler raised."""
    rows.run("UPDATE gateway_inbox SET tries = %s WHERE id = %s", tries, inbox)


def suspect(rows: Rows, account: str) -> None:
    """A process died with an account: the first event of each conversation may have done it."""
    rows.run(
        "UPDATE gateway_inbox SET deaths = 1 WHERE deaths = 0 AND id IN"
        f" (SELECT MIN(id) FROM gateway_inbox WHERE {OF_ACCOUNT} AND state = %s"
        " GROUP BY conversation)",
        *_account(account),
        NEW,
    )


def risk(rows: Rows, inbox: int) -> None:
    """A handler gets an event that a process died with: count this life as lost, until spared."""
    rows.run("UPDATE gateway_inbox SET deaths = deaths + 1 WHERE id = %s", inbox)


def spare(rows: Rows, inbox: int) -> None:
    """Its handler recorded something new: this life does not count."""
    rows.run("UPDATE gateway_inbox SET deaths = deaths - 1 WHERE id = %s AND deaths > 1", inbox)


def clear_suspicion(rows: Rows, account: str) -> None:
    """The process stops as it should: none of an account's events has killed it."""
    rows.run(
        f"UPDATE gateway_inbox SET deaths = 0 WHERE {OF_ACCOUNT} AND deaths > 0",
        *_account(account),
    )


def due_dialogues(rows: Rows, account: str, now: float) -> list[str]:
    """Conversations whose dialogue has waited as long as it wanted to."""
    found = rows.all(
        "SELECT DISTINCT conversation FROM gateway_inbox"
        f" WHERE {OF_ACCOUNT} AND state = %s AND until <= %s",
        *_account(account),
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
        text_from_anything(event),
        clean(error),
        at,
    )
    if inbox is not None:
        rows.run("UPDATE gateway_inbox SET state = %s WHERE id = %s", DEAD, inbox)
