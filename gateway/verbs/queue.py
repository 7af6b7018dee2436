"""``gateway queue``: what waits, where, and why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from gateway.config import load
from gateway.control import ask
from gateway.verbs.output import clock_from_seconds, print_json, print_line, printable

WELL = ("connected", "degraded")
"""States in which an account sends and receives."""

ON_ITS_WAY = "on its way"

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def queue(file: Path | None, *, json: bool) -> None:
    """Print a line for each account where something waits."""
    found = ask(load(file).socket, "queue")
    if json:
        print_json(found)
        return
    for line in lines_from_queue(found, time.time()):
        print_line(line)


def lines_from_queue(found: list[dict[str, Any]], now: float) -> list[str]:
    """A line for each account where something waits, or one that says why there is none."""
    if lines := [line for account in found if (line := line_from_account(account, now))]:
        return lines
    away = next((account["ledger"] for account in found if account["ledger"]), "")
    return [f"nothing is taken in: the ledger is away: {away}" if away else "nothing waits"]


def line_from_account(found: dict[str, Any], now: float) -> str:
    """What waits at an account, and why, as of ``now``; empty if nothing does."""
    counts = [
        f"{found[key]} {word}"
        for key, word in (("queued", "queued"), ("unhandled", "to be handled"))
        if found[key]
    ]
    held = [_held(name, count) for name, count in found["held"].items()]
    if not counts and not held:
        return ""
    why = reason(found)
    if why != ON_ITS_WAY or counts:
        counts.append(why)
    age = f" (oldest: {duration_from_seconds(now - found['oldest'])})"
    return printable(f"{_name(found['account'])}: {', '.join([*counts, *held])}{age}")


def _held(name: str, count: int) -> str:
    """What waits behind something, which bears its name in words."""
    return f"{count} arrivals wait for {name}" if count > 1 else f"1 arrival waits for {name}"


def reason(found: dict[str, Any]) -> str:
    """Why something waits at an account."""
    if found["ledger"]:
        return f"the ledger is away: {found['ledger']}"
    if found["state"] not in WELL:
        return ": ".join(filter(None, (found["state"], found["detail"])))
    if found["queued"] and found["held_until"]:
        return f"flood limit until {clock_from_seconds(found['held_until'])}"
    if found["queued"] and found["held_chats"]:
        chats = "1 chat" if found["held_chats"] == 1 else f"{found['held_chats']} chats"
        return f"flood limit of {chats} until {clock_from_seconds(found['held_chats_until'])}"
    return ON_ITS_WAY


def _name(account: str) -> str:
    protocol, _, name = account.partition(":")
    return protocol if name == "default" else f"{protocol}.{name}"


def duration_from_seconds(seconds: float) -> str:
    """A duration in its largest unit: ``4 min``."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"
