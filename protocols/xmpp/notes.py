"""Where we stand in each archive, kept in the ledger: it moves only behind what was committed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gateway.delivery.server import Port
from gateway.vocabulary.errors import LedgerAway
from protocols.xmpp.past import Place, note_from_place, place_from_note

NOTE_EVERY = 1.0
"""Seconds between notes of how far live messages have come; what is read again is known by id."""
LEDGER_SECONDS = 1.0
"""Seconds before a ledger that is away is asked again."""


class Notes:
    """Keeps the places of archives, those of live messages now and then."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._moved: dict[str, Place | None] = {}
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()

    async def read(self, jid: str) -> Place | None:
        """The place in an archive, once the ledger can be read; None if there is none."""
        while True:
            try:
                return place_from_note(await self._port.noted(_name(jid)))
            except LedgerAway:
                await asyncio.sleep(LEDGER_SECONDS)

    def moved(self, jid: str, place: Place | None, *, urgent: bool = False) -> None:
        """Write it down soon, or at once if the next start would take nothing without it."""
        self._moved[jid] = place
        self._news.set()
        if urgent:
            self._urgent.set()

    def of(self, jid: str, place: Place) -> tuple[str, str]:
        """What goes with an arrival (``Arrival.note``): it proves the archive up to there."""
        self._moved.pop(jid, None)
        return _name(jid), note_from_place(place)

    async def write(self, jid: str, place: Place | None) -> None:
        """Write it down now, or soon if the ledger is away."""
        self._moved[jid] = place  # until it is written: who is in the midst of it may be stopped
        try:
            await self._port.note(_name(jid), note_from_place(place))
        except LedgerAway:
            self._news.set()
            return
        if jid in self._moved and self._moved[jid] is place:
            del self._moved[jid]

    async def write_all(self) -> None:
        """Write down how far live messages have come."""
        self._news.clear()
        for jid in list(self._moved):
            if jid in self._moved:  # and not written by somebody else meanwhile
                await self.write(jid, self._moved[jid])

    async def run(self) -> None:
        """Do so now and then, until cancelled."""
        while True:
            await self._news.wait()
            await self.write_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(NOTE_EVERY):
                    await self._urgent.wait()
            self._urgent.clear()


def _name(jid: str) -> str:
    return f"xmpp.archive {jid}"
