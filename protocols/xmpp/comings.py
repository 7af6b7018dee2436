"""Who came into our rooms and who went, told once it is sure that they did."""

from __future__ import annotations

import asyncio
from typing import Literal

from gateway.delivery.server import Port
from protocols.xmpp.identity import Identity, author_from_occupant
from protocols.xmpp.occupants import Change, Occupant, Room

SURE_SECONDS = 5.0
"""Who comes back within this time was never away: telephones lose their connection."""
AT_ONCE = 50
"""Changes of one room that wait; of more than that nothing is told (a network fell apart)."""

Kind = Literal["join", "leave"]


class Comings:
    """Passes ``join`` and ``leave`` on, best effort."""

    def __init__(self, us: Identity, port: Port) -> None:
        self._us = us
        self._port = port
        self._waiting: dict[str, dict[str, tuple[Kind, asyncio.TimerHandle]]] = {}

    def changed(self, change: Change, person: Occupant, room: Room) -> None:
        """Somebody came or went, as it seems."""
        kind: Kind = "join" if change is Change.CAME else "leave"
        waiting = self._waiting.setdefault(room.jid, {})
        if person.place in waiting:
            before, timer = waiting.pop(person.place)
            timer.cancel()
            if before != kind:
                return
        if len(waiting) < AT_ONCE:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(SURE_SECONDS, self._tell, kind, person, room)
            waiting[person.place] = (kind, timer)

    def forget(self, room: str) -> None:
        """We are not in a room any more: nobody knows who is."""
        for _, timer in self._waiting.pop(room, {}).values():
            timer.cancel()

    def _tell(self, kind: Kind, person: Occupant, room: Room) -> None:
        self._waiting[room.jid].pop(person.place, None)
        author = author_from_occupant(person, self._us, room)
        event = {"type": f"xmpp.{kind}", "author": author}
        self._port.pass_on(self._us.key(room.jid), event)
