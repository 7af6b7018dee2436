"""What is known of conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.ledger.rows import Rows
from gateway.ledger.values import text_from_value
from gateway.vocabulary.events import Facts


def keep_facts(rows: Rows, conversation: str, account: str, facts: Facts) -> None:
    """Remember a conversation as it is now."""
    rows.run(
        "INSERT INTO gateway_conversation (key, account, facts, grouped) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (key) DO UPDATE SET facts = excluded.facts, grouped = excluded.grouped",
        conversation,
        account,
        text_from_value(facts),
        facts["chat"]["kind"] == "group",
    )


def facts_and_session(rows: Rows, conversation: str) -> tuple[Facts, dict[str, Any]] | None:
    """What is remembered of a conversation."""
    row = rows.one("SELECT facts, session FROM gateway_conversation WHERE key = %s", conversation)
    return None if row is None else (orjson.loads(row[0]), orjson.loads(row[1]))


def groups_and_members(rows: Rows, account: str) -> dict[str, Facts | None]:
    """An account's groups, and its members of rooms; facts are None where none are known."""
    found: dict[str, Facts | None] = {}
    prefix = f"{account}:"  # not LIKE, for which an underscore is anything
    for key, facts in rows.all(
        "SELECT key, facts FROM gateway_conversation WHERE account = %s AND grouped", account
    ):
        found[key] = orjson.loads(facts)
    for key, facts in rows.all(
        "SELECT m.conversation, c.facts FROM gateway_member m"
        " LEFT JOIN gateway_conversation c ON c.key = m.conversation"
        " WHERE SUBSTR(m.conversation, 1, %s) = %s",
        len(prefix),
        prefix,
    ):
        found[key] = orjson.loads(facts) if facts else None
    return found


def change_session(rows: Rows, conversation: str, changes: Mapping[str, Any]) -> None:
    """Apply changes to a session, key by key; the value None takes the key away."""
    row = rows.one("SELECT session FROM gateway_conversation WHERE key = %s", conversation)
    session: dict[str, Any] = orjson.loads(row[0]) if row else {}
    session.update(changes)
    kept = {name: value for name, value in session.items() if value is not None}
    rows.run(
        "UPDATE gateway_conversation SET session = %s WHERE key = %s",
        text_from_value(kept),
        conversation,
    )
