"""What is done to a message later: after a restart, a fall, 100,000 others; or too soon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.ledger.rows import Rows
from gateway.vocabulary.ids import protocol_of, room_key
from gateway.vocabulary.text import utf16_units
from house import House
from stage import (
    EVE,
    HERE,
    SECOND,
    TELEGRAM,
    WEB,
    XMPP,
    Act,
    Silent,
    Stage,
    deletes,
    edits,
    open_room,
    perform,
    reacts,
    says,
)

MANY = 100_000
LONG = "All work and no play makes Jack a dull boy. " * 120
LONGER = LONG * 4
AT = pytest.mark.parametrize("here", HERE, ids=protocol_of)
Meanwhile = Callable[[Stage], Awaitable[None]]


async def shown(stage: Stage) -> None:
    """Wait until all that was said is shown everywhere."""
    await stage.seen()


async def restart(stage: Stage) -> None:
    await shown(stage)
    await stage.house.stop()
    await stage.house.start(Silent.as_asgi())


async def fall(stage: Stage) -> None:
    await shown(stage)
    await stage.house.fall()
    await stage.house.start(Silent.as_asgi())


async def many_others(stage: Stage) -> None:
    await shown(stage)
    await stage.house.settled()
    await stage.house.board.journal.write(_many)
    await stage.house.stop()
    await stage.house.start(Silent.as_asgi())


NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < %s)"
    " SELECT {} FROM n"
)


def _many(rows: Rows) -> None:
    """As many messages as 100,000, with a copy each in both groups of Telegram, all read."""
    stream = room_key("lobby")
    entry = NUMBERS.format("%s, i, 'many|' || i, %s, 1.0")
    rows.run(
        f"INSERT INTO gateway_entry (stream, seq, key, event, at) {entry}",
        *(MANY, stream, '{"type": "room.message", "text": "x"}'),
    )
    for where in (TELEGRAM, SECOND, XMPP):
        copy = NUMBERS.format("'lobby#' || i, %s, 'x' || i, 'person:bob', 1.0")
        rows.run(
            f"INSERT INTO gateway_copy (message, conversation, native, author, at) {copy}",
            *(MANY, where),
        )
    rows.run("UPDATE gateway_stream SET head = %s WHERE name = %s", MANY, stream)
    rows.run("UPDATE gateway_cursor SET position = %s WHERE stream = %s", MANY, stream)


MEANWHILE = pytest.mark.parametrize("meanwhile", [restart, fall, many_others])


@AT
@MEANWHILE
async def test_what_is_done_much_later_is_seen(
    house: House, here: str, meanwhile: Meanwhile
) -> None:
    stage = Stage(await open_room(house), here)
    before = [says("helo", origin_id="o"), says("mine", origin_id="p"), says("c"), says("d")]
    await perform(stage, before)
    await meanwhile(stage)
    later = [
        edits("o", "hello", origin_id="o"),
        edits(2, "hers", author=EVE),
        edits("p", "hers", origin_id="p", author=EVE),
        deletes(3),
        reacts(4, "👍"),
        says("yes", reply_to=4),
    ]
    await perform(stage, later)
    for there, lines in (await stage.seen()).items():
        expected = ["@ hello", "@ mine", "@ d  {👍}", "↳3 @ yes"]
        own = protocol_of(there) == "web"
        assert lines == [line.replace("@ ", "") if own else line for line in expected]


# Too soon


@AT
async def test_what_waits_to_be_sent_can_be_changed(house: House, here: str) -> None:
    stage = Stage(await open_room(house), here)
    for server in house.servers.values():
        server.gate.clear()
    await perform(stage, [says("helo"), says("oops"), edits(1, "hello"), deletes(2)])
    await house.settled()
    for server in house.servers.values():
        server.gate.set()
    for there, lines in (await stage.seen()).items():
        assert lines == ["hello" if there == WEB else "@ hello"]


@AT
@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (edits(1, "fine"), "<quote>Alice: fine</quote>\n@ yes"),
        (deletes(1), "@ yes"),
        (edits(1, "x", spans=[{"style": "spoiler", "start": 0, "end": 1}]), "Alice: █"),
    ],
)
async def test_what_was_taken_back_is_quoted_nowhere(
    house: House, here: str, act: Act, expected: str
) -> None:
    house.room("lobby", TELEGRAM, XMPP)
    await house.start(Silent.as_asgi())
    for member in (TELEGRAM, XMPP, WEB, SECOND):
        house.watch(member)
    stage = Stage(house, here)
    await perform(stage, [says("secret"), act])
    await house.settled()
    await house.board.rooms.link("lobby", SECOND)
    await perform(stage, [says("yes", reply_to=1)])
    (line,) = (await stage.seen())[SECOND]
    assert expected in line
    assert "secret" not in line


# Length

LENGTHS = {
    "stays": [says(LONG)],
    "is 20,000": [says(LONGER)],
    "grows": [says("x"), edits(1, LONG)],
    "shrinks": [says(LONGER), edits(1, LONG)],
    "shrinks and grows": [says(LONGER), edits(1, "x"), edits(1, LONG)],
    "grows, shrinks, grows": [says(LONG), edits(1, LONGER), edits(1, "x"), edits(1, LONG)],
}


@AT
@pytest.mark.parametrize("name", LENGTHS)
async def test_a_long_text_arrives_whole(house: House, here: str, name: str) -> None:
    stage = Stage(await open_room(house), here)
    await perform(stage, LENGTHS[name])
    for there, lines in (await stage.seen()).items():
        text = LONGER if name == "is 20,000" else LONG
        assert " ".join(lines).removeprefix("@ ").split() == text.split()
        limit = 4096 if protocol_of(there) == "telegram" else 60_000
        assert all(utf16_units(line) <= limit for line in lines)


@AT
async def test_a_long_text_goes_whole(house: House, here: str) -> None:
    stage = Stage(await open_room(house), here)
    await perform(stage, [says(LONGER), deletes(1)])
    assert list((await stage.seen()).values()) == [[], [], []]


@pytest.mark.parametrize("acts", [LENGTHS["grows"], LENGTHS["shrinks"], LENGTHS["is 20,000"]])
@pytest.mark.parametrize("parts", [0, 1])
async def test_a_fall_between_the_parts_of_a_text_loses_none(
    house: House, acts: list[Act], parts: int
) -> None:
    stage = Stage(await open_room(house), XMPP)
    await perform(stage, acts[:-1])
    await shown(stage)
    server = house.server(TELEGRAM)
    known = len(server.delivered)

    def stop_after(where: str, event: Any) -> None:
        if (
            where == TELEGRAM
            and len([1 for w, _ in server.delivered[known:] if w == where]) >= parts
        ):
            server.gate.clear()

    server.refuses = stop_after
    await perform(stage, acts[-1:])
    await server.until(lambda: not server.gate.is_set())
    await house.fall()
    await house.start(Silent.as_asgi())
    lines = (await stage.seen())[TELEGRAM]
    text = LONGER if acts is LENGTHS["is 20,000"] else LONG
    assert " ".join(lines).removeprefix("@ ").split() == text.split()
