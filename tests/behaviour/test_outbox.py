"""What waits for a network: in order in each conversation, and nobody waits for another's."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.delivery import outbox as outboxes
from gateway.delivery.line import BROADCASTER, DEPTH
from gateway.delivery.metrics import REGISTRY
from gateway.delivery.outbox import Outbox
from gateway.delivery.pace import Pace
from gateway.delivery.server import Limits, Rate
from gateway.testing.recording import RecordingServer
from gateway.vocabulary.errors import Delayed, Refused, Uncertain
from gateway.vocabulary.events import Event, Facts
from house import House, facts_of, writing

ACCOUNT = "telegram:default"
PERSON = f"{ACCOUNT}:7"
OTHER = f"{ACCOUNT}:8"
XMPP = "xmpp:default:alice@example.org"
MANY = 1_500
OPERATOR = {"id": BROADCASTER, "name": "operator", "handle": None, "kind": "bot", "private": None}


class Echo(ChatConsumer):
    async def chat_message(self, event: Event) -> None:
        await self.reply(f"You said: {event['text']}")


@pytest.fixture
async def full(house: House) -> House:
    """A house whose Telegram account has sent all that it may for now, but for two answers."""
    await house.start(Echo.as_asgi())
    outbox = outbox_of(house)
    outbox.pace = Pace(Limits(account=Rate(1, 100, burst=4)), time.monotonic)
    for _ in range(2):
        outbox.pace.take(PERSON, group=False)
    return house


def outbox_of(house: House) -> Outbox:
    return house.board.outboxes[ACCOUNT]


def metric() -> float:
    return REGISTRY.get_sample_value("gateway_sends_unknown_total", {"account": ACCOUNT}) or 0


def unknown_of(house: House) -> int:
    return house.board.port(ACCOUNT).status.unknown


async def say(house: House, conversations: list[str], *texts: str, **body: object) -> None:
    """Queue sends that no event is the cause of."""
    said = house.board.conversations.record.said
    for text in texts:
        event: Event = {"type": "chat.message", "text": text, **body}
        await asyncio.gather(*(said(place, None, 0, event) for place in conversations))


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def test_a_long_line_keeps_no_other_waiting(full: House) -> None:
    outbox_of(full).pace = Pace(Limits(), time.monotonic)
    outbox_of(full).pace.hold(600, OTHER)
    await say(full, [OTHER], *numbers(MANY))
    await full.hears(PERSON, "hi")
    assert await full.shows(PERSON, 1) == ["You said: hi"]


async def test_a_long_line_is_not_in_memory(full: House) -> None:
    outbox_of(full).pace.hold(600, OTHER)
    await say(full, [OTHER], *numbers(MANY))
    assert outbox_of(full).waiting <= DEPTH


async def test_an_answer_goes_before_broadcasts_that_fill_the_memory(full: House) -> None:
    places = [f"{ACCOUNT}:-{number}" for number in range(20, 20 + MANY)]
    await say(full, places, "hear ye", author=OPERATOR)
    await full.hears(PERSON, "hi")
    await full.shows(PERSON, 1)
    assert [place for place, _ in full.server(PERSON).delivered] == [PERSON]


async def test_broadcasts_do_not_fill_the_memory(full: House) -> None:
    places = [f"{ACCOUNT}:-{number}" for number in range(20, 20 + MANY)]
    await say(full, places, "hear ye", author=OPERATOR)
    assert outbox_of(full).waiting <= outboxes.BROADCASTS


async def test_after_a_restart_answers_go_before_the_broadcasts_before_them(
    full: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_of(full).pace.hold(600)
    places = [f"{ACCOUNT}:-{number}" for number in range(20, 20 + MANY)]
    await say(full, places, "hear ye", author=OPERATOR)
    await full.hears(PERSON, "hi")
    await full.settled()
    await full.fall()
    # Two may be sent; broadcasts leave half of that to answers.
    slow = Limits(account=Rate(1, 100, burst=2))
    monkeypatch.setattr(RecordingServer, "limits", slow)
    await full.start(Echo.as_asgi())
    await full.shows(PERSON, 1)
    assert len(full.server(PERSON).delivered) <= 2


async def test_an_answer_behind_broadcasts_of_its_chat_keeps_its_place(full: House) -> None:
    outbox_of(full).pace = Pace(Limits(account=Rate(1, 0.001, burst=4)), time.monotonic)
    outbox_of(full).pace.hold(0.1)
    shouts = numbers(DEPTH + 4)
    await say(full, [PERSON], *shouts, author=OPERATOR)
    await full.hears(PERSON, "hi")
    shown = await full.shows(PERSON, len(shouts) + 1)
    assert [text.removeprefix("operator (operator): ") for text in shown] == [
        *shouts,
        "You said: hi",
    ]


async def test_more_conversations_than_lines_all_get_theirs_in_order(
    full: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "LINES", 8)
    monkeypatch.setattr(outboxes, "BROADCASTS", 4)
    outbox_of(full).pace = Pace(Limits(), time.monotonic)
    server = full.server(PERSON)
    server.gate.clear()
    places = [f"{ACCOUNT}:{number}" for number in range(100, 150)]
    texts = numbers(DEPTH + 4)
    await say(full, places, *texts)
    server.gate.set()
    await server.until(lambda: len(server.delivered) >= len(places) * len(texts))
    assert all(server.texts(place) == texts for place in places)


async def test_broadcasts_to_more_conversations_than_lines_all_arrive_once(
    full: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "LINES", 8)
    monkeypatch.setattr(outboxes, "BROADCASTS", 4)
    outbox_of(full).pace = Pace(Limits(), time.monotonic)
    places = [f"{ACCOUNT}:-{number}" for number in range(20, 120)]
    await say(full, places, "one", "two", author=OPERATOR)
    server = full.server(PERSON)
    await server.until(lambda: len(server.delivered) >= 2 * len(places))
    assert {len(server.texts(place)) for place in places} == {2}


async def test_what_came_while_nothing_fitted_goes_behind_what_waits(
    full: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "LINES", 1)
    outbox = outbox_of(full)
    outbox.pace = Pace(Limits(), time.monotonic)
    outbox.pace.hold(0.2, OTHER)
    await say(full, [OTHER, PERSON], "first")
    monkeypatch.setattr(outboxes, "LINES", 2)
    await say(full, [PERSON], "second")
    assert await full.shows(PERSON, 2) == ["first", "second"]


async def test_what_was_sent_is_not_sent_again_while_its_outcome_is_not_on_disk(
    full: House, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row counts as in hand until its outcome is committed, or a look at the table finds it."""
    outbox, server = outbox_of(full), full.server(PERSON)
    server.gate.clear()
    await say(full, [PERSON], "once")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # here we do hold up the loop
    with writing(ledger):  # nothing can be committed
        server.gate.set()
        await full.shows(PERSON, 1)
        for _ in range(5):
            await outbox.look()
    await full.until(lambda: outbox.waiting == 0)
    await outbox.look()
    await full.until(lambda: outbox.waiting == 0)
    assert full.shown(PERSON) == ["once"]


