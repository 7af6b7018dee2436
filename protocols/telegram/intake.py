"""From updates to the inbox: what polling and the webhook have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from gateway.delivery.server import Arrival, Port
from protocols.telegram.attendance import Attendance
from protocols.telegram.authors import Identity
from protocols.telegram.reading import Unreadable, stored
from protocols.telegram.topics import Topics, within
from protocols.telegram.translate import arrivals_from_update, migration_from_update

logger = logging.getLogger(__name__)


class Intake:
    """Takes updates in their order; what it has taken may be confirmed to Telegram."""

    def __init__(
        self,
        port: Port,
        us: Identity,
        topics: Topics | None = None,
        pressed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.port = port
        self.us = us
        self.topics = topics or Topics()
        self.pressed = pressed
        self._attendance = Attendance()

    async def take(self, updates: Sequence[Any]) -> None:
        """Record updates; returns once they are committed.

        Raises ``LedgerAway``. They may then be taken again as a whole: the inbox drops what it
        has, moving a chat twice is moving it once, and dead letters are written last.
        """
        arrivals: list[Arrival] = []
        dead: list[tuple[Any, str]] = []
        for update in updates:
            if move := migration_from_update(update, self.us):
                # What was said before the move belongs to the chat before the move.
                await self._accept(arrivals)
                arrivals = []
                await self._move(*move)
                continue
            try:
                arrivals += await self._arrivals(update)
            except Unreadable as error:
                dead.append((update, str(error)))
        await self._accept(arrivals)
        for update, reason in dead:
            await self._set_aside(update, reason)
        for update in updates:
            if query := query_id(update):
                self.pressed(query)

    async def _arrivals(self, update: Any) -> list[Arrival]:
        arrivals = arrivals_from_update(update, self.us)
        arrivals = [self.topics.placed(each) for each in arrivals if self._attendance.is_new(each)]
        for place, arrival in enumerate(arrivals):
            if is_somewhere_in_forum(update, arrival):
                # To a message of long ago, or from before the last start.
                topic = await self.port.topic_of(arrival.conversation, arrival.event["id"])
                arrivals[place] = within(arrival, topic) if topic else arrival
        return arrivals

    async def _accept(self, arrivals: list[Arrival]) -> None:
        if arrivals:
            await self.port.accept(arrivals)

    async def _move(self, old: str, new: str) -> None:
        logger.info("%s became a supergroup, %s", old, new)
        await self.port.move(old, new)

    async def _set_aside(self, update: Any, error: str) -> None:
        number = update_id(update)
        logger.warning("telegram:%s: update %s set aside: %s", self.us.account, number, error)
        await self.port.set_aside(None if number is None else str(number), stored(update), error)


def update_id(update: Any) -> int | None:
    """The number of an update, if it has one."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if type(number) is int else None


def is_somewhere_in_forum(update: Any, arrival: Arrival) -> bool:
    """Whether somebody reacted in a forum and nobody said in which topic."""
    if arrival.event["type"] != "telegram.reaction" or arrival.facts["thread"] is not None:
        return False
    return (update["message_reaction"].get("chat") or {}).get("is_forum") is True


def query_id(update: Any) -> str | None:
    """The callback query that an update brings, if it does."""
    query = update.get("callback_query") if isinstance(update, dict) else None
    found = query.get("id") if isinstance(query, dict) else None
    return found if isinstance(found, str) else None
