"""One way to speak SQL to the two databases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

Row = tuple[Any, ...]


@lru_cache(maxsize=512)
def _question_marks(sql: str) -> str:
    return sql.replace("%s", "?")


class Rows:
    """A database cursor that takes ``%s`` placeholders whatever its database."""

    def __init__(self, connection: Any) -> None:
        connection.ensure_connection()
        self.vendor: str = connection.vendor
        self._wrap = connection.wrap_database_errors
        self._cursor = connection.connection.cursor()

    def run(self, sql: str, *parameters: Any) -> int:
        """Carry out a statement and return how many rows it touched."""
        self._execute(sql, parameters)
        return int(self._cursor.rowcount)

    def one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row of the answer, or None."""
        self._execute(sql, parameters)
        row: Row | None = self._cursor.fetchone()
        return row

    def all(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of the answer."""
        self._execute(sql, parameters)
        return list(self._cursor.fetchall())

    def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        if self.vendor == "sqlite":
            sql = _question_marks(sql)
        with self._wrap:  # Django's exceptions, whatever the database
            self._cursor.execute(sql, parameters)
