"""Who is the home of an account; and words that are kept."""

from __future__ import annotations

from gateway.ledger.rows import Later, Row, Rows


def keep_note(rows: Rows, account: str, name: str, value: str) -> None:
    """Keep a word."""
    rows.run(
        "INSERT INTO gateway_note (account, name, value) VALUES (%s, %s, %s)"
        " ON CONFLICT (account, name) DO UPDATE SET value = excluded.value",
        account,
        name,
        value,
    )


def note(rows: Rows, account: str, name: str) -> str | None:
    """Read a word."""
    row = rows.one("SELECT value FROM gateway_note WHERE account = %s AND name = %s", account, name)
    return None if row is None else row[0]


def lease(rows: Rows, name: str) -> Row | None:
    """Who holds a lease: holder, host, pid, until."""
    return rows.one("SELECT holder, host, pid, until FROM gateway_lease WHERE name = %s", name)


def holds_lease(rows: Rows, name: str, holder: str) -> Later[bool]:
    """Whether a lease is this holder's still; for the one writer, who asks once in a transaction.

    Nobody else changes it before that is over.
    """
    if name not in rows.asked:
        rows.asked[name] = rows.later(
            _first, "SELECT holder FROM gateway_lease WHERE name = %s", name
        )
    held: Later[str | None] = rows.asked[name]
    return Later(lambda: held.value() == holder)


def _first(row: Row | None) -> str | None:
    return None if row is None else row[0]


def take_lease(
    rows: Rows, name: str, holder: str, host: str, pid: int, until: float, former: str | None
) -> bool:
    """Take or renew a lease whose holder is ``former`` (None: nobody); False if it changed."""
    rows.asked.pop(name, None)
    if former is None:
        return bool(
            rows.count(
                "INSERT INTO gateway_lease (name, holder, host, pid, until)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (name) DO NOTHING",
                name,
                holder,
                host,
                pid,
                until,
            )
        )
    raised = 0 if former == holder else 1
    return bool(
        rows.count(
            "UPDATE gateway_lease SET holder = %s, host = %s, pid = %s, until = %s,"
            " token = token + %s WHERE name = %s AND holder = %s",
            holder,
            host,
            pid,
            until,
            raised,
            name,
            former,
        )
    )


def drop_lease(rows: Rows, name: str, holder: str) -> None:
    """Give a lease back."""
    rows.asked.pop(name, None)
    rows.run("DELETE FROM gateway_lease WHERE name = %s AND holder = %s", name, holder)