# Outcomes


async def test_a_refusal_is_told_to_the_sender_and_never_tried_again(house: House) -> None:
    told: list[tuple[str, str]] = []
    await house.start(_listening(told))
    server = house.server(PERSON)
    server.faults = [Refused("blocked", "the bot was blocked")]
    await house.hears(PERSON, "hi")
    await house.until(lambda: told == [("failed", "blocked")])
    await house.settled()
    await outbox_of(house).look()
    await house.until(lambda: outbox_of(house).waiting == 0)
    assert house.shown(PERSON) == []


async def test_a_send_that_cannot_be_said_keeps_none_behind_it_waiting(house: House) -> None:
    told: list[tuple[str, str]] = []
    await house.start(_listening(told, author={"id": "room:nobody"}))  # without a name
    await house.hears(PERSON, "hi")
    await house.until(lambda: told == [("failed", "internal")])
    await say(house, [PERSON], "behind it")
    assert await house.shows(PERSON, 1) == ["behind it"]


async def test_a_message_whose_id_cannot_be_kept_is_sent_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(server: RecordingServer, conversation: str, event: Event) -> str:
        await original(server, conversation, event)
        return "\ud800"

    original = RecordingServer._keep
    monkeypatch.setattr(RecordingServer, "_keep", keep)
    await house.start(Echo.as_asgi())
    await house.hears(PERSON, "hi")
    await house.shows(PERSON, 1)
    await house.until(lambda: outbox_of(house).waiting == 0)
    await outbox_of(house).look()
    await house.until(lambda: outbox_of(house).waiting == 0)
    assert house.shown(PERSON) == ["You said: hi"]


