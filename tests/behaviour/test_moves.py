"""A group that becomes a supergroup moves with everything it has."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.base import ChatConsumer
from gateway.answers import Answers
from gateway.vocabulary.errors import Moved, NotSent
from gateway.vocabulary.events import Event
from house import House, Notebook, author_of, cancelled, wait

OLD = "telegram:default:-5"
NEW = "telegram:default:-15"
PERSON = "telegram:default:7"
XMPP = "xmpp:default:lobby@conference.example.org"


class Counter(ChatConsumer):
    """Greets once, counts what it hears, and can be held up."""

    book = Notebook()
    gate = asyncio.Event()
    pings: list[str] = []

    async def ping(self, event: Event) -> None:
        self.pings.append(self.conversation)

    async def connect(self, reason: str) -> None:
        await self.say("welcome")

    async def chat_message(self, event: Event) -> None:
        self.book.note({**event, "in": self.conversation})
        await type(self).gate.wait()
        count = self.session.get("count", 0) + 1
        self.session["count"] = count
        await self.reply(f"{count}: {event['text']}")


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> type[Counter]:
    monkeypatch.setattr(Counter, "book", Notebook())
    monkeypatch.setattr(Counter, "gate", asyncio.Event())
    monkeypatch.setattr(Counter, "pings", [])
    Counter.gate.set()
    return Counter


@pytest.fixture
async def group(house: House, counter: type[Counter]) -> House:
    """A house with a group that has been spoken in."""
    await house.start(counter.as_asgi())
    await house.hears(OLD, "one")
    await house.shows(OLD, 2)
    await house.settled()
    return house


async def move(house: House) -> None:
    await house.board.port("telegram:default").move(OLD, NEW)


async def ask(house: House, verb: str, **arguments: Any) -> Any:
    return await Answers(house.board, lambda: "").verbs()[verb](**arguments)


# What goes on


async def test_the_session_goes_on(group: House) -> None:
    await move(group)
    await group.hears(NEW, "two")
    assert await group.shows(NEW, 1) == ["2: two"]


async def test_nobody_is_greeted_again(group: House) -> None:
    await group.sleeps()
    await move(group)
    await group.hears(NEW, "two")
    await group.shows(NEW, 1)
    await group.sleeps()
    await group.hears(NEW, "three")
    assert await group.shows(NEW, 2) == ["2: two", "3: three"]


async def test_a_handler_learns_the_new_name(group: House, counter: type[Counter]) -> None:
    await move(group)
    await group.hears(NEW, "two")
    await group.shows(NEW, 1)
    assert counter.book.events[-1]["in"] == NEW


async def test_it_goes_on_after_a_restart(group: House, counter: type[Counter]) -> None:
    await move(group)
    await group.fall()
    await group.start(counter.as_asgi())
    await group.hears(NEW, "two")
    assert await group.shows(NEW, 1) == ["2: two"]


async def test_a_second_move_changes_nothing(group: House) -> None:
    await move(group)
    await group.hears(NEW, "two")
    await group.shows(NEW, 1)
    await move(group)
    await group.hears(NEW, "three")
    assert await group.shows(NEW, 2) == ["2: two", "3: three"]


async def test_what_was_said_in_the_new_place_before_is_kept(group: House) -> None:
    await group.hears(NEW, "early")
    await group.shows(NEW, 2)
    await group.settled()
    await move(group)
    await group.hears(NEW, "late")
    assert await group.shows(NEW, 3) == ["welcome", "1: early", "2: late"]


# Its former name


async def test_an_operator_reaches_it_by_its_former_name(group: House) -> None:
    await move(group)
    await ask(group, "send", to=OLD, text="psst")
    assert await group.shows(NEW, 1) == ["psst"]


async def test_an_application_reaches_it_by_its_former_name(group: House) -> None:
    await move(group)
    event = {"type": "chat.message", "text": "psst", "to": OLD}
    await group.board.conversations.record.said(PERSON, None, 0, event)
    assert await group.shows(NEW, 1) == ["psst"]


async def test_its_former_name_is_known_after_a_restart(
    group: House, counter: type[Counter]
) -> None:
    await move(group)
    await group.stop()
    await group.start(counter.as_asgi())
    await ask(group, "send", to=OLD, text="psst")
    assert await group.shows(NEW, 1) == ["psst"]


async def test_an_update_under_the_former_name_is_the_new_ones(group: House) -> None:
    await move(group)
    await group.hears(OLD, "late")
    assert await group.shows(NEW, 1) == ["2: late"]


async def test_a_message_to_its_group_of_the_channel_layer_arrives(
    group: House, counter: type[Counter]
) -> None:
    hub = group.board.hub
    hub.remember("news", OLD)
    await move(group)
    await group.group_send("news", {"type": "ping"})
    await group.until(lambda: counter.pings == [NEW])


async def test_a_move_whose_caller_gave_up_is_made_at_once(
    group: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    await cancelled(group, move(group))
    await group.board.journal.write(lambda rows: None)
    await group.hears(OLD, "late")
    assert await group.shows(NEW, 1) == ["2: late"]


# What is on its way


async def test_what_waits_to_be_sent_follows_in_order(group: House) -> None:
    outbox = group.board.outboxes["telegram:default"]
    server = group.server(OLD)
    server.faults = [Moved(NEW)]
    server.gate.clear()
    said = group.board.conversations.record.said
    texts = [str(number) for number in range(40)]
    for text in texts:
        await said(OLD, None, 0, {"type": "chat.message", "text": text})
    server.gate.set()
    assert await group.shows(NEW, 40) == texts
    await group.until(lambda: outbox.waiting == 0)
    assert server.texts(OLD) == ["welcome", "1: one"]


async def test_what_is_said_after_the_move_goes_behind_what_waited(group: House) -> None:
    server = group.server(OLD)
    server.faults = [NotSent("away"), NotSent("away"), Moved(NEW)]
    said = group.board.conversations.record.said
    for text in ("a", "b"):
        await said(OLD, None, 0, {"type": "chat.message", "text": text})
    await move(group)
    await said(NEW, None, 0, {"type": "chat.message", "text": "c"})
    assert await group.shows(NEW, 3) == ["a", "b", "c"]


async def test_an_event_in_hand_is_answered_in_the_new_place_once(
    group: House, counter: type[Counter]
) -> None:
    counter.gate.clear()
    await group.hears(OLD, "two", "three")
    await group.until(lambda: counter.book.texts == ["one", "two"])
    await move(group)
    await group.hears(NEW, "four")
    counter.gate.set()
    assert await group.shows(NEW, 3) == ["2: two", "3: three", "4: four"]
    await group.settled()
    assert counter.book.texts == ["one", "two", "three", "four"]


async def test_an_event_in_hand_is_handled_again_after_a_fall(
    group: House, counter: type[Counter]
) -> None:
    counter.gate.clear()
    await group.hears(OLD, "two")
    await group.until(lambda: counter.book.texts == ["one", "two"])
    await move(group)
    await group.fall()
    counter.gate.set()
    await group.start(counter.as_asgi())
    assert await group.shows(NEW, 1) == ["2: two"]


async def test_what_an_event_in_hand_said_before_the_move_is_not_said_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asyncio.Event()
    gate = asyncio.Event()

    class Slow(ChatConsumer):
        async def chat_message(self, event: Event) -> None:
            await self.reply("first")
            said.set()
            await gate.wait()
            await self.reply("second")

    await house.start(Slow.as_asgi())
    await house.hears(OLD, "hi")
    await wait(said)
    await house.shows(OLD, 1)
    await move(house)
    await house.fall()
    gate.set()
    await house.start(Slow.as_asgi())
    assert await house.shows(NEW, 1) == ["second"]
    await house.settled()
    assert house.shown(OLD) == []


async def test_a_move_that_the_process_died_before_is_made_afterwards(
    group: House, counter: type[Counter]
) -> None:
    await group.fall()
    await group.start(counter.as_asgi())
    await move(group)
    await group.hears(NEW, "two")
    assert await group.shows(NEW, 1) == ["2: two"]


async def test_a_dialogue_gets_its_answer_in_the_new_place(house: House) -> None:
    class Asks(ChatConsumer):
        async def chat_message(self, event: Event) -> None:
            await self.reply(f"So {await self.ask('Which size?')}.")

    await house.start(Asks.as_asgi())
    await house.hears(OLD, "hi", author=author_of(PERSON))
    await house.shows(OLD, 1)
    await move(house)
    await house.hears(NEW, "large", author=author_of(PERSON))
    assert await house.shows(NEW, 1) == ["So large."]


# Rooms


@pytest.fixture
async def member(house: House) -> House:
    """A house whose configuration has the group in a room."""
    house.room("lobby", OLD, XMPP)
    await house.start(ChatConsumer.as_asgi(), bots=False)
    await move(house)
    return house


async def test_it_stays_in_its_room(member: House) -> None:
    await member.hears(XMPP, "hi")
    assert [text.endswith("hi") for text in await member.shows(NEW, 1)] == [True]


async def test_what_it_says_is_shown_to_the_others(member: House) -> None:
    await member.hears(NEW, "hi")
    await member.shows(XMPP, 1)
    await member.settled()
    assert member.shown(NEW) == []


async def test_a_configuration_that_names_the_former_name_keeps_it_there(member: House) -> None:
    await member.stop()
    await member.start(ChatConsumer.as_asgi(), bots=False)
    assert NEW in member.board.rooms.members("lobby")
    leaving = "SELECT COUNT(*) FROM gateway_entry WHERE event LIKE %s"
    assert await member.rows(leaving, "%leave%") == [(0,)]


async def test_what_was_said_in_it_before_does_not_come_back(house: House) -> None:
    house.room("lobby", OLD, XMPP)
    await house.start(ChatConsumer.as_asgi(), bots=False)
    house.board.conversations.stopping = True  # what is told waits in the log
    await house.board.rooms.tell(
        "lobby",
        {
            "type": "room.message",
            "text": "mine",
            "origin": OLD,
            "author": {
                "id": "telegram:5",
                "name": "Al",
                "handle": None,
                "kind": "person",
                "private": None,
            },
        },
    )
    await house.fall()
    await house.start(ChatConsumer.as_asgi(), bots=False)
    await move(house)
    await house.shows(XMPP, 1)
    await house.settled()
    assert house.shown(NEW) + house.shown(OLD) == []


async def test_it_can_be_taken_out_of_its_room_by_its_former_name(member: House) -> None:
    await ask(member, "unlink", conversation=OLD)
    assert NEW not in member.board.rooms.members("lobby")


async def test_the_number_of_copies_stays(member: House) -> None:
    await member.hears(NEW, "hi", id="5")
    await member.shows(XMPP, 1)
    await member.settled()
    await move(member)
    found = await member.rows("SELECT conversation FROM gateway_copy ORDER BY conversation")
    assert (NEW,) in found
    assert (OLD,) not in found
