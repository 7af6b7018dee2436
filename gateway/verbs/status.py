"""``gateway status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.config import load
from gateway.control import ask
from gateway.verbs.output import print_json, print_line, print_table, printable, value_in_toml


def status(file: Path | None, *, json: bool) -> None:
    """Print the state of each account, and whatever else the gateway says of itself."""
    found = ask(load(file).socket, "status")
    if json:
        print_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    accounts = found.get("accounts", ())
    if accounts:
        print_table([cells_from_account(account) for account in accounts])
    for key, value in found.items():
        if key != "accounts":
            print_line(f"{key}: {value if isinstance(value, str) else value_in_toml(value)}")


def cells_from_account(account: dict[str, Any]) -> tuple[str, str, str]:
    """What is said of an account: its name and state, what is past and still of interest."""
    detail, error = account.get("detail", ""), account.get("error", "")
    past = f"last error: {error}" if error and error != detail else ""
    fate = f"sends of unknown fate: {count}" if (count := account.get("unknown")) else ""
    said = "; ".join(filter(None, (detail, past, fate)))
    return str(account["account"]), str(account["state"]), printable(said)
