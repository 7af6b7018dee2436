"""``gateway check``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway import logs, place, settings
from gateway.config import load
from gateway.provenance import secrets
from gateway.verbs.output import print_json, print_line


def check(file: Path | None, flags: Mapping[str, Any], *, json: bool, verbosity: int) -> int:
    """Validate the configuration and try each login; 0 if all is well, else 1."""
    place.enter(Path.cwd())
    config = load(file, flags)
    logs.setup(secrets(config), verbosity=verbosity or -1)
    settings.configure(config)
    # Its models can be imported only now that Django is set up.
    from gateway import runner

    results = list(runner.check(config))
    if json:
        keys = ("account", "ok", "sentences")
        print_json([dict(zip(keys, result, strict=True)) for result in results])
    else:
        _print(results)
    return 0 if all(ok for _, ok, _ in results) else 1


def _print(results: list[tuple[str, bool, list[str]]]) -> None:
    for account, ok, sentences in results:
        print_line(f"{'✓' if ok else '✗'} {account}  {'; '.join(sentences)}".rstrip())
