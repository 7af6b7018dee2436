"""Long polling: the offset of getUpdates is the acknowledgement.

So the next request, which confirms, is sent only when what came is on disk. Nothing ends the
loop but refused credentials: whatever else happens it says so, waits, and asks again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from telegram.error import TelegramError

from gateway.delivery.status import State, Status
from gateway.vocabulary.errors import LedgerAway
from protocols.telegram.intake import Intake, update_id
from protocols.telegram.outcomes import login_error_from
from protocols.telegram.request import AnswerLost, ApiError
from protocols.telegram.translate import ALLOWED_UPDATES

logger = logging.getLogger(__name__)

BATCH = 100

Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long polling waits, in seconds."""

    poll: float = 25
    """One long poll. There are servers and proxies that cut at less than 40."""
    answer: float = 10
    """Beyond that, before the poll is given up: the watchdog."""
    shortest: float = 0.1
    longest: float = 15
    rival: float = 3
    """The least, where another program polls with our token."""

    def pause(self, away: float) -> float:
        """The wait before the next try, ``away`` seconds after the last good answer.

        In proportion, so that a short outage is over at once and a long one costs little;
        jittered, so that many bots do not come back at the same moment.
        """
        return min(self.longest, max(self.shortest, away / 12)) * random.uniform(0.5, 1)


class Poller:
    """Asks for updates and hands them on, until cancelled or refused."""

    def __init__(
        self,
        call: Call,
        intake: Intake,
        status: Status,
        detail: str,
        state: State,
        patience: Patience,
    ) -> None:
        self.call = call
        self.intake = intake
        self.status = status
        self.detail = detail
        self.state = state
        self.patience = patience
        self.offset: int | None = None
        self.last_good = monotonic()
        self._trouble_at: float | None = None
        self._waiting = False

    async def run(self) -> None:
        """Poll for ever; raises ``CredentialsRefused``."""
        while True:
            try:
                updates = await self._updates()
            except TelegramError as error:
                await self._recover(error)
            else:
                self._well()
                await self._take(updates)

    async def _updates(self) -> list[Any]:
        # After trouble the first poll does not wait, so that the status is soon true again.
        seconds = self.patience.poll if self._waiting else 0
        parameters = {
            "offset": self.offset,
            "limit": BATCH,
            "timeout": int(seconds),
            "allowed_updates": ALLOWED_UPDATES,
        }
        updates = await self.call("getUpdates", parameters, seconds=seconds + self.patience.answer)
        if not isinstance(updates, list) or (updates and _highest(updates) is None):
            raise AnswerLost("no answer (200, but no list of updates)")
        return updates

    def _well(self) -> None:
        self.last_good = monotonic()
        self._trouble_at = None
        self._waiting = True
        self.status.set(self.state, self.detail)

    async def _take(self, updates: list[Any]) -> None:
        """Record a batch, however long that takes, and only then move the offset."""
        if not updates:
            return
        while True:
            try:
                await self.intake.take(updates)
                break
            except LedgerAway as error:
                self.status.set(State.DEGRADED, "the ledger is away", error=str(error))
                await asyncio.sleep(self.patience.pause(monotonic() - self.last_good))
        self.offset = (_highest(updates) or 0) + 1
        self.status.set(self.state, self.detail)

    async def _recover(self, error: TelegramError) -> None:
        self._waiting = False
        self._trouble_at = self._trouble_at or monotonic()
        if isinstance(error, ApiError) and error.credentials:
            raise login_error_from(error)
        away = monotonic() - self._trouble_at
        logger.info("%s: getUpdates: %s (%.1f s away)", self.status.account, error, away)
        least = await self._least_pause(error)
        await asyncio.sleep(max(least, self.patience.pause(away)))

    async def _least_pause(self, error: TelegramError) -> float:
        """Say what is the matter, and how long it lasts at least."""
        if isinstance(error, ApiError) and error.code == 409:
            await self._share(error)
            return self.patience.rival * random.uniform(1, 2)
        self.status.set(State.RECONNECTING, "Telegram cannot be reached", error=str(error))
        return float(error.retry_after or 0) if isinstance(error, ApiError) else 0.0

    async def _share(self, error: ApiError) -> None:
        """Somebody else wants the updates: a program that polls too, or a webhook."""
        if "webhook" in error.description:
            detail = "a webhook was set for this bot; taking it away"
            await self._drop_webhook()
        else:
            detail = "another program polls with this token"
        logger.warning("%s: %s", self.status.account, detail)
        self.status.set(State.ELSEWHERE, detail, error=str(error))

    async def _drop_webhook(self) -> None:
        try:
            await self.call("deleteWebhook", {"drop_pending_updates": False})
        except TelegramError as error:
            logger.info("%s: deleteWebhook: %s", self.status.account, error)


def _highest(updates: list[Any]) -> int | None:
    return max(
        (number for update in updates if (number := update_id(update)) is not None), default=None
    )
