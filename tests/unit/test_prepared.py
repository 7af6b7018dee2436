"""Which statements are prepared, and by what names they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from django.db import DatabaseError

from gateway.ledger.prepared import AFTER, AT_MOST, NotPrepared, Prepared

INSERT = "INSERT INTO word (word, at) VALUES (%s, %s) RETURNING id"


@pytest.fixture
def prepared() -> Prepared:
    return Prepared().of("a session")


def sent(prepared: Prepared, sql: str, times: int = 1) -> Iterator[bytes]:
    """What goes to the server for a statement."""
    for _ in range(times):
        before = prepared.preparation(sql)
        if before is not None:
            yield before
        yield prepared.template(sql)


def used(prepared: Prepared, sql: str) -> None:
    """Send a statement as often as it takes, with success."""
    with prepared.sending():
        list(sent(prepared, sql, AFTER + 1))


def name(execution: bytes) -> bytes:
    return execution.split()[1]


def refuse(prepared: Prepared, error: type[psycopg.Error]) -> None:
    with prepared.sending():
        raise DatabaseError("no") from error("no")


def test_a_statement_is_sent_as_it_is_at_first(prepared: Prepared) -> None:
    assert list(sent(prepared, INSERT, AFTER)) == [INSERT.encode()] * AFTER


def test_a_statement_that_comes_often_is_prepared_once(prepared: Prepared) -> None:
    before, *names = list(sent(prepared, INSERT, AFTER + 3))[AFTER:]
    assert before.startswith(b"PREPARE " + name(names[0]) + b" AS INSERT")
    assert len(set(names)) == 1


def test_its_parameters_are_numbered(prepared: Prepared) -> None:
    before, execution = list(sent(prepared, INSERT, AFTER + 1))[AFTER:]
    assert before.endswith(b"VALUES ($1, $2) RETURNING id")
    assert execution.endswith(b"(%s, %s)")


def test_a_statement_without_parameters_has_no_brackets(prepared: Prepared) -> None:
    used(prepared, "SELECT lock()")
    assert b"(" not in prepared.template("SELECT lock()")


@pytest.mark.parametrize(
    "sql", ["UPDATE word SET at = %s", "SELECT 1 FROM word", "DELETE FROM word", "BEGIN"]
)
def test_a_statement_that_searches_a_table_is_not_prepared(prepared: Prepared, sql: str) -> None:
    used(prepared, sql)
    assert prepared.template(sql) == sql.encode()


def test_another_session_knows_nothing(prepared: Prepared) -> None:
    used(prepared, INSERT)
    assert prepared.of("another").template(INSERT) == INSERT.encode()


def test_the_same_session_knows_it_still(prepared: Prepared) -> None:
    used(prepared, INSERT)
    assert prepared.of("a session").template(INSERT).startswith(b"EXECUTE")


def test_what_was_not_sent_is_prepared_by_another_name(prepared: Prepared) -> None:
    former = list(sent(prepared, INSERT, AFTER + 1))[-1]
    prepared.forget()
    before, execution = sent(prepared, INSERT)
    assert before.startswith(b"PREPARE")
    assert name(execution) != name(former)


def test_what_was_sent_stays_prepared_when_the_transaction_does_not(prepared: Prepared) -> None:
    used(prepared, INSERT)
    prepared.forget()
    assert list(sent(prepared, INSERT)) == [prepared.template(INSERT)]


@pytest.mark.parametrize(
    "error", [psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement]
)
def test_a_server_that_knows_no_name_is_sent_none_any_more(
    prepared: Prepared, error: type[psycopg.Error]
) -> None:
    used(prepared, INSERT)
    with pytest.raises(NotPrepared):
        refuse(prepared, error)
    assert list(sent(prepared, INSERT, AFTER + 1)) == [INSERT.encode()] * (AFTER + 1)


def test_bad_data_is_no_reason_to_give_up(prepared: Prepared) -> None:
    used(prepared, INSERT)
    with pytest.raises(DatabaseError):
        refuse(prepared, psycopg.errors.NotNullViolation)
    assert prepared.template(INSERT).startswith(b"EXECUTE")


def test_a_statement_whose_preparation_failed_is_prepared_again(prepared: Prepared) -> None:
    with suppress(DatabaseError), prepared.sending():
        list(sent(prepared, INSERT, AFTER + 1))
        raise DatabaseError("no") from psycopg.errors.NotNullViolation("no")
    assert next(sent(prepared, INSERT)).startswith(b"PREPARE")


def test_there_are_no_more_than_a_session_may_have(prepared: Prepared) -> None:
    statements = [f"SELECT {number}" for number in range(AT_MOST + 1)]
    for sql in statements:
        used(prepared, sql)
    assert prepared.template(statements[-2]).startswith(b"EXECUTE")
    assert prepared.template(statements[-1]) == statements[-1].encode()


def test_a_statement_that_always_fails_is_not_prepared_for_ever(prepared: Prepared) -> None:
    used(prepared, INSERT)
    for _ in range(AT_MOST):
        with suppress(DatabaseError), prepared.sending():
            list(sent(prepared, "SELECT fails()", AFTER + 1))
            raise DatabaseError("no") from psycopg.errors.NotNullViolation("no")
    assert list(sent(prepared, "SELECT fails()")) == [b"SELECT fails()"]
    assert prepared.template(INSERT).startswith(b"EXECUTE")
