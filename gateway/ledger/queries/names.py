"""The names that a conversation had before its chat moved."""

from __future__ import annotations

from gateway.ledger.rows import Rows


def aliases(rows: Rows) -> dict[str, str]:
    """Every former name, and the name that its conversation has now."""
    return dict(rows.all("SELECT name, conversation FROM gateway_alias"))


def name_now(rows: Rows, conversation: str) -> str:
    """The name of a conversation now, whichever it is named by."""
    row = rows.one("SELECT conversation FROM gateway_alias WHERE name = %s", conversation)
    return conversation if row is None else str(row[0])


def keep_alias(rows: Rows, old: str, new: str) -> None:
    """A conversation has another name now; its former ones lead there."""
    rows.run("DELETE FROM gateway_alias WHERE name = %s", new)
    rows.run("UPDATE gateway_alias SET conversation = %s WHERE conversation = %s", new, old)
    rows.run(
        "INSERT INTO gateway_alias (name, conversation) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET conversation = excluded.conversation",
        old,
        new,
    )
