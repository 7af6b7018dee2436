"""The switchboard that runs in this process, for views and consumers that Django calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.delivery.switchboard import Switchboard

_running: list[Switchboard] = []


def current() -> Switchboard | None:
    """What runs here; None in a process that serves nothing."""
    return _running[-1] if _running else None


def use(switchboard: Switchboard | None) -> None:
    """Say what runs here."""
    _running[:] = [] if switchboard is None else [switchboard]
