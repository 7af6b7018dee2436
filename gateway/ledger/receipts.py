"""How the journal knows whether a commit took effect whose answer did not come."""

from __future__ import annotations

import secrets
import time

from gateway.ledger import queries
from gateway.ledger.rows import Later, Rows

KEPT_SECONDS = 3_600.0
"""How old a receipt is before others take it away; it is looked for within seconds."""


class Receipts:
    """The receipts of one writer: of the batch on its way, and of the last one before it.

    SQLite needs none: nothing comes between it and its answer.
    """

    def __init__(self) -> None:
        self._name = ""
        """Of the batch on its way, once it has been tried."""
        self._former = ""
        """What lies in the ledger."""
        self._left: Later[bool] | None = None

    def begin(self) -> None:
        """Another batch is on its way."""
        self._name, self._left = "", None

    def found(self, rows: Rows) -> bool:
        """Whether the batch took effect as it was tried before; the caller is the only writer.

        It is: who tried before either has the lock that the caller got, or has ended.
        """
        if not self._name or not queries.has_receipt(rows, self._name):
            return False
        self._former, self._left = self._name, None
        return True

    def leave(self, rows: Rows) -> None:
        """Leave one for what was carried out in this transaction."""
        if rows.vendor != "postgresql":
            return
        now = time.time()
        if not self._former:
            queries.clear_receipts(rows, now - KEPT_SECONDS)
        self._name = secrets.token_hex(8)
        self._left = queries.leave_receipt(rows, self._name, self._former, now)

    def keep(self) -> None:
        """The transaction was committed."""
        if self._left is not None and self._left.value():
            self._former = self._name
