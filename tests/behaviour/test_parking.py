"""``unknown = "park"``: what the network may have is not sent again, whatever happened to us."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.delivery import outbox
from gateway.delivery.leases import Leases
from gateway.ledger import queries
from gateway.ledger.models import QUEUED, UNKNOWN
from gateway.ledger.queries.dead import queue_again
from gateway.ledger.queries.outbox import LEAVING, PARKED
from gateway.vocabulary.errors import Delayed, NotSent, Refused, Uncertain
from gateway.vocabulary.events import Event
from house import PATIENCE, House, writing

ACCOUNT = "telegram:default"
PERSON = f"{ACCOUNT}:7"
ROW = "SELECT id FROM gateway_outbox"


class Silent(ChatConsumer):
    """Says nothing by itself."""


async def begin(house: House, *, park: bool = True) -> None:
    house.resend_unknown = not park
    await house.start(Silent.as_asgi())
    house.watch(PERSON)


async def say(house: House, *texts: str) -> None:
    """Queue sends that no event is the cause of."""
    for text in texts:
        event = {"type": "chat.message", "text": text}
        await house.board.conversations.record.said(PERSON, None, 0, event)


async def leaves(house: House, text: str) -> None:
    """Say something that the network has, or has not: it never answers."""
    house.server(PERSON).gate.clear()
    await say(house, text)
    await until_row(house, "error = %s", LEAVING)


async def until_row(house: House, condition: str, *parameters: Any) -> Any:
    """Wait until there is such a row; its id."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await house.rows(f"{ROW} WHERE {condition}", *parameters)):
            pass
    return found[0]


async def loses_its_home(house: House) -> Leases:
    """Another process takes the account from one that hangs for a moment."""
    leases = house.board.leases
    usual, leases.seconds = leases.seconds, 0.0
    await leases.renew()
    leases.seconds = usual
    rival = Leases(house.board.journal)
    await rival.want({ACCOUNT})
    assert (rival.holds(ACCOUNT), leases.holds(ACCOUNT)) == (True, False)
    return rival


async def set_aside(house: House) -> list[Any]:
    return await house.rows(
        "SELECT state, error FROM gateway_outbox WHERE error IS NOT NULL ORDER BY id"
    )


@pytest.mark.parametrize("end", ["fall", "die"])
async def test_what_was_on_its_way_at_the_end_of_a_process_is_set_aside(
    house: House, end: str
) -> None:
    await begin(house)
    await leaves(house, "may be there")
    await say(house, "behind it")
    await getattr(house, end)()
    await begin(house)
    assert await house.shows(PERSON, 1) == ["behind it"]
    assert await set_aside(house) == [(UNKNOWN, PARKED)]


async def test_by_default_what_was_on_its_way_is_sent_again(house: House) -> None:
    await begin(house, park=False)
    house.server(PERSON).gate.clear()
    await say(house, "may be there")
    await house.until(lambda: house.board.outboxes[ACCOUNT].waiting == 1)
    await house.die()
    await begin(house, park=False)
    assert await house.shows(PERSON, 1) == ["may be there"]


