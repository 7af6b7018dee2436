"""``gateway config``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from gateway.config import load
from gateway.provenance import rows
from gateway.verbs.output import print_json, print_table, value_in_toml


def show(file: Path | None, *, json: bool) -> None:
    """Print every key, its value with secrets masked, and where it was found."""
    found = list(rows(load(file)))
    if json:
        print_json([asdict(row) for row in found])
    else:
        print_table([(row.key, value_in_toml(row.value), row.origin) for row in found])
