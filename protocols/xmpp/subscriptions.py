"""Requests to see our presence (RFC 6121, section 3)."""

from __future__ import annotations

import time

from protocols.xmpp.link import Link
from protocols.xmpp.text import attribute_from_text

PER_HOUR = 100
"""Requests that are granted."""


class Subscriptions:
    """Lets people see that the bot is there; but not any number of them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._granted: list[float] = []

    def grant(self, jid: str) -> None:
        """Answer a request, if there were not too many."""
        now = time.monotonic()
        self._granted = [at for at in self._granted if now - at < 3600]
        if self._link.stream is None or len(self._granted) >= PER_HOUR:
            return
        self._granted.append(now)
        self._link.stream.say(f"<presence type='subscribed' to='{attribute_from_text(jid)}'/>")
