"""The directory that the gateway is started in, where people's own bots lie."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.vocabulary.errors import ConfigurationError

OUR_NAMES = ("gateway", "protocols", "consumers", "routing")
HOME = Path(__file__).resolve().parent.parent
"""What our own packages lie in."""


def enter(directory: Path) -> None:
    """Let modules of the directory be imported, after everything that is installed.

    Raises ``ConfigurationError`` if it holds a module with one of our names, which would be
    shadowed by ours, or (first on the path) shadow it.
    """
    guard_names(directory)
    here = str(directory.resolve())
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
    sys.path.append(here)


def guard_names(directory: Path) -> None:
    """Raise ``ConfigurationError`` if the directory holds a module with one of our names."""
    if directory.resolve() == HOME:
        return
    for name in OUR_NAMES:
        for found in (directory / f"{name}.py", directory / name):
            if _is_module(found):
                raise ConfigurationError(
                    f"{found} has the name of a module of the gateway's own; rename it"
                )


def _is_module(path: Path) -> bool:
    if path.is_dir():
        # Our own checkout, seen from outside, harms nobody.
        return path.resolve() != HOME and any(path.glob("*.py"))
    return path.is_file()
