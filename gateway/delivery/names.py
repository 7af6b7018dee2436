"""The names that conversations had before their chats moved.

A Telegram group that becomes a supergroup has another id: its conversation has another key then,
and the old one still leads there, for operators, configurations and applications.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.vocabulary.events import Event


class Names:
    """Former and present names, in memory; chats move once in their life, if at all."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}

    def load(self, aliases: Iterable[tuple[Any, ...]]) -> None:
        """Take what the ledger has: former name and present name, the oldest first."""
        known, self._now = self._now, dict(aliases)
        for old, new in known.items():  # it may be on its way to the ledger
            self._now.setdefault(old, new)

    def keep(self, old: str, new: str) -> None:
        """A conversation has another name now; its former ones lead there."""
        self._now.pop(new, None)
        for name, now in self._now.items():
            if now == old:
                self._now[name] = new
        self._now.setdefault(old, new)

    def forget(self, old: str) -> None:
        """It did not get it."""
        self._now.pop(old, None)

    def now(self, conversation: str) -> str:
        """The present name of a conversation, whichever it is named by."""
        return self._now.get(conversation, conversation)

    def event(self, event: Event) -> Event:
        """An event of a room's log, said in a conversation under its present name."""
        if not self._now:
            return event
        changes: Event = {}
        if (origin := event.get("origin")) in self._now:
            changes["origin"] = self._now[origin]
        if reactions := event.get("reactions"):
            changes["reactions"] = [one | {"origin": self.now(one["origin"])} for one in reactions]
        return event | changes if changes else event

    def first(self, conversation: str) -> str:
        """The name that it began with: what it says is known by it, before the move and after."""
        if not self._now:
            return conversation
        now = self.now(conversation)
        return next((name for name, present in self._now.items() if present == now), now)