async def test_a_refusal_in_words_that_cannot_be_kept_is_one(house: House) -> None:
    told: list[tuple[str, str]] = []
    await house.start(_listening(told))
    house.server(PERSON).faults = [Refused("blocked", "no \ud800 \0")]
    await house.hears(PERSON, "hi")
    await house.until(lambda: told == [("failed", "blocked")])
    await house.until(lambda: outbox_of(house).waiting == 0)
    await outbox_of(house).look()
    await house.until(lambda: outbox_of(house).waiting == 0)
    assert (house.shown(PERSON), told) == ([], [("failed", "blocked")])


async def test_an_unknown_fate_is_counted_and_sent_again(house: House) -> None:
    before = metric()
    told: list[tuple[str, str]] = []
    await house.start(_listening(told))
    house.server(PERSON).faults = [Uncertain("the line broke")]
    await house.hears(PERSON, "hi")
    await house.shows(PERSON, 1)
    assert (unknown_of(house), metric() - before) == (1, 1)


async def test_an_unknown_fate_is_told_if_it_is_not_sent_again(house: House) -> None:
    told: list[tuple[str, str]] = []
    await house.start(_listening(told))
    outbox_of(house).resend_unknown = False
    house.server(PERSON).faults = [Uncertain("the line broke")]
    await house.hears(PERSON, "hi")
    await house.until(lambda: told == [("failed", "unknown")])
    assert unknown_of(house) == 1


async def test_a_network_that_answers_never_delays_no_other(house: House) -> None:
    await house.start(Echo.as_asgi())
    house.server(PERSON).gate.clear()
    await house.hears(PERSON, "hi")
    await house.hears(XMPP, "hi")
    assert await house.shows(XMPP, 1) == ["You said: hi"]


async def test_a_chat_that_must_wait_delays_no_other(house: House) -> None:
    await house.start(Echo.as_asgi())
    house.server(PERSON).faults = [Delayed("slow down", seconds=600)]
    await house.hears(PERSON, "hi")
    await house.until(lambda: outbox_of(house).held.chats == 1)
    await house.hears(OTHER, "hi")
    assert await house.shows(OTHER, 1) == ["You said: hi"]


async def test_a_chat_that_must_wait_waits_in_all_its_topics(house: House) -> None:
    await house.start(Echo.as_asgi())
    first, second = f"{ACCOUNT}:-5:1", f"{ACCOUNT}:-5:2"
    house.server(first).faults = [Delayed("slow down", seconds=0.3)]
    begun = time.monotonic()
    await house.hears(first, "hi")
    await house.until(lambda: not house.server(first).faults)
    await house.hears(second, "hi")
    await house.shows(second, 1)
    assert time.monotonic() - begun >= 0.3


async def test_the_topics_of_a_group_share_what_a_group_may(house: House) -> None:
    await house.start(Echo.as_asgi())
    outbox_of(house).pace = Pace(Limits(group=Rate(20, 6_000)), time.monotonic)
    topics = [f"{ACCOUNT}:-5:{number}" for number in range(4)]
    await say(house, topics, *numbers(10))
    server = house.server(topics[0])
    await server.until(lambda: len(server.delivered) >= 20)
    await house.hears(PERSON, "hi")
    await house.shows(PERSON, 1)
    assert len(server.delivered) == 21


class Slow(RecordingServer):
    """A network that takes its time to answer."""

    asked = answered = 0

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Count what is said, and what of it was answered."""
        self.asked += 1
        await asyncio.sleep(0.2)
        self.answered += 1
        return None


async def test_what_is_on_the_wire_at_the_end_is_answered(house: House) -> None:
    await house.start(Echo.as_asgi())
    outbox = outbox_of(house)
    outbox.server = slow = Slow(ACCOUNT, facts_of, house.board.port(ACCOUNT))
    await say(house, [f"{ACCOUNT}:{number}" for number in range(4)], *numbers(25))
    await outbox.stop(4.0)  # what all of them take is longer than half of it
    assert (slow.answered, outbox.waiting) == (slow.asked, 0)


def _listening(told: list[tuple[str, str]], **body: object) -> Any:
    """An application that answers, and names what it wants to be told."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "chat.accept", "events": ["message", "failed"]})
        while True:
            event = await receive()
            kind = event["type"].partition(".")[2]
            if kind == "disconnect":
                return
            if kind == "failed":
                told.append((kind, event["code"]))
            else:
                await send({"type": "chat.message", "text": "answer", **body})
            await send({"type": "chat.handled", "keys": [event["key"]]})

    return application
