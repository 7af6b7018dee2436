"""Being a member of one room, and the stanzas that begin and end it (XEP-0045).

Nothing here performs I/O.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from protocols.xmpp.features import CAPABILITIES
from protocols.xmpp.occupants import Room
from protocols.xmpp.settings import Bound
from protocols.xmpp.text import attribute_from_text, body_from_text

OVERLAP = 5
"""Seconds asked for once more; what was heard is known by its id."""

ACCEPT_DEFAULTS = (
    "<iq type='set' to='{to}' id='{id}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
    "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
)
"""Opens a room that our joining has made (XEP-0045, 10.1.2)."""


@dataclass(slots=True)
class Membership:
    """A room that we want to be in."""

    room: Room
    password: str | None = None
    invited: bool = False
    """A stranger asked us in; nobody configured it."""
    trouble: str = ""
    """Why we are not in it."""
    pause: float = 0.0
    """Seconds to stay away before the next try."""
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    removed: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Future[None] | None = None
    keeper: asyncio.Task[None] | None = None

    def out(self, trouble: str, pause: float) -> None:
        """We are not in the room."""
        self.room.leave()
        self.trouble, self.pause = trouble, pause
        self.entered.clear()
        self.removed.set()


def join_stanza(room: Room, password: str | None, now: float, bound: Bound) -> str:
    """Ask to come in, without what was said before we were ever there.

    Coming back to a room without an archive, we ask for what was said since: a server may put
    us out for a moment (Prosody does when a write fails at the moment of a cut).
    """
    to = attribute_from_text(f"{room.jid}/{room.nick}")
    since = "maxstanzas='0'"
    if room.heard_at is not None and not room.archived:
        seconds = min(int(now - room.heard_at), int(bound.seconds)) + OVERLAP
        since = f"seconds='{seconds}' maxstanzas='{bound.messages}'"
    secret = f"<password>{body_from_text(password)}</password>" if password else ""
    return (
        f"<presence to='{to}'><x xmlns='http://jabber.org/protocol/muc'>"
        f"<history {since}/>{secret}</x>{CAPABILITIES}</presence>"
    )


def leave_stanza(room: Room) -> str:
    """Go out of a room."""
    to = attribute_from_text(f"{room.jid}/{room.nick}")
    return f"<presence to='{to}' type='unavailable'/>"
