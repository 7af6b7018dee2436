"""``gateway serve``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway import logs, place, settings
from gateway.config import load
from gateway.provenance import secrets


def serve(file: Path | None, flags: Mapping[str, Any], *, verbosity: int) -> None:
    """Run the gateway until it is told to stop."""
    place.enter(Path.cwd())
    config = load(file, flags)
    logs.setup(secrets(config), verbosity=verbosity)
    settings.configure(config)
    # Its models can be imported only now that Django is set up.
    from gateway import runner

    runner.serve(config)
