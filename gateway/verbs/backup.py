"""``gateway backup``: a copy of the ledger, of a running gateway or of one at rest."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from gateway.config import load
from gateway.sections import sqlite_path
from gateway.verbs.output import print_line
from gateway.vocabulary.errors import ConfigurationError, GatewayError

BUSY_SECONDS = 10.0
"""How long to wait for a gateway that is just making its tables."""


def backup(file: Path | None, target: Path, *, force: bool) -> None:
    """Copy the ledger to a file of its own (0600)."""
    config = load(file)
    if not config.database.startswith("sqlite:"):
        raise ConfigurationError(
            "the ledger is in PostgreSQL: back it up with pg_dump --format=custom, which copies a"
            " database that is in use"
        )
    ledger = Path(unquote(sqlite_path(config.database.partition("?")[0])))
    _check(ledger, target, force=force)
    with _draft(target, force=force) as draft:
        _copy(ledger, draft)
    print_line(f"{target} has the ledger; {target.stat().st_size} bytes")


def _check(ledger: Path, target: Path, *, force: bool) -> None:
    if not ledger.is_file():
        raise GatewayError(f"there is no ledger at {ledger}")
    if target.is_dir():
        raise GatewayError(f"{target} is a directory; name a file")
    if target.exists() and target.samefile(ledger):
        raise GatewayError(f"{target} is the ledger itself; name another file")
    if target.exists() and not force:
        raise GatewayError(_there_already(target))


def _there_already(target: Path) -> str:
    return f"{target} is there already; --force overwrites it"


@contextmanager
def _draft(target: Path, *, force: bool) -> Iterator[Path]:
    """A file beside the target that takes its place when it is whole, and on disk."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        try:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            yield draft
            _sync(draft)
            if force:
                draft.replace(target)
            else:
                os.link(draft, target)  # who comes first to a name has it
            _sync(target.absolute().parent)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise GatewayError(_there_already(target)) from None
    except (OSError, sqlite3.Error) as error:
        # Not the name of the draft, which nobody has asked for.
        why = getattr(error, "strerror", None) or error
        raise GatewayError(f"the ledger cannot be copied to {target}: {why}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(ledger: Path, draft: Path) -> None:
    """Copy in one step, in one read transaction.

    In the journal mode that the gateway uses (WAL) a reader holds up no writer, and what is
    written meanwhile does not make the copy begin anew.
    """
    # Not ``mode=ro``: what a crash left in the WAL could not be read then.
    source = f"file:{quote(str(ledger))}?mode=rw"
    with (
        closing(sqlite3.connect(source, uri=True, timeout=BUSY_SECONDS)) as reading,
        closing(sqlite3.connect(draft)) as writing,
    ):
        reading.backup(writing, pages=-1)
        _begin_other_logs(writing)
        # One file, that can be read on a medium that cannot be written.
        writing.execute("PRAGMA journal_mode=DELETE")
        found = writing.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is not whole: {found}")


def _begin_other_logs(copy: sqlite3.Connection) -> None:
    """Give each log another epoch: in the copy's place its numbers will mean other messages.

    A browser that saw what the copy lacks is shown the log anew, else it would miss as much of
    what is said then.
    """
    if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'gateway_stream'").fetchone():
        copy.execute("UPDATE gateway_stream SET epoch = lower(hex(randomblob(4)))")
        copy.commit()
