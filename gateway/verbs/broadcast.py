"""``gateway broadcast``: say something to all the members of a room, and watch it arrive."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from shlex import quote
from typing import Any
from unicodedata import east_asian_width

import typer

from gateway.config import load
from gateway.control import ask
from gateway.verbs.output import print_line
from gateway.verbs.queue import line_from_account
from gateway.vocabulary.errors import ConfigurationError, GatewayError

POLL_SECONDS = 0.5
"""How often the gateway is asked how far it is."""

WIDTH = 24
"""Characters of the bar."""


def broadcast(file: Path | None, room: str | None, text: str | None, watched: str | None) -> None:
    """Say something, or look at what was said before, until every member has it."""
    if (room is None or text is None) if watched is None else (room is not None):
        raise ConfigurationError("give a room and a text, or --watch with an id")
    socket = load(file).socket
    if watched is None:
        said = str(ask(socket, "broadcast", room=room, text=text))
    else:
        said = str(ask(socket, "progress", message=watched)["id"])
    try:
        if watched is None:
            print_line(f"{said}: said; to see how far it is: {_to_watch(said)}")
        found = _watched(socket, said)
    except (KeyboardInterrupt, GatewayError) as ended:
        _end_line()
        what = "it is on disk" if isinstance(ended, GatewayError) else "the gateway goes on"
        typer.echo(f"{what}; to see how far it is: {_to_watch(said)}", err=True)
        raise
    _print(found)


def _to_watch(said: str) -> str:
    return f"gateway broadcast --watch {quote(said)}"


def _watched(socket: Path, said: str) -> dict[str, Any]:
    """Look until everybody has it or will not get it."""
    while True:
        found: dict[str, Any] = ask(socket, "progress", message=said)
        if found["have"] + found["failed"] >= found["members"]:
            return found
        _draw(socket, found)
        time.sleep(POLL_SECONDS)


def _print(found: dict[str, Any]) -> None:
    _end_line()
    print_line(f"{found['id']}: {found['have']} of {found['members']} conversations have it")
    if found["failed"]:
        raise GatewayError(f"{found['failed']} will not get it; gateway dead list says why")


def _draw(socket: Path, found: dict[str, Any]) -> None:
    """Draw the bar over itself, and why it waits; without a terminal nothing is drawn."""
    if sys.stderr.isatty():
        why = _reasons(ask(socket, "queue"), found["accounts"], time.time())
        line = fitted(f"{bar(found)}  {why}".rstrip(), os.get_terminal_size(2).columns)
        typer.echo(f"\r\033[K{line}", nl=False, err=True)


def fitted(line: str, columns: int) -> str:
    """As much of a line as a terminal shows in one; 0 columns are a terminal that says nothing."""
    if not columns or _width(line) < columns:
        return line
    while line and _width(line) > columns - 2:
        line = line[:-1]
    return f"{line}…"


def _width(line: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in line)


def bar(found: dict[str, Any]) -> str:
    """How far a broadcast is: ``[######------]  7 of 20, 1 failed``."""
    done = found["have"] + found["failed"]
    filled = WIDTH * done // max(1, found["members"])
    failed = f", {found['failed']} failed" if found["failed"] else ""
    drawn = "#" * filled + "-" * (WIDTH - filled)
    return f"[{drawn}]  {found['have']} of {found['members']}{failed}"


def _reasons(queue: list[dict[str, Any]], accounts: list[str], now: float) -> str:
    lines = [line_from_account(line, now) for line in queue if line["account"] in accounts]
    return "; ".join(filter(None, lines))


def _end_line() -> None:
    if sys.stderr.isatty():
        typer.echo("\r\033[K", nl=False, err=True)
