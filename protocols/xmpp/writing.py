"""Showing that we write (XEP-0085), and that we stopped if nothing was said after all."""

from __future__ import annotations

import asyncio

from protocols.xmpp.link import Link
from protocols.xmpp.stanzas import stanza_from_state

STOPPED_SECONDS = 10.0
"""Who has said nothing so long after, has stopped writing."""


class Writing:
    """Where we are writing now."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[str, asyncio.TimerHandle] = {}

    def begin(self, place: str, *, to: str, kind: str) -> None:
        """We write; it is said once. Raises ``NotSent`` if it cannot be said."""
        stream = self._link.ready()
        if place in self._open:
            self._open[place].cancel()
        else:
            stream.say(stanza_from_state("composing", to=to, kind=kind))
        loop = asyncio.get_running_loop()
        self._open[place] = loop.call_later(STOPPED_SECONDS, self._stop, place, to, kind)

    def said(self, place: str) -> None:
        """What we wrote was said, and told by itself that we write no more."""
        timer = self._open.pop(place, None)
        if timer is not None:
            timer.cancel()

    def forget(self) -> None:
        """The connection is gone, and with it what others think of us."""
        for place in list(self._open):
            self.said(place)

    def _stop(self, place: str, to: str, kind: str) -> None:
        self._open.pop(place, None)
        stream = self._link.online()
        if stream is not None:
            stream.say(stanza_from_state("paused", to=to, kind=kind))
