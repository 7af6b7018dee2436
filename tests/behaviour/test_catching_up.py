"""What a member is shown that was away: how much of it, in which order, and what it is told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.delivery import retention
from gateway.ledger.queries import append
from gateway.ledger.rows import Rows
from house import House

TELEGRAM = "telegram:default:-5"
XMPP = "xmpp:default:lobby@conference.example.org"
STREAM = "room:default:lobby"
DAY = 86_400.0
OPERATOR = {"id": "user:1", "name": "Op", "handle": None, "kind": "person", "private": None}


async def lobby(house: House, **settings: Any) -> House:
    """A room with two members that have heard something and sleep."""
    house.room("lobby", TELEGRAM, XMPP, **settings)
    await house.start(ChatConsumer.as_asgi())
    await house.settled()
    await house.board.rooms.tell("lobby", said("first"))
    await house.until(lambda: all(words(house, one) == ["first"] for one in (TELEGRAM, XMPP)))
    await house.sleeps()
    return house


def said(text: str) -> dict[str, Any]:
    return {"type": "room.message", "text": text, "author": OPERATOR, "origin": None}


async def unheard(house: House, *texts: str, days: float = 0.0, kind: str = "message") -> None:
    """Let things be said in the room, so long ago, of which no member hears yet."""
    at = time.time() - days * DAY

    def tell(rows: Rows) -> None:
        for text in texts:
            event = said(text) | {"type": f"room.{kind}", "at": at}
            append(rows, STREAM, f"lobby|{text}", event, at)

    await house.board.journal.write(tell)


def numbered(start: int, end: int) -> list[str]:
    return [f"message {number}" for number in range(start, end)]


def words(house: House, member: str) -> list[str]:
    """What a member was shown, without the name in front."""
    return [text.rpartition(": ")[2] for text in house.shown(member)]


async def caught_up(house: House) -> None:
    await house.board.look()
    members = (TELEGRAM, XMPP)
    await house.until(lambda: all("last" in words(house, one) for one in members))
    await house.settled()


async def test_within_the_bound_a_sleeper_is_shown_all_in_order(house: House) -> None:
    await lobby(house)
    await unheard(house, *numbered(0, 50), "last")
    await caught_up(house)
    assert words(house, XMPP) == words(house, TELEGRAM) == ["first", *numbered(0, 50), "last"]


async def test_beyond_the_bound_one_line_says_how_many_were_not_shown(house: House) -> None:
    await lobby(house, catch_up_messages=5)
    await unheard(house, *numbered(0, 300), "last")
    await caught_up(house)
    told = ["first", "(296 earlier messages were not shown)", *numbered(296, 300), "last"]
    assert words(house, XMPP) == words(house, TELEGRAM) == told


async def test_what_is_too_old_is_counted(house: House) -> None:
    await lobby(house)
    await unheard(house, *numbered(0, 7), days=2)
    await unheard(house, "last")
    await caught_up(house)
    told = ["first", "(7 earlier messages were not shown)", "last"]
    assert words(house, XMPP) == words(house, TELEGRAM) == told


async def test_what_is_no_message_is_not_counted(house: House) -> None:
    await lobby(house)
    await unheard(house, "message 0", days=2)
    await unheard(house, "join", "leave", days=2, kind="join")
    await unheard(house, "last")
    await caught_up(house)
    told = ["first", "(1 earlier message was not shown)", "last"]
    assert words(house, XMPP) == words(house, TELEGRAM) == told


async def test_of_nothing_nobody_is_told(house: House) -> None:
    await lobby(house)
    await unheard(house, "join", "leave", days=2, kind="join")
    await unheard(house, "last")
    await caught_up(house)
    assert words(house, XMPP) == words(house, TELEGRAM) == ["first", "last"]


@pytest.mark.parametrize("end", ["stop", "fall"])
async def test_the_line_is_said_once_over_a_restart(house: House, end: str) -> None:
    house.remembers = True
    await lobby(house, catch_up_messages=2)
    await unheard(house, *numbered(0, 5), "last")
    await caught_up(house)
    await getattr(house, end)()
    await house.start(ChatConsumer.as_asgi())
    await caught_up(house)
    told = ["first", "(4 earlier messages were not shown)", "message 4", "last"]
    assert words(house, XMPP) == words(house, TELEGRAM) == told


async def test_what_was_pruned_is_counted_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEEP", 1)
    await lobby(house)
    await unheard(house, *numbered(0, 7), days=40)
    await unheard(house, "message 7", "last")
    await retention.Retention(house.board.journal, 30, nothing).prune(time.time())
    await caught_up(house)
    told = ["first", "(7 earlier messages were not shown)", "message 7", "last"]
    assert words(house, XMPP) == words(house, TELEGRAM) == told


async def nothing(_before: float) -> int:
    return 0
