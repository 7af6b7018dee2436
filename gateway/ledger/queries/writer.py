"""One writer at a time, over all processes."""

from __future__ import annotations

from gateway.ledger.rows import Rows

WRITER = 0x67617466
"""An advisory lock of PostgreSQL's, held by the transaction that writes the ledger."""

IDLE_SECONDS = 2
"""How long a writer may do nothing before PostgreSQL ends its session."""

_BECOME = (
    f"SELECT set_config('idle_in_transaction_session_timeout', '{IDLE_SECONDS}s', true),"
    f" pg_advisory_xact_lock({WRITER})"
)


def become_the_writer(rows: Rows) -> None:
    """Wait until no other process writes; until the end of this transaction.

    SQLite does so by itself. On PostgreSQL two batches that append to the same streams in another
    order would deadlock, and a reader could see an entry before the one in front of it. One that
    hangs there, or whose machine is gone, keeps the others waiting for ``IDLE_SECONDS`` only.
    """
    if rows.vendor == "postgresql":
        rows.run(_BECOME)
