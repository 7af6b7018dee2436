"""What waits, where, and what is known of why."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.delivery.switchboard import Switchboard
from gateway.ledger.models import WAITING
from gateway.ledger.queries import waiting
from gateway.ledger.rows import Row
from gateway.vocabulary.ids import account_of


class Queue:
    """The verb ``gateway queue``."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def verbs(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Every verb."""
        return {"queue": self.queue}

    async def queue(self) -> list[dict[str, Any]]:
        """Each account: how much waits there, since when, and what holds it up.

        Times are seconds since the epoch, None where there is nothing.
        """
        board = self._switchboard
        found = {account: _nothing(account) for account in board.ports}
        for row in await board.journal.read(waiting.unhandled_by_conversation):
            _count_unhandled(found, row)
        for row in await board.journal.read(waiting.held_by_name):
            _count_held(found, row)
        for row in await board.journal.read(waiting.queued_by_account):
            _count_queued(found, row)
        for line in found.values():
            line |= self._why(line["account"])
        return list(found.values())

    def _why(self, account: str) -> dict[str, Any]:
        board, now = self._switchboard, time.time()
        port, outbox = board.ports.get(account), board.outboxes.get(account)
        held = outbox.held if outbox is not None else None
        own = account in board.ports or board.leases.holds(account)
        return {
            "state": str(port.status.state) if port else "connected" if own else "not served",
            "detail": port.status.detail if port else "",
            "ledger": board.journal.away,
            "held_until": now + held.account if held and held.account else None,
            "held_chats": held.chats if held else 0,
            "held_chats_until": now + held.longest if held and held.longest else None,
        }


def _nothing(account: str) -> dict[str, Any]:
    return {"account": account, "unhandled": 0, "asked": 0, "queued": 0, "held": {}, "oldest": None}


def _count_unhandled(found: dict[str, dict[str, Any]], row: Row) -> None:
    """Who was asked something may take any time to answer, and holds nobody up."""
    conversation, state, count, at = row
    account = account_of(conversation)
    line = found.setdefault(account, _nothing(account))
    if state == WAITING:
        line["asked"] += count
    else:
        line["unhandled"] += count
        line["oldest"] = min(at, line["oldest"] or at)


def _count_held(found: dict[str, dict[str, Any]], row: Row) -> None:
    conversation, name, count, at = row
    account = account_of(conversation)
    line = found.setdefault(account, _nothing(account))
    line["held"][name] = count
    line["oldest"] = min(at, line["oldest"] or at)


def _count_queued(found: dict[str, dict[str, Any]], row: Row) -> None:
    account, count, at = row
    line = found.setdefault(account, _nothing(account))
    line["queued"] += count
    line["oldest"] = min(at, line["oldest"] or at)
