"""The sockets of one web chat in this process.

One follower of the chat's log for all of them: an entry is rendered once and framed once, and the
same bytes go to every socket. A socket that comes in reads what it missed on its own and is let
into the crowd in a moment in which nothing was missed between the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.delivery.server import Entry, Port
from gateway.vocabulary.events import Author, Event
from protocols.websocket.outlets import Outlet
from protocols.websocket.translate import frame_from_entry, wire_from_frame

logger = logging.getLogger(__name__)

PRESENCE_SECONDS = 0.1
"""How long comings and goings are gathered before they are told; a thousand tabs come at once."""


class Crowd:
    """The sockets that are in, and how far the log has been shown to them."""

    def __init__(self, conversation: str, port: Port) -> None:
        self.conversation = conversation
        self.users = 0
        self._port = port
        self._head = 0
        self._outlets: dict[Outlet, Author] = {}
        self._ahead: dict[Outlet, int] = {}
        self._present: list[Author] = []
        self._presence: asyncio.TimerHandle | None = None
        self._unfollow = port.streams.follow(conversation, self._hear)

    def admit(self, outlet: Outlet, author: Author, seen: int) -> bool:
        """Let a socket in that was shown everything up to ``seen``, unless it is behind."""
        if seen < self._head:
            return False
        self._outlets[outlet] = author
        if seen > self._head:
            self._ahead[outlet] = seen
        self._changed()
        return True

    def dismiss(self, outlet: Outlet) -> None:
        """Let a socket go."""
        self._ahead.pop(outlet, None)
        if self._outlets.pop(outlet, None) is not None:
            self._changed()

    def show(self, frame: Event, *, but: Outlet | None = None, person: str | None = None) -> None:
        """Show a frame that is not of the log to everybody here, or to one person's sockets."""
        wire = wire_from_frame(frame)
        for outlet, author in tuple(self._outlets.items()):
            if outlet is not but and person in (None, author["id"]):
                _put(outlet, wire)

    def close(self) -> None:
        """Follow no more."""
        self._unfollow()
        self._tell()

    def _hear(self, entry: Entry) -> None:
        self._head = max(self._head, entry.seq)
        wire = wire_from_frame(frame_from_entry(entry, self._port.media.link))
        for outlet in self._audience(entry.seq) if self._ahead else tuple(self._outlets):
            _put(outlet, wire)

    def _audience(self, seq: int) -> list[Outlet]:
        """Those who have not read the entry themselves."""
        audience = [one for one in self._outlets if self._ahead.get(one, 0) < seq]
        self._ahead = {one: seen for one, seen in self._ahead.items() if seen > seq}
        return audience

    def _changed(self) -> None:
        if self._presence is None:
            loop = asyncio.get_running_loop()
            self._presence = loop.call_later(PRESENCE_SECONDS, self._tell)

    def _tell(self) -> None:
        if self._presence is not None:
            self._presence.cancel()
            self._presence = None
        people = list({author["id"]: author for author in self._outlets.values()}.values())
        if people != self._present:
            self._present = people
            self._port.present(self.conversation, people)


class Crowds:
    """The crowds of this process, each for as long as somebody is in it or on the way."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._crowds: dict[str, Crowd] = {}

    def find(self, conversation: str) -> Crowd | None:
        """The crowd of a chat, if there is one here."""
        return self._crowds.get(conversation)

    @contextmanager
    def enter(self, conversation: str) -> Iterator[Crowd]:
        """Be on the way into a crowd, or in it; the last to leave ends it."""
        crowd = self._crowds.get(conversation)
        if crowd is None:
            crowd = self._crowds[conversation] = Crowd(conversation, self._port)
        crowd.users += 1
        try:
            yield crowd
        finally:
            crowd.users -= 1
            if not crowd.users:
                del self._crowds[conversation]
                crowd.close()


def _put(outlet: Outlet, wire: bytes) -> None:
    try:
        outlet.put(wire)
    except Exception:
        logger.exception("a socket could not be written to; the others go on")
