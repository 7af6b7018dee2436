"""How the journal knows whether a commit took effect whose answer did not come."""

from __future__ import annotations

import secrets
import time

from gateway.ledger import queries
from gateway.ledger.rows import Later, Rows

KEPT_SECONDS = 3_600.0
"""How old a receipt is before others take it away; it is looked for within seconds."""


AT_ONCE = 64
"""Receipts that are taken away together: a statement costs as much as leaving one."""


class Receipts:
    """The receipts of one writer: of the batch on its way, and of those before it.

    SQLite needs none: nothing comes between it and its answer.
    """

    def __init__(self) -> None:
        self._name = ""
        """Of the batch on its way, once it has been tried."""
        self._left: Later[bool] | None = None
        self._old: list[str] = []
        """What lies in the ledger."""
        self._first = True

    def begin(self) -> None:
        """Another batch is on its way."""
        self._name, self._left = "", None

    def found(self, rows: Rows) -> bool:
        """Whether the batch took effect as it was tried before; the caller is the only writer.

        It is: who tried before either has the lock that the caller got, or has ended.
        """
        if not self._name or not queries.has_receipt(rows, self._name):
            return False
        self._left = Later(lambda: True)
        return True

    def leave(self, rows: Rows) -> None:
        """Leave one for what was carried out in this transaction."""
        if rows.vendor != "postgresql":
            return
        now = time.time()
        self._name = secrets.token_hex(8)
        self._left = queries.leave_receipt(rows, self._name, now)
        if len(self._old) >= AT_ONCE:
            queries.drop_receipts(rows, self._old)
        if self._first:
            queries.clear_receipts(rows, now - KEPT_SECONDS)

    def keep(self) -> None:
        """The transaction was committed."""
        if self._left is None:
            return
        self._first = False
        if len(self._old) >= AT_ONCE:
            self._old.clear()
        if self._left.value():
            self._old.append(self._name)
