"""Tells people where they speak that what they said is not shown elsewhere in their room."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from gateway.delivery.manners import Seldom
from gateway.ledger.queries import Outgoing
from gateway.vocabulary.errors import LedgerAway
from gateway.vocabulary.events import kind_of
from gateway.vocabulary.ids import protocol_of
from gateway.vocabulary.words import name_in_text

if TYPE_CHECKING:
    from gateway.delivery.switchboard import Switchboard

logger = logging.getLogger(__name__)

SECONDS = 3_600.0
"""How seldom one conversation is told the same of another."""

PAUSE = 0.5
"""Seconds between two tries to say it while the ledger is away."""

WORDS = {"message": "not shown", "edit": "not changed", "delete": "not taken away"}
"""What people miss; a reaction that cannot be shown is not worth a line."""

ABOUT_FILES = ("too_large", "gone", "refused")
"""Codes that are about the file of a message that has one."""


class Notices:
    """The notices of one process."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._pace = Seldom(SECONDS)

    def wanted(self, row: Outgoing, code: str) -> bool:
        """Whether somebody elsewhere should hear that a row was refused; then they have."""
        origin = row.event.get("origin")
        kind = kind_of(row.event)
        if not origin or protocol_of(origin) == "room" or kind not in WORDS:
            return False
        if code == "not_found" and kind != "message":
            return False  # it was said before that chat came into the room
        return self._pace.allows(f"{origin} {row.conversation} {code}", time.monotonic())

    async def tell(self, row: Outgoing, code: str, detail: str) -> None:
        """Say so where it was said, as an answer to it, however long the ledger is away."""
        while True:
            try:
                return await self._tell(row, code, detail)
            except LedgerAway as error:
                logger.debug("conversation=%s a notice waits: %s", row.conversation, error)
                await asyncio.sleep(PAUSE)

    async def _tell(self, row: Outgoing, code: str, detail: str) -> None:
        facts = await self._switchboard.facts(row.conversation)
        place = name_in_text(facts["chat"]["title"] or facts["chat"]["id"])
        words = WORDS[kind_of(row.event)]
        if code in ABOUT_FILES and row.event.get("attachments"):
            words = f"the file is {words}"
        text = f"({words} in {place}, {protocol_of(row.conversation)}: {detail})"
        answered = row.event.get("message") or row.event.get("id")
        event = {"type": "chat.message", "text": text, "ref": f"refused-{row.id}"}
        await self._switchboard.conversations.record.said(
            row.event["origin"], None, 0, event | {"reply_to": answered}
        )
