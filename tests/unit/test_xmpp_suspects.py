"""Messages over which the server may have ended the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from protocols.xmpp.suspects import Suspects


class Speakers:
    """Who speaks, and for how long."""

    def __init__(self, *blamed: str) -> None:
        self.suspects = Suspects()
        for name in blamed:
            self.suspects.blame(name)
        self.speaking: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def begin(self, name: str) -> asyncio.Task[None]:
        self.gates[name] = asyncio.Event()
        return asyncio.create_task(self._speak(name))

    async def _speak(self, name: str) -> None:
        async with self.suspects.turn(name):
            self.speaking.append(name)
            await self.gates[name].wait()
            self.speaking.remove(name)


async def turns() -> None:
    """Let everybody who may go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def spoken(
    first: str, second: str, *blamed: str, then: Callable[[Speakers], Awaitable[None]] | None = None
) -> list[str]:
    """Who speaks after the two began, and after ``then``."""
    speakers = Speakers(*blamed)
    tasks = []
    for name in (first, second):
        tasks.append(speakers.begin(name))
        await turns()
    if then is not None:
        await then(speakers)
    found = list(speakers.speaking)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def ends(speakers: Speakers) -> None:
    speakers.gates[speakers.speaking[0]].set()
    await turns()


async def test_everybody_else_speaks_side_by_side() -> None:
    assert await spoken("a", "b") == ["a", "b"]


async def test_a_suspect_waits_until_nobody_speaks() -> None:
    assert await spoken("a", "b", "b") == ["a"]


async def test_a_suspect_speaks_when_the_others_are_done() -> None:
    assert await spoken("a", "b", "b", then=ends) == ["b"]


async def test_nobody_speaks_beside_a_suspect() -> None:
    assert await spoken("a", "b", "a") == ["a"]


async def test_suspects_speak_one_by_one() -> None:
    assert await spoken("a", "b", "a", "b") == ["a"]


def test_who_was_there_once_is_not_guilty() -> None:
    suspects = Suspects()
    suspects.blame("a")
    assert not suspects.guilty("a")


def test_who_was_there_twice_is_guilty() -> None:
    suspects = Suspects()
    suspects.blame("a")
    suspects.blame("a")
    assert suspects.guilty("a")


def test_who_arrived_is_no_suspect_any_more() -> None:
    suspects = Suspects()
    suspects.blame("a")
    suspects.acquit("a")
    suspects.blame("a")
    assert not suspects.guilty("a")
