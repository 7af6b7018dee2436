"""Where we stand in archives: what is being written when we stop is not lost."""

from __future__ import annotations

import asyncio

from gateway.testing.port import MemoryPort
from protocols.xmpp.notes import Notes
from protocols.xmpp.past import Place, note_from_place

ROOM = "lobby@rooms.example.org"
PLACE = Place("1", 1.0)


class SlowPort(MemoryPort):
    """Its ledger takes a note when it is let."""

    def __init__(self) -> None:
        super().__init__("xmpp:default")
        self.asked = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def note(self, name: str, value: str) -> None:
        self.asked.set()
        await self.goes_on.wait()
        await super().note(name, value)


async def test_a_place_is_written_at_the_end_though_the_end_came_amid_its_writing() -> None:
    port = SlowPort()
    notes = Notes(port)
    working = asyncio.create_task(notes.run())
    notes.moved(ROOM, PLACE, urgent=True)
    await asyncio.wait_for(port.asked.wait(), 20)
    ending = asyncio.create_task(notes.write_all())
    await asyncio.sleep(0)
    working.cancel()
    port.goes_on.set()
    await ending
    assert port.notes == {f"xmpp.archive {ROOM}": note_from_place(PLACE)}


async def test_an_archive_that_is_dropped_while_others_are_written_stays_dropped() -> None:
    port = SlowPort()
    notes = Notes(port)
    notes.moved("den@rooms.example.org", PLACE)
    notes.moved(ROOM, PLACE)
    writing = asyncio.create_task(notes.write_all())
    await asyncio.wait_for(port.asked.wait(), 20)
    notes.moved(ROOM, None)
    port.goes_on.set()
    await writing
    await notes.write_all()
    assert port.notes[f"xmpp.archive {ROOM}"] == note_from_place(None)


async def test_what_was_written_is_not_written_again() -> None:
    port = SlowPort()
    port.goes_on.set()
    notes = Notes(port)
    await notes.write(ROOM, PLACE)
    port.notes.clear()
    await notes.write_all()
    assert port.notes == {}


async def test_a_place_that_moved_amid_its_writing_is_written_later() -> None:
    port, later = SlowPort(), Place("2", 2.0)
    notes = Notes(port)
    writing = asyncio.create_task(notes.write(ROOM, PLACE))
    await asyncio.wait_for(port.asked.wait(), 20)
    notes.moved(ROOM, later)
    port.goes_on.set()
    await writing
    await notes.write_all()
    assert port.notes == {f"xmpp.archive {ROOM}": note_from_place(later)}
