"""One way to speak SQL to the two databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import attrgetter, methodcaller
from typing import Any, Generic, TypeVar

from gateway.ledger.gathered import Answer, Gathered
from gateway.ledger.prepared import Prepared

Row = tuple[Any, ...]
T = TypeVar("T")

_COUNT: Callable[[Any], int] = attrgetter("rowcount")
_ONE: Callable[[Any], Row | None] = methodcaller("fetchone")
_ALL: Callable[[Any], list[Row]] = methodcaller("fetchall")


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


class Rows:
    """A database cursor that takes ``%s`` placeholders whatever its database.

    With ``prepared`` and on PostgreSQL, statements are gathered until an answer is waited for.
    """

    def __init__(self, connection: Any, prepared: Prepared | None = None) -> None:
        connection.ensure_connection()
        self.vendor: str = connection.vendor
        self._wrap = connection.wrap_database_errors
        session = connection.connection
        self._cursor = session.cursor()
        self._gathered: Gathered | None = None
        if prepared is not None and self.vendor == "postgresql":
            self._gathered = Gathered(session, self._wrap, prepared)
        self.asked: dict[str, Later[Any]] = {}
        """What need not be asked twice in one transaction, by name."""

    def run(self, sql: str, *parameters: Any) -> None:
        """Carry out a statement."""
        if self._gathered is not None:
            self._gathered.add(sql, parameters)
        else:
            self._execute(sql, parameters)

    def count(self, sql: str, *parameters: Any) -> int:
        """Carry out a statement and return how many rows it touched."""
        return self._ask(_COUNT, sql, parameters)

    def one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row of the answer, or None."""
        return self._ask(_ONE, sql, parameters)

    def all(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of the answer."""
        return self._ask(_ALL, sql, parameters)

    def later(self, read: Callable[[Row | None], T], sql: str, *parameters: Any) -> Later[T]:
        """The first row of the answer, as ``read`` sees it, when somebody asks for it."""
        if self._gathered is None:
            return Later(partial(read, self.one(sql, *parameters)))
        answer = Answer(_ONE)
        self._gathered.add(sql, parameters, answer)
        return Later(lambda: read(self._found(answer)))

    def flush(self) -> None:
        """Send what was gathered."""
        if self._gathered is not None:
            self._gathered.send()

    def forget(self) -> None:
        """Drop what was gathered and not sent: the transaction is rolled back."""
        if self._gathered is not None:
            self._gathered.forget()

    def _ask(self, take: Callable[[Any], T], sql: str, parameters: Sequence[Any]) -> T:
        if self._gathered is None:
            self._execute(sql, parameters)
            return take(self._cursor)
        answer = Answer(take)
        self._gathered.add(sql, parameters, answer)
        return self._found(answer)

    def _found(self, answer: Answer[T]) -> T:
        if not answer.sent:
            self.flush()
        return answer.found  # type: ignore[return-value]  # it was sent

    def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        if self.vendor == "sqlite":
            sql = _question_marks(sql)
        with self._wrap:  # Django's exceptions, whatever the database
            self._cursor.execute(sql, parameters)
