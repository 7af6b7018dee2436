"""What is answered to those who write to a puppet: it only speaks for somebody."""

from __future__ import annotations

import time
from collections import OrderedDict
from xml.etree.ElementTree import Element

from protocols.xmpp.component.address import sent_from
from protocols.xmpp.elements import BODY
from protocols.xmpp.link import Link
from protocols.xmpp.text import attribute_from_text

SENTENCE = (
    "This is a bridge: whom you write to is on another network, and is not told what you say "
    "here. Write in the room."
)
AGAIN_SECONDS = 3600.0
"""Before the same person is told again."""
TOLD = 1000
"""People of whom we know that they were told."""


class Courtesy:
    """Tells everybody once in a while; two machines never talk to each other for long."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._told: OrderedDict[str, float] = OrderedDict()

    def answer(self, stanza: Element) -> None:
        """Answer a private message, if it is one."""
        sender, to = stanza.get("from", ""), stanza.get("to", "")
        if stanza.get("type", "normal") not in ("chat", "normal") or stanza.find(BODY) is None:
            return
        if self._knows(sender):
            return
        message = (
            f"<message to='{attribute_from_text(sender)}' type='chat'><body>{SENTENCE}</body>"
            "<no-store xmlns='urn:xmpp:hints'/></message>"
        )
        if (stream := self._link.online()) is not None:
            stream.say(sent_from(message, to))

    def _knows(self, sender: str) -> bool:
        now = time.monotonic()
        known = now - self._told.get(sender, -AGAIN_SECONDS) < AGAIN_SECONDS
        if not known:
            self._told[sender] = now
            self._told.move_to_end(sender)
        if len(self._told) > TOLD:
            self._told.popitem(last=False)
        return known
