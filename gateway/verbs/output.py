"""How verbs print: tables for people, JSON for machines; both plain, with or without a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import typer


def print_line(line: str) -> None:
    """Print one line."""
    typer.echo(line)


def printable(words: str) -> str:
    """Words in one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def time_from_seconds(seconds: float) -> str:
    """A time since the epoch, as clocks here show it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def clock_from_seconds(seconds: float) -> str:
    """A time of today."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def value_in_toml(value: Any) -> str:
    """A value as one would write it in the configuration file."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {value_in_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_in_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return json.dumps("" if value is None else str(value), ensure_ascii=False)
