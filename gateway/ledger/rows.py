"""One way to speak SQL to the two databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar

Row = tuple[Any, ...]
T = TypeVar("T")

GATHERED = 200
"""Statements that are sent together at most."""


@lru_cache(maxsize=512)
def _question_marks(sql: str) -> str:
    return sql.replace("%s", "?")


class Later(Generic[T]):
    """What will be known once statements were sent; asking for it sends them."""

    __slots__ = ("value",)

    def __init__(self, value: Callable[[], T]) -> None:
        self.value = value


def known(found: T | Later[T]) -> T:
    """What an operation found, whether or not it left the asking to its caller."""
    return found.value() if isinstance(found, Later) else found


def together(parts: Sequence[T | Later[T]]) -> Later[list[T]]:
    """What several operations will have found: nothing is asked for one by one."""
    return Later(lambda: [known(part) for part in parts])


def id_from_row(row: Row | None) -> int | None:
    """The id that an insertion returned; None if it inserted nothing."""
    return None if row is None else int(row[0])


class Answer:
    """The first row that a statement answered, when it was sent."""

    __slots__ = ("row", "sent")

    def __init__(self) -> None:
        self.row: Row | None = None
        self.sent = False

    def take(self, row: Row | None) -> None:
        """It was sent, and this is what came."""
        self.row, self.sent = row, True


class Rows:
    """A database cursor that takes ``%s`` placeholders whatever its database.

    With ``gathers`` and on PostgreSQL, statements whose answer nobody waits for are kept, and
    sent with the next one that somebody does wait for: each way there and back costs as much as
    several statements, and the interpreter's lock.
    """

    def __init__(self, connection: Any, *, gathers: bool = False) -> None:
        connection.ensure_connection()
        self.vendor: str = connection.vendor
        self._wrap = connection.wrap_database_errors
        self._cursor = connection.connection.cursor()
        self._gathers = gathers and self.vendor == "postgresql"
        self._gathered: list[tuple[str, Answer | None]] = []
        self.asked: dict[str, Later[Any]] = {}
        """What need not be asked twice in one transaction, by name."""

    def run(self, sql: str, *parameters: Any) -> None:
        """Carry out a statement."""
        if self._gathers:
            self._gather(sql, parameters, None)
        else:
            self._execute(sql, parameters)

    def count(self, sql: str, *parameters: Any) -> int:
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

    def later(self, read: Callable[[Row | None], T], sql: str, *parameters: Any) -> Later[T]:
        """The first row of the answer, as ``read`` sees it, when somebody asks for it."""
        answer = Answer()
        if self._gathers:
            self._gather(sql, parameters, answer)
        else:
            answer.take(self.one(sql, *parameters))
        return Later(partial(self._read, answer, read))

    def _read(self, answer: Answer, read: Callable[[Row | None], T]) -> T:
        if not answer.sent:
            self.flush()
        return read(answer.row)

    def forget(self) -> None:
        """Drop what was gathered and not sent."""
        self._gathered.clear()

    def flush(self) -> None:
        """Send what was gathered."""
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        with self._wrap:
            self._cursor.execute("; ".join(sql for sql, _ in gathered))
            for _, answer in gathered:
                if answer is not None:
                    answer.take(self._cursor.fetchone())
                self._cursor.nextset()

    def _gather(self, sql: str, parameters: Sequence[Any], answer: Answer | None) -> None:
        with self._wrap:
            self._gathered.append((self._cursor.mogrify(sql, parameters), answer))
        if len(self._gathered) == GATHERED:
            self.flush()

    def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        self.flush()
        if self.vendor == "sqlite":
            sql = _question_marks(sql)
        with self._wrap:  # Django's exceptions, whatever the database
            self._cursor.execute(sql, parameters)
