"""How the journal knows whether a commit took effect whose answer did not come."""

from __future__ import annotations

import secrets
import time

from gateway.ledger import queries
from gateway.ledger.rows import Rows

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
        self._old: list[str] = []
        """What may lie in the ledger: nobody waits to hear whether it was left."""
        self._first = True

    def begin(self) -> None:
        """Another batch is on its way."""
        self._name = ""

    def found(self, rows: Rows) -> bool:
        """Whether the batch took effect as it was tried before; the caller is the only writer.

        It is: who tried before either has the lock that the caller got, or has ended.
        """
        return bool(self._name) and queries.has_receipt(rows, self._name)

    def leave(self, rows: Rows) -> None:
        """Leave one for what was carried out in this transaction."""
        if rows.vendor != "postgresql":
            return
        now = time.time()
        self._name = secrets.token_hex(8)
        queries.leave_receipt(rows, self._name, now)
        if len(self._old) >= AT_ONCE:
            queries.drop_receipts(rows, self._old)
        if self._first:
            queries.clear_receipts(rows, now - KEPT_SECONDS)

    def keep(self) -> None:
        """The transaction was committed."""
        if not self._name:
            return
        self._first = False
        if len(self._old) >= AT_ONCE:
            self._old.clear()
        self._old.append(self._name)
