"""While a real Prosody's archive is read, live messages are safe at once and told behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.delivery.server import Arrival
from people import Link, Person
from protocols.xmpp import catchup
from protocols.xmpp.reader import Reader
from test_xmpp_archive import (
    BOT,
    ROOM,
    Lives,
    lives,  # noqa: F401 (a fixture)
    numbered,
    prosody,  # noqa: F401 (a fixture)
    pytestmark,  # noqa: F401
    skipped_in,
    texts_in,
)
from test_xmpp_server import (
    ALICE,
    LOBBY,
    Bot,
    happens,
    link,  # noqa: F401 (a fixture)
    people,  # noqa: F401 (a fixture)
)

PAST = numbered(0, 3)


class Archives(asyncio.Event):
    """Archives whose answers come while it is set; they are as of then, or of when it was asked."""

    def __init__(self, *, as_of_then: bool = True) -> None:
        super().__init__()
        self.asked = 0
        self.set()
        self._as_of_then, self._page = as_of_then, Reader.page

    async def page(self, *given: Any, **named: Any) -> Any:
        """Answer, some time."""
        found = None if self._as_of_then else await self._page(*given, **named)
        self.asked += 1
        await self.wait()
        return found or await self._page(*given, **named)


@pytest.fixture
def archives(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Archives:
    """Those that all ask."""
    archives = Archives(as_of_then=getattr(request, "param", True))

    async def page(*given: Any, **named: Any) -> Any:
        return await archives.page(*given, **named)

    monkeypatch.setattr(Reader, "page", page)
    return archives


async def speak(alice: Person, *texts: str) -> None:
    """Say something in the room and in private; returns when both archives have it."""
    for text in texts:
        alice.say(BOT, text)
        alice.tell("lobby", text)
    await happens(lambda: alice.texts(by="alice")[-1:] == [texts[-1]])


async def waiting(
    lives: Lives,  # noqa: F811
    alice: Person,
    archives: Archives,
    **changes: Any,
) -> Bot:
    """One that came back, and in whose archives there are ``PAST`` and what was said since."""
    bot = await lives.first(alice, LOBBY, **changes)
    await bot.stop()
    await speak(alice, *PAST)
    archives.clear()
    archives.asked = 0
    again = await lives.begin(LOBBY, **changes)
    await happens(lambda: archives.asked == 2)
    await speak(alice, "live")
    # A server may keep private messages for us besides (offline), and bring them live.
    await happens(lambda: [one.event["text"] for one in again.port.waiting].count("live") == 2)
    return again


def told(bot: Bot) -> tuple[list[str], list[str]]:
    """What was told of the room and of the private chat."""
    return texts_in(bot, LOBBY), texts_in(bot, ALICE)


async def test_live_messages_are_acknowledged_and_told_behind_the_past(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    archives: Archives,
) -> None:
    again = await waiting(lives, await people("alice", "lobby"), archives)
    stream = again.server._link.stream
    assert stream is not None
    arrivals = stream.session.arrivals
    await happens(lambda: not arrivals._waiting)
    assert told(again) == (["first"], ["first"])
    archives.set()
    await happens(lambda: again.texts.count("live") == 2)
    assert told(again) == (["first", *PAST, "live"],) * 2


async def test_what_waited_over_a_crash_comes_before_what_was_said_meanwhile(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    archives: Archives,
    link: Link,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    await waiting(lives, alice, archives, port=link.port)
    await lives.crash(link)
    await speak(alice, "missed")
    archives.set()
    again = await lives.begin(LOBBY)
    await happens(lambda: again.texts.count("missed") == 2)
    await speak(alice, "new")
    await happens(lambda: again.texts.count("new") == 2)
    assert told(again) == (["first", *PAST, "live", "missed", "new"],) * 2


@pytest.mark.parametrize("archives", [False], indirect=True)
async def test_the_place_moves_behind_what_waited(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    archives: Archives,
) -> None:
    again = await waiting(lives, await people("alice", "lobby"), archives)
    archives.set()
    await happens(lambda: again.texts.count("live") == 2)
    [live] = [a for a in again.port.accepted if a.conversation == LOBBY][-1:]
    assert live.delivery is not None
    place = live.delivery.removeprefix(f"{ROOM} ")
    await happens(lambda: place in again.port.notes[f"xmpp.archive {ROOM}"])


async def test_what_waited_and_is_passed_over_is_told_to_nobody(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    archives: Archives,
) -> None:
    alice = await people("alice", "lobby")
    again = await waiting(lives, alice, archives, catch_up_messages=2)
    await speak(alice, "second", "third")
    archives.set()
    await happens(lambda: "third" in texts_in(again, LOBBY))
    await speak(alice, "new")
    await happens(lambda: again.texts.count("new") == 2)
    assert told(again) == (["first", "second", "third", "new"],) * 2
    assert skipped_in(again) == [len(PAST) + 1]


async def test_what_waits_in_a_room_that_is_left_is_told(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    archives: Archives,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.attendance.LINGER_SECONDS", 0.1)
    again = await waiting(lives, await people("alice", "lobby"), archives)
    await again.server.leave(LOBBY)
    await happens(lambda: "live" in texts_in(again, LOBBY))


async def test_what_waits_for_an_archive_that_nobody_reads_is_told_in_the_end(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catchup, "PATIENCE_SECONDS", 0.2)
    bot = await lives.first(await people("alice"))
    await bot.stop()
    heard: Arrival = bot.port.accepted[0]
    former = f"{catchup.BEHIND}former@rooms.example"
    bot.port.waiting.append(
        Arrival(heard.conversation, heard.facts, {**heard.event, "text": "late"}, None, former)
    )
    again = await lives.begin()
    await happens(lambda: "late" in again.texts)
