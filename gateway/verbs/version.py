"""``gateway version``."""

from __future__ import annotations

import platform
from importlib import metadata

from gateway.verbs.output import print_json, print_line

DISTRIBUTION = "chat-gateway"


def version(*, json: bool) -> None:
    """Print the versions of the gateway and of Python."""
    ours = metadata.version(DISTRIBUTION)
    if json:
        print_json({"gateway": ours, "python": platform.python_version()})
    else:
        print_line(f"gateway {ours} (Python {platform.python_version()})")
