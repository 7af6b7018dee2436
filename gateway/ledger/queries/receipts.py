"""What a transaction leaves behind, by which its writer knows later that it took effect.

For PostgreSQL. A transaction's number would not do: a server that crashes may give it to another.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ledger.rows import Rows

_OURS = "account = 'journal'"
_WROTE = "txid_current_if_assigned() IS NOT NULL"
"""Whether the transaction has written: one that has not costs nothing, and may be repeated."""


def leave_receipt(rows: Rows, name: str, at: float) -> None:
    """Leave a receipt, if there is anything to leave it for.

    A row of its own each time: one that changes with each commit grows a chain of versions as long
    as somebody looks at an old one, as a dump does, and each change would walk along it.
    """
    rows.run(
        f"INSERT INTO gateway_note (account, name, value) SELECT 'journal', %s, %s WHERE {_WROTE}",
        name,
        _text(at),
    )


def has_receipt(rows: Rows, name: str) -> bool:
    """Whether the transaction took effect that left this."""
    sql = f"SELECT 1 FROM gateway_note WHERE {_OURS} AND name = %s"
    return rows.one(sql, name) is not None


def drop_receipts(rows: Rows, names: Sequence[str]) -> None:
    """Take away what is not looked for any more."""
    marks = ", ".join(["%s"] * len(names))
    rows.run(f"DELETE FROM gateway_note WHERE {_OURS} AND name IN ({marks})", *names)


def clear_receipts(rows: Rows, before: float) -> None:
    """Take away what processes left that ended."""
    rows.run(f"DELETE FROM gateway_note WHERE {_OURS} AND value < %s", _text(before))


def _text(at: float) -> str:
    """A time as text whose order is that of times."""
    return f"{at:012.0f}"
