"""The database's tables, made and changed at start: by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

from gateway.config import Config
from gateway.ledger import migrations, queries
from gateway.ledger.faults import in_one_line
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import StartError

logger = logging.getLogger(__name__)

POSTGRES_LOCK = 0x67617465
"""An advisory lock of PostgreSQL's, held while tables are changed."""


def migrate(config: Config) -> None:
    """Bring the tables up to date; raises ``StartError`` if the database cannot be used."""
    try:
        with _alone(config):
            if not _current():
                call_command("migrate", verbosity=0, interactive=False)
                queries.keep_note(Rows(connection), "gateway", "schema", _fingerprint())
    except DatabaseError as error:
        raise StartError(f"the database cannot be used: {in_one_line(error)}") from error
    finally:
        connection.close()


def _current() -> bool:
    """Whether the tables are those of this version; asking Django costs a third of a second."""
    try:
        return queries.note(Rows(connection), "gateway", "schema") == _fingerprint()
    except DatabaseError:  # no tables yet
        return False


def _fingerprint() -> str:
    files = sorted(path.name for path in Path(str(migrations.__file__)).parent.glob("0*.py"))
    return hashlib.sha256(repr((django.VERSION, files)).encode()).hexdigest()


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    if connection.vendor == "sqlite":
        with _file_locked(config.directory / "gateway.lock"):
            yield
    else:
        with _postgres_locked():
            yield


@contextmanager
def _postgres_locked() -> Iterator[None]:
    """Hold the lock by a transaction: a session's would stay with a pooler, which keeps that."""
    other = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        rows = Rows(other)
        rows.run("BEGIN")
        rows.run("SET LOCAL idle_in_transaction_session_timeout = 0")
        rows.run("SELECT pg_advisory_xact_lock(%s)", POSTGRES_LOCK)
        yield
    finally:
        other.close()


@contextmanager
def _file_locked(path: Path) -> Iterator[None]:
    try:
        file = path.open("a")
    except OSError as error:
        raise StartError(f"{path.parent} cannot be written: {error.strerror}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
