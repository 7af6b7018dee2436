"""What people decide about dead letters, see of what waits, and say to many at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.answers import Answers
from gateway.delivery.pace import Pace
from gateway.delivery.server import Limits, Rate
from gateway.vocabulary.errors import Delayed, GatewayError, NotSent, Refused, Uncertain
from gateway.vocabulary.events import Event
from house import PATIENCE, House

TELEGRAM = "telegram:default:-5"
XMPP = "xmpp:default:lobby@conference.example.org"
PERSON = "telegram:default:7"


class Moody(ChatConsumer):
    """Answers everything, once it is well."""

    well = False

    async def chat_message(self, event: Event) -> None:
        if not type(self).well:
            raise RuntimeError("not today")
        await self.reply(f"You said: {event['text']}")

    async def room_message(self, event: Event) -> None:
        if event["text"] == "poison" and not type(self).well:
            raise RuntimeError("not today")
        await super().room_message(event)

    async def bang(self, event: Event) -> None:
        raise RuntimeError("bang")


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> type[Moody]:
    monkeypatch.setattr(Moody, "well", False)
    return Moody


class Desk:
    """The verbs of a house, as the control socket asks them."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """What a verb answers now."""
        await self.house.board.journal.write(lambda rows: None)
        return await Answers(self.house.board, lambda: "").verbs()[verb](**arguments)

    async def letters(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many dead letters are there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found: list[dict[str, Any]] = await self.ask("dead_list", limit=50)
                if len(found) == count:
                    return found
                await asyncio.sleep(0.005)

    async def progress(self, message: str, **expected: int) -> dict[str, Any]:
        """Wait until a broadcast has come so far."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found: dict[str, Any] = await self.ask("progress", message=message)
                if expected.items() <= found.items():
                    return found
                await asyncio.sleep(0.005)

    async def account(self, name: str, key: str, value: Any) -> dict[str, Any]:
        """Wait until a line of the queue says so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                lines = {line["account"]: line for line in await self.ask("queue")}
                if lines[name][key] == value:
                    return dict(lines[name])
                await asyncio.sleep(0.005)


@pytest.fixture
async def desk(house: House, moody: type[Moody]) -> Desk:
    house.room("lobby", TELEGRAM, XMPP)
    await house.start(moody.as_asgi())
    return Desk(house)


# Dead letters


async def test_what_a_handler_cannot_do_is_listed(desk: Desk) -> None:
    await desk.house.hears(PERSON, "hi")
    (letter,) = await desk.letters(1)
    assert (letter["conversation"], letter["kind"]) == (PERSON, "telegram.message")
    assert "not today" in letter["error"]


async def test_the_list_does_not_say_what_was_said(desk: Desk) -> None:
    await desk.house.hears(PERSON, "a secret")
    assert "a secret" not in str(await desk.letters(1))


async def test_a_letter_that_is_shown_says_what_was_said(desk: Desk) -> None:
    await desk.house.hears(PERSON, "a secret")
    (letter,) = await desk.letters(1)
    shown = await desk.ask("dead_show", name=letter["id"])
    assert shown["event"]["text"] == "a secret"


async def test_the_newest_letter_is_the_last(desk: Desk) -> None:
    await desk.house.hears(PERSON, "one", "two", "three")
    letters = await desk.letters(3)
    assert letters == sorted(letters, key=lambda letter: letter["at"])


async def test_the_list_is_bounded_to_the_newest(desk: Desk) -> None:
    await desk.house.hears(PERSON, "one", "two", "three")
    letters = await desk.letters(3)
    assert await desk.ask("dead_list", limit=2) == letters[1:]


async def test_an_arrival_that_is_tried_again_is_handled(desk: Desk, moody: type[Moody]) -> None:
    await desk.house.hears(PERSON, "hi")
    (letter,) = await desk.letters(1)
    moody.well = True
    assert (await desk.ask("dead_retry", names=[letter["id"]]))["done"] == 1
    assert await desk.house.shows(PERSON, 1) == ["You said: hi"]
    assert await desk.letters(0) == []


async def test_an_arrival_that_fails_again_is_set_aside_again(desk: Desk) -> None:
    await desk.house.hears(PERSON, "hi")
    (letter,) = await desk.letters(1)
    await desk.ask("dead_retry", names=[letter["id"]])
    (again,) = await desk.letters(1)
    assert (again["id"] != letter["id"], again["conversation"]) == (True, PERSON)


async def test_an_arrival_whose_row_is_gone_is_recorded_anew(
    desk: Desk, moody: type[Moody]
) -> None:
    await desk.house.hears(PERSON, "hi")
    await desk.letters(1)
    await desk.house.board.journal.write(lambda rows: rows.run("DELETE FROM gateway_inbox"))
    moody.well = True
    await desk.ask("dead_retry", names=None)
    assert await desk.house.shows(PERSON, 1) == ["You said: hi"]


async def test_what_a_member_could_not_show_is_shown_when_it_is_tried_again(
    desk: Desk, moody: type[Moody]
) -> None:
    await desk.ask("broadcast", room="lobby", text="poison")
    await desk.letters(4)  # two networks, the web chat, the room's bot
    moody.well = True
    await desk.ask("dead_retry", names=None)
    assert await desk.house.shows(XMPP, 1) == ["operator (operator): poison"]


async def test_an_entry_of_a_log_dies_and_is_tried_again_twice(
    desk: Desk, moody: type[Moody]
) -> None:
    await desk.ask("broadcast", room="lobby", text="poison")
    await desk.letters(4)
    await desk.ask("dead_retry", names=None)
    await desk.letters(4)
    moody.well = True
    await desk.ask("dead_retry", names=None)
    assert await desk.house.shows(XMPP, 1) == ["operator (operator): poison"]


async def test_what_could_not_be_understood_cannot_be_tried_again(desk: Desk) -> None:
    port = desk.house.board.port("telegram:default")
    await port.set_aside("7", {"update_id": 7}, "no such thing")
    (letter,) = await desk.letters(1)
    answer = await desk.ask("dead_retry", names=[letter["id"]])
    assert (letter["kind"], answer["done"]) == ("unreadable", 0)
    assert "could not be understood" in answer["why"][0][1]


async def test_a_message_of_a_group_cannot_be_tried_again(desk: Desk) -> None:
    hub = desk.house.board.hub
    await desk.house.hears(PERSON, "hi")
    await desk.letters(1)
    hub.remember("news", PERSON)
    await desk.house.group_send("news", {"type": "bang"})
    letters = await desk.letters(2)
    answer = await desk.ask("dead_retry", names=[letters[1]["id"]])
    assert "keeps nothing" in answer["why"][0][1]


async def test_a_letter_that_is_dropped_is_gone(desk: Desk) -> None:
    await desk.house.hears(PERSON, "hi")
    (letter,) = await desk.letters(1)
    assert (await desk.ask("dead_drop", names=[letter["id"]]))["done"] == 1
    assert await desk.letters(0) == []


@pytest.mark.parametrize("verb", ["dead_retry", "dead_drop"])
@pytest.mark.parametrize("name", ["99", "o99"])
async def test_a_letter_that_is_not_there_is_said(desk: Desk, verb: str, name: str) -> None:
    answer = await desk.ask(verb, names=[name])
    assert (answer["done"], answer["why"][0][0]) == (0, name)


@pytest.mark.parametrize("name", ["", "x", "o", "1 OR 1", "٣", "-1", "9" * 30])
async def test_what_is_no_id_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(GatewayError, match="no id of a dead letter"):
        await desk.ask("dead_retry", names=[name])


# What no network would take


@pytest.fixture
async def refused(desk: Desk, moody: type[Moody]) -> Desk:
    """Something was said that Telegram refused."""
    moody.well = True
    desk.house.server(PERSON).faults = [Refused("blocked", "the bot was blocked")]
    await desk.house.hears(PERSON, "hi")
    await desk.letters(1)
    return desk


async def test_what_a_network_refused_is_listed_as_outgoing(refused: Desk) -> None:
    (letter,) = await refused.letters(1)
    assert (letter["kind"], letter["error"]) == ("outgoing", "blocked: the bot was blocked")


async def test_what_was_refused_is_sent_when_it_is_tried_again(refused: Desk) -> None:
    await refused.ask("dead_retry", names=None)
    assert await refused.house.shows(PERSON, 1) == ["You said: hi"]
    assert await refused.letters(0) == []


async def test_what_was_refused_and_dropped_is_never_sent(refused: Desk) -> None:
    await refused.ask("dead_drop", names=None)
    assert await refused.letters(0) == []
    assert (await refused.ask("dead_retry", names=["o1"]))["done"] == 0


async def test_what_has_an_unknown_fate_is_listed_if_it_is_not_sent_again(
    desk: Desk, moody: type[Moody]
) -> None:
    moody.well = True
    desk.house.board.outboxes["telegram:default"].resend_unknown = False
    desk.house.server(PERSON).faults = [Uncertain("the line broke")]
    await desk.house.hears(PERSON, "hi")
    (letter,) = await desk.letters(1)
    assert (letter["id"], letter["error"]) == ("o1", "the line broke")


# What waits


async def test_nothing_waits_where_all_is_done(desk: Desk) -> None:
    lines = await desk.ask("queue")
    assert not [line for line in lines if line["queued"] or line["unhandled"]]


async def test_what_is_not_sent_yet_is_counted(desk: Desk, moody: type[Moody]) -> None:
    moody.well = True
    server = desk.house.server(PERSON)
    server.gate.clear()
    await desk.house.hears(PERSON, "one", "two")
    line = await desk.account("telegram:default", "queued", 2)
    server.gate.set()
    assert line["oldest"] is not None


async def test_what_a_handler_has_not_done_is_counted(desk: Desk) -> None:
    await desk.house.hears("telegram:default:8", "hi")
    await desk.account("telegram:default", "unhandled", 1)


async def test_a_flood_limit_is_said(desk: Desk, moody: type[Moody]) -> None:
    moody.well = True
    desk.house.server(PERSON).faults = [Delayed("slow down", seconds=600, whole_account=True)]
    before = time.time()
    await desk.house.hears(PERSON, "hi")
    await desk.house.until(lambda: desk.house.board.outboxes["telegram:default"].held.account > 0)
    line = await desk.account("telegram:default", "queued", 1)
    assert before <= line["oldest"] <= line["held_until"] - 599
    assert line["held_until"] <= time.time() + 601


async def test_a_flood_limit_of_a_chat_is_said(desk: Desk, moody: type[Moody]) -> None:
    moody.well = True
    desk.house.server(PERSON).faults = [Delayed("slow down", seconds=600)]
    await desk.house.hears(PERSON, "hi")
    line = await desk.account("telegram:default", "held_chats", 1)
    assert line["held_until"] is None


# Broadcasts


async def test_a_broadcast_is_said_in_every_member(desk: Desk) -> None:
    await desk.ask("broadcast", room="lobby", text="hear ye")
    for member in (TELEGRAM, XMPP):
        assert await desk.house.shows(member, 1) == ["operator (operator): hear ye"]


async def test_a_broadcast_that_everybody_has_is_done(desk: Desk) -> None:
    message = await desk.ask("broadcast", room="lobby", text="hear ye")
    found = await desk.progress(message, have=3)
    assert (found["members"], found["failed"], found["accounts"]) == (3, 0, [])


async def test_a_broadcast_waits_for_a_network_that_is_away(desk: Desk) -> None:
    server = desk.house.server(XMPP)
    server.refuses = lambda *_: NotSent("away")
    message = await desk.ask("broadcast", room="lobby", text="hear ye")
    found = await desk.progress(message, have=2)
    assert found["accounts"] == ["xmpp:default"]
    server.refuses = lambda *_: None
    await desk.progress(message, have=3)


async def test_a_broadcast_that_a_network_refuses_has_failed_there(desk: Desk) -> None:
    desk.house.server(XMPP).faults = [Refused("kicked", "out")]
    message = await desk.ask("broadcast", room="lobby", text="hear ye")
    await desk.progress(message, have=2, failed=1)


async def test_a_broadcast_that_no_handler_can_show_has_failed(desk: Desk) -> None:
    message = await desk.ask("broadcast", room="lobby", text="poison")
    await desk.progress(message, have=0, failed=3)


async def test_the_progress_of_a_broadcast_survives_a_restart(
    desk: Desk, moody: type[Moody]
) -> None:
    message = await desk.ask("broadcast", room="lobby", text="hear ye")
    await desk.progress(message, have=3)
    await desk.house.stop()
    await desk.house.start(moody.as_asgi())
    await desk.progress(message, have=3)


@pytest.mark.parametrize("name", ["lobby#99", "lobby", "den#1", "#1", "lobby#x"])
async def test_a_broadcast_that_was_never_said_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(GatewayError):
        await desk.ask("progress", message=name)


async def test_an_empty_broadcast_is_refused(desk: Desk) -> None:
    with pytest.raises(GatewayError, match="empty"):
        await desk.ask("broadcast", room="lobby", text=" ")


async def test_answers_go_before_broadcasts(house: House, moody: type[Moody]) -> None:
    moody.well = True
    groups = [f"telegram:default:-{number}" for number in range(20, 26)]
    house.room("lobby", *groups)
    await house.start(moody.as_asgi(), bots=False)
    outbox = house.board.outboxes["telegram:default"]
    outbox.pace = Pace(Limits(account=Rate(1, 100, burst=4)), time.monotonic)
    await Desk(house).ask("broadcast", room="lobby", text="hear ye")
    server = house.server(PERSON)
    await server.until(lambda: len(server.delivered) >= 2)
    await house.hears(PERSON, "hi")
    await house.shows(PERSON, 1)
    assert len(server.delivered) == 3
