"""No event is lost, doubled or out of order, whatever an application does with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.consumer import AsyncConsumer, SyncConsumer

from consumers.base import ChatConsumer
from house import House, Notebook, wait

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
NUMBERS = [str(number) for number in range(10)]


class Echo(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.reply(f"You said: {event['text']}")


async def test_an_answer_comes_back(house: House, private: str) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(private, "hi")
    assert await house.shows(private, 1) == ["You said: hi"]


async def test_a_burst_larger_than_the_queue_is_answered_in_order(
    house: House, private: str
) -> None:
    await house.start(Echo.as_asgi())
    texts = [str(number) for number in range(200)]
    await house.hears(private, *texts)
    assert await house.shows(private, 200) == [f"You said: {text}" for text in texts]


async def test_a_redelivery_is_handled_once(house: House, private: str) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(private, "one", delivery="d1")
    await house.hears(private, "one", delivery="d1")
    await house.hears(private, "two", delivery="d2")
    assert await house.shows(private, 2) == ["You said: one", "You said: two"]


async def test_what_has_no_delivery_id_is_never_a_repeat(house: House, private: str) -> None:
    await house.start(Echo.as_asgi())
    await house.hears(private, "same", "same", id="m0")
    assert len(await house.shows(private, 2)) == 2


# An application that returns


async def one_by_one(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    event = await receive()
    await send({"type": "chat.message", "text": event["text"]})


async def test_an_application_that_returns_after_each_event_gets_a_burst(
    house: House, private: str
) -> None:
    await house.start(one_by_one)
    await house.hears(private, *NUMBERS)
    assert await house.shows(private, 10) == NUMBERS


async def test_an_application_that_returns_after_each_event_gets_them_one_by_one(
    house: House, private: str
) -> None:
    await house.start(one_by_one)
    for place, text in enumerate(NUMBERS, 1):
        await house.hears(private, text)
        await house.shows(private, place)
    assert house.shown(private) == NUMBERS


async def test_an_application_that_never_receives_stops_nobody(house: House, private: str) -> None:
    async def absent(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        return

    await house.start(absent)
    await house.hears(private, "hi")
    await house.until(lambda: not len(house.board.conversations))
    assert await house.dead() == ["hi"]


async def test_an_application_that_cannot_start_stops_nobody(house: House, private: str) -> None:
    async def broken(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    await house.start(broken)
    await house.hears(private, "one", "two")
    await house.until(lambda: not len(house.board.conversations))
    assert await house.dead() == ["one", "two"]


# An application that fails


class Picky(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        tried.append(event["text"])
        if event["text"] == "3":
            raise ZeroDivisionError
        await self.reply(event["text"])


tried: list[str] = []


@pytest.fixture
def picky() -> Any:
    tried.clear()
    return Picky.as_asgi()


async def test_what_fails_is_tried_three_times(house: House, private: str, picky: Any) -> None:
    await house.start(picky)
    await house.hears(private, *NUMBERS)
    await house.shows(private, 9)
    assert tried.count("3") == 3


async def test_the_events_behind_one_that_fails_go_on_in_order(
    house: House, private: str, picky: Any
) -> None:
    await house.start(picky)
    await house.hears(private, *NUMBERS)
    assert await house.shows(private, 9) == [text for text in NUMBERS if text != "3"]


async def test_what_fails_three_times_is_one_dead_letter(
    house: House, private: str, picky: Any
) -> None:
    await house.start(picky)
    await house.hears(private, *NUMBERS)
    await house.shows(private, 9)
    assert await house.dead() == ["3"]


async def test_a_dead_letter_stays_dead_after_a_restart(
    house: House, private: str, picky: Any
) -> None:
    await house.start(picky)
    await house.hears(private, "3")
    await house.settled(private)
    await house.stop()
    await house.start(picky)
    await house.board.look()
    await house.hears(private, "4")
    await house.shows(private, 1)
    assert tried.count("3") == 3


async def test_each_try_has_an_instance_of_its_own(house: House, private: str) -> None:
    instances = []

    class Forgetful(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            instances.append(self)
            raise ZeroDivisionError

    await house.start(Forgetful.as_asgi())
    await house.hears(private, "hi")
    await house.settled(private)
    assert len({id(instance) for instance in instances}) == 3


async def test_what_a_failed_try_said_is_not_said_twice(house: House, private: str) -> None:
    tries = []

    class Late(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            tries.append(event)
            await self.reply("one")
            await self.reply("two")
            if len(tries) < 3:
                raise ZeroDivisionError
            await self.reply("three")

    await house.start(Late.as_asgi())
    await house.hears(private, "hi")
    assert await house.shows(private, 3) == ["one", "two", "three"]


async def test_an_application_that_ends_cancelled_gets_the_event_again(
    house: House, private: str
) -> None:
    tries = []

    async def cancelled(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        event = await receive()
        tries.append(event)
        if len(tries) < 2:
            raise asyncio.CancelledError
        await send({"type": "chat.message", "text": "here"})

    await house.start(cancelled)
    await house.hears(private, "hi")
    assert await house.shows(private, 1) == ["here"]


async def test_an_application_that_ends_cancelled_stops_nobody_else(
    house: House, private: str, group: str
) -> None:
    async def sometimes(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        event = await receive()
        if scope["conversation"] == private:
            raise asyncio.CancelledError
        await send({"type": "chat.message", "text": event["text"]})

    await house.start(sometimes)
    await house.hears(private, "hi")
    await house.hears(group, "hello")
    assert await house.shows(group, 1) == ["hello"]


# Acknowledgement


async def test_an_event_in_hand_is_handled_again_after_a_fall(house: House, private: str) -> None:
    held = asyncio.Event()

    async def slow(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        held.set()
        await asyncio.Event().wait()

    await house.start(slow)
    await house.hears(private, "hi")
    await wait(held)
    await house.fall()
    await house.start(Echo.as_asgi())
    await house.board.look()
    assert await house.shows(private, 1) == ["You said: hi"]


class Async(AsyncConsumer):  # type: ignore[misc]
    async def telegram_message(self, event: dict[str, Any]) -> None:
        await self.send({"type": "chat.message", "text": event["text"]})

    xmpp_message = web_message = telegram_message


class Sync(SyncConsumer):  # type: ignore[misc]
    def telegram_message(self, event: dict[str, Any]) -> None:
        self.send({"type": "chat.message", "text": event["text"]})

    xmpp_message = web_message = telegram_message


async def bare(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": "chat.message", "text": event["text"]})


@pytest.mark.parametrize("application", [Async.as_asgi(), Sync.as_asgi(), bare])
async def test_asking_for_the_next_event_acknowledges_the_last(
    house: House, private: str, application: Any
) -> None:
    await house.start(application)
    await house.hears(private, *NUMBERS)
    await house.shows(private, 10)
    await house.settled(private)
    await house.fall()
    await house.start(application)
    await house.board.look()
    await house.hears(private, "last")
    assert await house.shows(private, 1) == ["last"]


@pytest.mark.parametrize("application", [Async.as_asgi(), Sync.as_asgi(), bare])
async def test_applications_that_accept_nothing_get_messages_only(
    house: House, private: str, application: Any
) -> None:
    await house.start(application)
    port = house.server(private).port
    join = house.arrival(private, "", type=f"{private.partition(':')[0]}.join")
    await port.accept([join])
    port.pass_on(private, {"type": f"{private.partition(':')[0]}.typing"})
    await house.hears(private, "hi")
    await house.shows(private, 1)
    await house.settled(private)
    assert (await house.dead(), house.board.conversations.dropped) == ([], 0)


@pytest.mark.parametrize("application", [Async.as_asgi(), Sync.as_asgi()])
async def test_stock_consumers_are_not_told_what_was_sent(
    house: House, private: str, application: Any
) -> None:
    await house.start(application)
    await house.hears(private, "one")
    await house.shows(private, 1)
    await house.hears(private, "two")
    await house.shows(private, 2)
    await house.settled(private)
    assert await house.dead() == []


async def test_an_application_that_accepted_has_handled_what_it_says(
    house: House, private: str
) -> None:
    seen = Notebook()

    async def reader(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({"type": f"{scope['type']}.accept", "events": ["message"]})
        while True:
            event = await receive()
            if event["type"].endswith(".disconnect"):
                return
            seen.note(event)
            await send({"type": f"{scope['type']}.handled", "keys": [event["key"]]})

    await house.start(reader)
    await house.hears(private, *NUMBERS)
    await house.until(lambda: len(seen.texts) == 10)
    await house.stop()
    await house.start(reader)
    await house.hears(private, "last")
    await house.until(lambda: "last" in seen.texts)
    assert seen.texts == [*NUMBERS, "last"]


async def test_a_waiting_event_lets_the_next_one_through(house: House, private: str) -> None:
    seen = Notebook()

    async def patient(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({"type": "chat.accept", "events": ["message"]})
        while True:
            event = await receive()
            if event["type"].endswith(".disconnect"):
                return
            seen.note(event)
            await send({"type": "chat.waiting", "keys": [event["key"]]})

    await house.start(patient)
    await house.hears(private, "one", "two")
    await house.until(lambda: seen.texts == ["one", "two"])


async def test_an_event_that_is_not_acknowledged_holds_the_next_back(
    house: House, private: str
) -> None:
    seen = Notebook()

    async def greedy(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await send({"type": "chat.accept"})
        seen.note(await receive())
        seen.note(await receive())

    await house.start(greedy)
    await house.hears(private, "one", "two")
    await house.until(lambda: bool(seen.texts))
    await house.board.journal.read(lambda rows: None)
    assert seen.texts == ["one"]
    await house.fall()


# Sending


async def test_an_unknown_type_is_refused_with_the_known_ones(house: House, private: str) -> None:
    said: list[str] = []

    class Wrong(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            try:
                await self.send({"type": "chat.mesage", "text": "hi"})
            except ValueError as error:
                said.append(str(error))

    await house.start(Wrong.as_asgi())
    await house.hears(private, "hi")
    await house.until(lambda: bool(said))
    assert "'chat.mesage'" in said[0]
    assert "message, edit" in said[0]


async def test_a_send_after_the_end_is_an_os_error(house: House, private: str) -> None:
    kept: list[Send] = []

    async def brief(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        kept.append(send)

    await house.start(brief)
    await house.hears(private, "hi")
    await house.until(lambda: bool(kept))
    await house.settled(private)
    with pytest.raises(OSError, match="has ended"):
        await kept[0]({"type": "chat.message", "text": "late"})


async def test_a_send_of_another_platforms_type_is_refused(house: House, private: str) -> None:
    errors: list[ValueError] = []

    async def confused(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send({"type": "room.message", "text": "hi"})
        except ValueError as error:
            errors.append(error)

    await house.start(confused)
    await house.hears(private, "hi")
    await house.until(lambda: bool(errors))
