"""Statements that a PostgreSQL has read and planned once, and is told by name from then on."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError

AFTER = 3
"""How often a statement is sent as it is before it is prepared."""

AT_MOST = 200
"""Names that are given in one session; the server keeps also those that are not used any more."""

NOT_HERE = frozenset(
    {
        "0A000",  # feature_not_supported: a table was changed, and the plan is of the old one
        "26000",  # invalid_sql_statement_name: a pooler gave us another session
        "42P05",  # duplicate_prepared_statement: the same
        "42P18",  # indeterminate_datatype: it cannot be read without its parameters
    }
)
"""SQLSTATEs that say that preparing failed, and not the data (PostgreSQL, Appendix A)."""


class NotPrepared(Exception):
    """A transaction failed because a statement was not prepared; it is to be repeated."""


class Prepared:
    """The prepared statements of one session, by SQL's PREPARE and EXECUTE.

    To read and plan a small statement takes the server longer than to carry it out. Only those
    are prepared that search no table, for a plan may be kept that was made when it was empty.
    Behind a pooler each transaction may have another session, which knows none of them: the first
    failure ends it, and everything is sent as it is.
    """

    def __init__(self) -> None:
        self.given_up = False
        self._session: Any = None
        self._sent: Counter[str] = Counter()
        self._templates: dict[str, bytes] = {}
        self._unsure: list[str] = []
        """Those that the server has not said yet that it has prepared."""
        self._names: Iterator[str] = iter(())

    def of(self, session: Any) -> Prepared:
        """The same, of this psycopg connection: a new one knows nothing."""
        if session is not self._session:
            self._session, prefix = session, f"gateway_{secrets.token_hex(4)}"
            self._names = (f"{prefix}_{number}" for number in range(AT_MOST))
            self._templates.clear()
            self._unsure.clear()
        return self

    def template(self, sql: str) -> bytes:
        """A statement as it is sent, with ``%s`` for each parameter."""
        template = self._templates.get(sql)
        return sql.encode() if template is None else template

    def preparation(self, sql: str) -> bytes | None:
        """What has to be sent once in front of a statement from now on, if it is to be prepared."""
        if sql in self._templates or not self._deserves(sql):
            return None
        name = next(self._names, None)
        if name is None:
            return None
        self._unsure.append(sql)
        self._templates[sql] = _execution(name, sql.count("%s")).encode()
        return f"PREPARE {name} AS {_numbered(sql)}".encode()

    def _deserves(self, sql: str) -> bool:
        if self.given_up or not sql.startswith(("INSERT", "SELECT")) or " FROM " in sql:
            return False
        self._sent[sql] += 1
        return self._sent[sql] > AFTER

    def forget(self) -> None:
        """What was to be prepared may not have been: it will be, by another name."""
        for sql in self._unsure:
            self._templates.pop(sql, None)
        self._unsure.clear()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Raises ``NotPrepared`` if it does not work here, which has been given up then."""
        try:
            yield
        except DatabaseError as error:
            self.forget()
            if getattr(error.__cause__, "sqlstate", None) not in NOT_HERE or self.given_up:
                raise
            self.given_up = True
            self._templates.clear()
            raise NotPrepared("the database keeps no prepared statements") from error
        self._unsure.clear()  # PREPARE holds whatever becomes of the transaction


def _numbered(sql: str) -> str:
    """A statement with ``$1`` and so on in the place of each ``%s``."""
    first, *others = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))


def _execution(name: str, parameters: int) -> str:
    marks = ", ".join(["%s"] * parameters)
    return f"EXECUTE {name} ({marks})" if parameters else f"EXECUTE {name}"
