"""``gateway send``."""

from __future__ import annotations

from pathlib import Path

from gateway.config import load
from gateway.control import ask


def send(file: Path | None, to: str, text: str) -> None:
    """Say something; returns when it is recorded."""
    ask(load(file).socket, "send", to=to, text=text)
