"""The names that a conversation had before its chat moved."""

from __future__ import annotations

from gateway.ledger.models import QUEUED
from gateway.ledger.queries.conversations import facts_and_session, keep_facts
from gateway.ledger.queries.inbox import OPEN
from gateway.ledger.queries.rooms import touch_rooms
from gateway.ledger.rows import Row, Rows
from gateway.ledger.values import text_from_value
from gateway.vocabulary.events import Facts
from gateway.vocabulary.ids import account_of


def aliases(rows: Rows) -> list[Row]:
    """Every former name and the name that its conversation has now, the oldest first."""
    return rows.all("SELECT name, conversation FROM gateway_alias ORDER BY at")


def name_now(rows: Rows, conversation: str) -> str:
    """The name of a conversation now, whichever it is named by."""
    row = rows.one("SELECT conversation FROM gateway_alias WHERE name = %s", conversation)
    return conversation if row is None else str(row[0])


def rename(rows: Rows, old: str, new: str, facts: Facts, at: float) -> None:
    """A conversation has another key now: what it has moves with it, in one transaction.

    ``facts`` are those of its new place, if none are known there. Told twice it changes nothing,
    and what the new key has by then stays.
    """
    _keep_alias(rows, old, new, at)
    _move_conversation(rows, old, new, facts)
    _move_inbox(rows, old, new)
    rows.run(
        "UPDATE gateway_outbox SET conversation = %s WHERE account = %s"
        f" AND broadcast IN (FALSE, TRUE) AND conversation = %s AND state = {QUEUED}",
        new,
        account_of(old),
        old,
    )
    _move(rows, "copy", old, new, "(n.native = o.native OR n.message = o.message)")
    _move(rows, "step", old, new, "n.cause = o.cause AND n.ordinal = o.ordinal")
    _move(rows, "membership", old, new, 'n."group" = o."group"')
    _move(rows, "member", old, new, "1 = 1")
    _move(rows, "cursor", old, new, "1 = 1")
    rows.run("UPDATE gateway_dead SET conversation = %s WHERE conversation = %s", new, old)
    touch_rooms(rows)


def _keep_alias(rows: Rows, old: str, new: str, at: float) -> None:
    """Let the old name, and those that led to it, lead to the new one."""
    rows.run("DELETE FROM gateway_alias WHERE name = %s", new)
    rows.run("UPDATE gateway_alias SET conversation = %s WHERE conversation = %s", new, old)
    rows.run(
        "INSERT INTO gateway_alias (name, conversation, at) VALUES (%s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET conversation = excluded.conversation",
        old,
        new,
        at,
    )


def _move_conversation(rows: Rows, old: str, new: str, facts: Facts) -> None:
    """The session goes on; what was changed in the new place already counts more."""
    former, known = facts_and_session(rows, old), facts_and_session(rows, new)
    if former is None:
        return
    keep_facts(rows, new, account_of(new), known[0] if known else facts)
    session = former[1] | (known[1] if known else {})
    rows.run(
        "UPDATE gateway_conversation SET session = %s WHERE key = %s",
        text_from_value(session),
        new,
    )
    rows.run("DELETE FROM gateway_conversation WHERE key = %s", old)


def _move_inbox(rows: Rows, old: str, new: str) -> None:
    """What is done with stays under its old name; nobody asks for it by name."""
    rows.run(
        f"UPDATE gateway_inbox SET conversation = %s WHERE conversation = %s AND {OPEN}", new, old
    )
    rows.run(
        "UPDATE gateway_inbox SET conversation = %s WHERE held IS NOT NULL AND conversation = %s",
        new,
        old,
    )
    # An entry of a log whose handler waits is its reader's own delivery.
    rows.run(
        "UPDATE gateway_inbox SET identity = %s WHERE identity = %s AND NOT EXISTS"
        " (SELECT 1 FROM gateway_inbox n WHERE n.identity = %s"
        " AND n.delivery = gateway_inbox.delivery)",
        new,
        old,
        new,
    )


def _move(rows: Rows, table: str, old: str, new: str, same: str) -> None:
    """Rename in one table, but for what the new name has itself."""
    rows.run(
        f"DELETE FROM gateway_{table} AS o WHERE o.conversation = %s AND EXISTS"
        f" (SELECT 1 FROM gateway_{table} n WHERE n.conversation = %s AND {same})",
        old,
        new,
    )
    rows.run(f"UPDATE gateway_{table} SET conversation = %s WHERE conversation = %s", new, old)
