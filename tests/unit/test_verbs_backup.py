"""Copies of a ledger: whole, of one moment, for their owner only, and never over something."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cli import run


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ledger(directory: Path) -> Iterator[sqlite3.Connection]:
    """A ledger, as a running gateway has it open."""
    with closing(sqlite3.connect(directory / "gateway.sqlite3", isolation_level=None)) as open_:
        open_.execute("PRAGMA journal_mode=WAL")
        open_.execute("CREATE TABLE said (text)")
        open_.execute("INSERT INTO said VALUES ('one')")
        yield open_


def said(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as copy:
        return [text for (text,) in copy.execute("SELECT text FROM said")]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(["backup", *words])
    return code, capsys.readouterr().err


def test_a_copy_has_what_was_committed(ledger: sqlite3.Connection, directory: Path) -> None:
    assert run(["backup", "copy.sqlite3"]) == 0
    assert said(directory / "copy.sqlite3") == ["one"]


def test_a_copy_lacks_what_is_not_committed(ledger: sqlite3.Connection, directory: Path) -> None:
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("INSERT INTO said VALUES ('two')")
    assert run(["backup", "copy.sqlite3"]) == 0
    assert said(directory / "copy.sqlite3") == ["one"]


def test_a_ledger_at_rest_is_copied(ledger: sqlite3.Connection, directory: Path) -> None:
    ledger.close()
    assert run(["backup", "copy.sqlite3"]) == 0
    assert said(directory / "copy.sqlite3") == ["one"]


def test_a_copy_is_one_file_and_nothing_else_is_left(
    ledger: sqlite3.Connection, directory: Path
) -> None:
    before = {path.name for path in directory.iterdir()}
    run(["backup", "copy.sqlite3"])
    assert {path.name for path in directory.iterdir()} - before == {"copy.sqlite3"}


def test_a_copy_is_for_its_owner_only(ledger: sqlite3.Connection, directory: Path) -> None:
    run(["backup", "copy.sqlite3"])
    assert stat.S_IMODE((directory / "copy.sqlite3").stat().st_mode) == 0o600


def test_a_file_that_is_there_stays(
    ledger: sqlite3.Connection, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "copy.sqlite3").write_text("precious")
    code, error = refusal(capsys, "copy.sqlite3")
    assert (code, error) == (1, "copy.sqlite3 is there already; --force overwrites it\n")
    assert (directory / "copy.sqlite3").read_text() == "precious"


def test_a_file_that_is_there_is_overwritten_by_force(
    ledger: sqlite3.Connection, directory: Path
) -> None:
    (directory / "copy.sqlite3").write_text("precious")
    assert run(["backup", "copy.sqlite3", "--force"]) == 0
    assert said(directory / "copy.sqlite3") == ["one"]


def test_the_ledger_is_not_overwritten_by_itself(
    ledger: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = refusal(capsys, "gateway.sqlite3", "--force")
    assert (code, "is the ledger itself" in error) == (1, True)


def test_without_a_ledger_there_is_nothing_to_copy(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = refusal(capsys, "copy.sqlite3")
    assert (code, "there is no ledger at" in error) == (1, True)
    assert list(directory.iterdir()) == []


def test_a_place_that_is_not_there_is_said(
    ledger: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = refusal(capsys, "nowhere/copy.sqlite3")
    assert (code, error) == (
        1,
        "the ledger cannot be copied to nowhere/copy.sqlite3: No such file or directory\n",
    )


def test_a_directory_is_no_place(
    ledger: sqlite3.Connection, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = refusal(capsys, str(directory), "--force")
    assert (code, "name a file" in error) == (1, True)


def test_a_ledger_that_is_none_is_said(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "gateway.sqlite3").write_text("no database " * 100)
    code, error = refusal(capsys, "copy.sqlite3")
    assert (code, "cannot be copied" in error) == (1, True)
    assert not (directory / "copy.sqlite3").exists()


def test_with_postgresql_pg_dump_is_named(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "gateway.toml").write_text('database = "postgres://me:secret@localhost/chat"\n')
    code, error = refusal(capsys, "copy.sqlite3")
    assert (code, "pg_dump" in error, "secret" in error) == (2, True, False)
