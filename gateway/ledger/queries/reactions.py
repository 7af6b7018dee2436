"""Who reacted to a room's message, and how."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ledger.rows import Rows
from gateway.vocabulary.events import Author, Reacted

MOST = 200
"""Reactions to one message that are told; the oldest go first."""

MOST_OF_ONE = 20
"""Reactions of one person to one message that are kept."""


def react(
    rows: Rows, message: str, author: Author, emoji: Sequence[str], origin: str | None
) -> list[Reacted]:
    """Take what one person shows on a message now; everybody's, oldest first."""
    rows.run(
        "DELETE FROM gateway_reaction WHERE message = %s AND author = %s AND NOT emoji IN ("
        + ", ".join(["%s"] * (len(emoji) or 1))
        + ")",
        message,
        author["id"],
        *(emoji or [""]),
    )
    for one in dict.fromkeys(emoji[:MOST_OF_ONE]):
        rows.run(
            "INSERT INTO gateway_reaction (message, author, emoji, name, origin)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            message,
            author["id"],
            one,
            author["name"],
            origin,
        )
    return reactions(rows, message)


def reactions(rows: Rows, message: str) -> list[Reacted]:
    """How everybody reacts to a message now, oldest first."""
    found = rows.all(
        "SELECT emoji, author, name, origin FROM gateway_reaction"
        " WHERE message = %s ORDER BY id LIMIT %s",
        message,
        MOST,
    )
    return [
        {"emoji": emoji, "author": author, "name": name, "origin": origin}
        for emoji, author, name, origin in found
    ]
