"""Showing who of the people elsewhere writes (XEP-0085), and that they stopped."""

from __future__ import annotations

import asyncio

from protocols.xmpp.component.puppet import Puppet
from protocols.xmpp.link import Link
from protocols.xmpp.stanzas import State, stanza_from_state
from protocols.xmpp.writing import STOPPED_SECONDS


class Typists:
    """Who writes now; only puppets that are in their rooms anyway."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[Puppet, asyncio.TimerHandle] = {}

    def begin(self, puppet: Puppet) -> None:
        """Somebody writes; it is said once."""
        if puppet in self._open:
            self._open[puppet].cancel()
        else:
            self._say(puppet, "composing")
        loop = asyncio.get_running_loop()
        self._open[puppet] = loop.call_later(STOPPED_SECONDS, self._stop, puppet)

    def said(self, puppet: Puppet) -> None:
        """It was said, and told by itself that they write no more."""
        timer = self._open.pop(puppet, None)
        if timer is not None:
            timer.cancel()

    def forget(self) -> None:
        """The connection is gone, and with it what others think."""
        for puppet in list(self._open):
            self.said(puppet)

    def _stop(self, puppet: Puppet) -> None:
        self._open.pop(puppet, None)
        if puppet.joined:
            self._say(puppet, "paused")

    def _say(self, puppet: Puppet, state: State) -> None:
        stream = self._link.online()
        if stream is not None:
            to, sender = puppet.room, puppet.jid
            stream.say(stanza_from_state(state, to=to, kind="groupchat", sender=sender))