@pytest.mark.parametrize("fault", [NotSent("no line"), Delayed("not now", seconds=600)])
async def test_what_was_certainly_not_sent_is_sent_by_the_next_process(
    house: House, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PAUSE", 600)  # this process does not come to a second try
    await begin(house)
    house.server(PERSON).faults = [fault]
    await say(house, "not there")
    await house.until(lambda: not house.server(PERSON).faults)
    await until_row(house, "error IS NULL")
    await house.die()
    await begin(house)
    assert await house.shows(PERSON, 1) == ["not there"]


@pytest.mark.parametrize("fault", [Refused("blocked", "go away"), Uncertain("the line broke")])
async def test_what_met_its_fate_before_the_end_keeps_it(house: House, fault: Exception) -> None:
    await begin(house)
    house.server(PERSON).faults = [fault]
    await say(house, "not there", "there")
    await house.shows(PERSON, 1)
    before = await set_aside(house)
    await house.die()
    await begin(house)
    assert (len(before), await set_aside(house)) == (1, before)


async def test_what_was_said_is_done_with(house: House) -> None:
    await begin(house)
    await say(house, "one", "two")
    await house.shows(PERSON, 2)
    await house.until(lambda: house.board.outboxes[ACCOUNT].waiting == 0)
    await house.die()
    await begin(house)
    assert (await set_aside(house), house.shown(PERSON)) == ([], [])


async def test_of_several_parts_a_person_has_those_sent_that_are_missing(house: House) -> None:
    await begin(house)
    server, text = house.server(PERSON), " ".join(map(str, range(1_200)))  # two messages
    await say(house, text)
    (first,) = await server.wait_for(PERSON, 1)
    server.gate.clear()
    await until_row(house, "parts = 1 AND error = %s", LEAVING)
    await house.die()
    await begin(house)
    (number,) = await until_row(house, "parts = 1 AND state = %s", UNKNOWN)
    await house.board.journal.write(partial(queue_again, name=f"o{number}"))
    await house.board.outboxes[ACCOUNT].look()
    (rest,) = await house.shows(PERSON, 1)
    assert first + rest == text


async def test_what_never_left_because_the_process_ended_is_sent_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # here we do hold up the loop
    await begin(house)
    await say(house, "not there")
    outbox = house.board.outboxes[ACCOUNT]
    with writing(house.ledger):
        await house.until(lambda: house.board.journal.depth == 1)
        await outbox.stop(0)
        await house.until(lambda: outbox.waiting == 0)
    await house.fall()
    await begin(house)
    assert await house.shows(PERSON, 1) == ["not there"]


async def test_what_is_to_be_said_instead_of_a_refused_file_waits_unmarked(house: House) -> None:
    await begin(house)
    server, outbox = house.server(PERSON), house.board.outboxes[ACCOUNT]

    def too_large(_: str, event: Event) -> Exception | None:
        outbox.pace.hold(600, None)
        return Refused("too_large", "no files here")

    server.refuses = too_large
    file = {"kind": "file", "name": "a.txt", "source": "https://example.org/a.txt"}
    event = {"type": "chat.message", "text": "see this", "attachments": [file]}
    await house.board.conversations.record.said(PERSON, None, 0, event)
    await house.until(lambda: outbox.held.account > 0)
    await house.die()
    await begin(house)
    (said,) = await house.shows(PERSON, 1)
    assert said.startswith("see this")


async def test_what_a_former_home_could_not_send_stays_set_aside(house: House) -> None:
    await begin(house)
    house.server(PERSON).faults = [NotSent("no line")]
    await leaves(house, "not there")
    await loses_its_home(house)
    house.server(PERSON).gate.set()
    await house.until(lambda: not house.server(PERSON).faults)
    assert await set_aside(house) == [(UNKNOWN, PARKED)]


async def test_what_a_former_home_sent_a_part_of_stays_set_aside(house: House) -> None:
    await begin(house)
    await leaves(house, " ".join(map(str, range(1_200))))  # two messages
    await loses_its_home(house)
    house.server(PERSON).gate.set()
    await until_row(house, "parts = 1")
    assert await set_aside(house) == [(UNKNOWN, PARKED)]


async def test_what_is_tried_again_is_nothing_to_its_former_home(house: House) -> None:
    await begin(house)
    house.server(PERSON).faults = [NotSent("no line")]
    await leaves(house, "not there")
    rival = await loses_its_home(house)
    ((number,),) = await house.rows(ROW)
    await house.board.journal.write(partial(queue_again, name=f"o{number}"))
    leaving = partial(queries.leaving, outbox=number, holder=rival.holder, yes=True)
    await house.board.journal.write(leaving)
    house.server(PERSON).gate.set()
    await house.until(lambda: not house.server(PERSON).faults)
    assert await set_aside(house) == [(QUEUED, LEAVING)]
