"""``gateway dead``: what was set aside. Everything is asked of the running gateway."""

from __future__ import annotations

import json as text_of
import sys
from pathlib import Path
from typing import Any

import typer

from gateway.config import load
from gateway.control import ask
from gateway.verbs.output import (
    print_json,
    print_line,
    print_table,
    printable,
    time_from_seconds,
)
from gateway.vocabulary.errors import ConfigurationError, GatewayError

WIDTH = 100
"""Characters of an error in the table; ``dead show`` has all of it."""


def list_letters(file: Path | None, *, limit: int, json: bool) -> None:
    """Print what was set aside, the newest last."""
    letters = ask(load(file).socket, "dead_list", limit=limit)
    if json:
        print_json(letters)
    elif letters:
        print_table([_row(letter) for letter in letters])
    else:
        print_line("nothing was set aside")


def _row(letter: dict[str, Any]) -> tuple[str, ...]:
    place = letter["conversation"] or letter["account"]
    error = letter["error"] if len(letter["error"]) <= WIDTH else f"{letter['error'][:WIDTH]}…"
    cells = (letter["id"], time_from_seconds(letter["at"]), place, letter["kind"], error)
    return tuple(printable(cell) for cell in cells)


def show(file: Path | None, name: str, *, json: bool) -> None:
    """Print all of one letter."""
    letter = ask(load(file).socket, "dead_show", name=name)
    if json:
        print_json(letter)
        return
    event = letter.pop("event")
    letter["at"] = time_from_seconds(letter["at"])
    print_table([(key, printable(str(value or "-"))) for key, value in letter.items()])
    # Escaped, because what others wrote is shown in a terminal here.
    print_line(text_of.dumps(event, indent=2))


def retry(file: Path | None, names: list[str], *, everything: bool) -> None:
    """Try letters again."""
    chosen = _chosen(names, everything=everything)
    _told(ask(load(file).socket, "dead_retry", names=chosen), "tried again")


def drop(file: Path | None, names: list[str], *, everything: bool, sure: bool) -> None:
    """Let letters go for good."""
    chosen = _chosen(names, everything=everything)
    socket = load(file).socket
    if not sure:
        _confirm("everything that was set aside" if chosen is None else ", ".join(chosen))
    _told(ask(socket, "dead_drop", names=chosen), "dropped")


def _chosen(names: list[str], *, everything: bool) -> list[str] | None:
    if bool(names) == everything:
        raise ConfigurationError("name one or more ids, or give --all")
    return names or None


def _confirm(what: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"nobody is here to confirm it; add -y to drop {what}")
    typer.confirm(f"Drop {what} for good?", abort=True)


def _told(done: dict[str, Any], word: str) -> None:
    for name, why in done["why"]:
        typer.echo(f"{name}: {why}", err=True)
    print_line(f"{done['done']} {word}")
    if done["refused"]:
        raise GatewayError(f"{done['refused']} not {word}")
