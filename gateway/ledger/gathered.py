"""Statements that go to PostgreSQL together, and what it answered to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from gateway.ledger.prepared import Prepared

T = TypeVar("T")

AT_ONCE = 200
"""Statements that are sent together at most."""


class Answer(Generic[T]):
    """What a statement answered, as ``take`` finds it on the cursor, once it was sent."""

    __slots__ = ("found", "sent", "take")

    def __init__(self, take: Callable[[Any], T]) -> None:
        self.take = take
        self.sent = False
        self.found: T | None = None

    def arrive(self, cursor: Any) -> None:
        """It was sent, and this cursor has the answer."""
        self.found, self.sent = self.take(cursor), True


class Gathered:
    """Statements of one transaction that were not sent yet: nobody waits for their answers.

    They go with the next one that somebody does wait for. Each way there and back costs as much
    as several statements, and the interpreter's lock.
    """

    def __init__(self, session: Any, wrap: Any, prepared: Prepared) -> None:
        from psycopg.adapt import Transformer  # an extra, which is there if this is used

        self._session = session
        self._cursor = session.cursor()
        self._literal = Transformer(session).as_literal
        self._wrap = wrap
        self._prepared = prepared.of(session)
        self._statements: list[bytes] = []
        self._answers: list[Answer[Any] | None] = []

    def add(self, sql: str, parameters: Sequence[Any], answer: Answer[Any] | None = None) -> None:
        """Keep a statement, and where its answer goes if it matters."""
        preparation = self._prepared.preparation(sql)
        if preparation is not None:
            self._keep(preparation, None)
        with self._wrap:
            literals = tuple([self._literal(one) for one in parameters])
        self._keep(self._prepared.template(sql) % literals, answer)
        if len(self._statements) >= AT_ONCE:
            self.send()

    def _keep(self, statement: bytes, answer: Answer[Any] | None) -> None:
        self._statements.append(statement)
        self._answers.append(answer)

    def send(self) -> None:
        """Send them all, and take the answers."""
        if not self._statements:
            return
        statements, answers = self._statements, self._answers
        self._statements, self._answers = [], []
        with self._prepared.sending(), self._wrap:
            if any(answers):
                self._ask(b"; ".join(statements), answers)
            else:
                self._tell(b"; ".join(statements))

    def _ask(self, statements: bytes, answers: Sequence[Answer[Any] | None]) -> None:
        self._cursor.execute(statements)
        for answer in answers:
            if answer is not None:
                answer.arrive(self._cursor)
            self._cursor.nextset()

    def _tell(self, statements: bytes) -> None:
        """Send what nobody waits for an answer to: in one call of libpq, so that the thread needs
        the interpreter's lock once more, and not several times."""
        from psycopg.errors import OperationalError, error_from_result
        from psycopg.pq import ConnStatus, ExecStatus

        result = self._session.pgconn.exec_(statements)
        if result.status != ExecStatus.FATAL_ERROR:
            return
        error = error_from_result(result, self._session.info.encoding)
        if self._session.pgconn.status == ConnStatus.BAD and not error.sqlstate:
            raise OperationalError(str(error))  # the words are those of libpq, who lost it
        raise error

    def forget(self) -> None:
        """Drop what was not sent: the transaction is rolled back."""
        self._statements.clear()
        self._answers.clear()
        self._prepared.forget()
