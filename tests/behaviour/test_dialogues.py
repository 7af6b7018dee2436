"""``ask`` and ``once``: a handler goes on where it was, whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.base import AnswerTimeout, ChatConsumer
from gateway.vocabulary.events import Author
from house import House

END = pytest.mark.parametrize("end", ["stop", "fall"])


class Shop(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        if event["text"] != "order":
            await self.reply(f"heard {event['text']}")
            return
        size = await self.ask("Which size?")
        topping = await self.ask("Which topping?")
        await self.reply(f"{event['author']['name']}: {size}, {topping}")


async def test_the_next_words_are_the_answer(house: House, private: str) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(private, "order", "large", "cheese")
    assert await house.shows(private, 3) == [
        "Which size?",
        "Which topping?",
        "Alice: large, cheese",
    ]


@END
@pytest.mark.parametrize("answers_before", [0, 1])
async def test_a_dialogue_outlives_a_restart(
    house: House, private: str, end: str, answers_before: int
) -> None:
    words = ["order", "large", "cheese"]
    await house.start(Shop.as_asgi())
    await house.hears(private, *words[: 1 + answers_before])
    before = await house.shows(private, 1 + answers_before)
    await house.settled(private)
    await getattr(house, end)()
    await house.start(Shop.as_asgi())
    await house.hears(private, *words[1 + answers_before :])
    after = await house.shows(private, 2 - answers_before)
    assert [*before, *after] == ["Which size?", "Which topping?", "Alice: large, cheese"]


async def test_a_dialogue_lets_its_conversation_sleep(house: House, private: str) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(private, "order")
    await house.shows(private, 1)
    await house.sleeps(private)
    await house.hears(private, "large", "cheese")
    assert (await house.shows(private, 3))[2] == "Alice: large, cheese"


async def test_a_dialogue_that_waits_wakes_nobody_at_the_start(house: House, private: str) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(private, "order")
    await house.settled(private)
    await house.stop()
    await house.start(Shop.as_asgi())
    await house.board.look()
    assert len(house.board.conversations) == 0


async def test_two_people_are_asked_at_once(house: House, group: str, tom: Author) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(group, "order")
    await house.hears(group, "order", author=tom)
    await house.hears(group, "large")
    await house.hears(group, "small", author=tom)
    await house.hears(group, "ham", author=tom)
    await house.hears(group, "cheese")
    shown = await house.shows(group, 6)
    assert shown[-2:] == ["Tom: small, ham", "Alice: large, cheese"]


async def test_two_people_are_asked_at_once_over_a_restart(
    house: House, group: str, tom: Author
) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(group, "order")
    await house.hears(group, "order", author=tom)
    await house.hears(group, "small", author=tom)
    await house.settled(group)
    await house.fall()
    await house.start(Shop.as_asgi())
    await house.hears(group, "ham", author=tom)
    await house.hears(group, "large", "cheese")
    await house.until(lambda: "Alice: large, cheese" in house.shown(group))
    assert "Tom: small, ham" in house.shown(group)


async def test_who_is_not_asked_is_heard_meanwhile(house: House, group: str, tom: Author) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(group, "order")
    await house.hears(group, "hello", author=tom)
    assert await house.shows(group, 2) == ["Which size?", "heard hello"]


class Impatient(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        try:
            await self.reply(await self.ask("Well?", timeout=0.05))
        except AnswerTimeout:
            await self.reply("too late")


async def test_an_answer_that_does_not_come_is_a_timeout(house: House, private: str) -> None:
    await house.start(Impatient.as_asgi())
    await house.hears(private, "hi")
    assert await house.shows(private, 2) == ["Well?", "too late"]


async def test_a_timeout_that_passes_in_sleep_wakes_its_conversation(
    house: House, private: str
) -> None:
    house.remembers = True
    await house.start(Impatient.as_asgi())
    await house.hears(private, "hi")
    await house.shows(private, 1)
    await house.fall()
    await house.start(Impatient.as_asgi())
    await asyncio.sleep(0.05)
    await house.board.look()
    assert await house.shows(private, 2) == ["Well?", "too late"]


async def test_a_timeout_that_nobody_catches_harms_no_other_event(
    house: House, private: str
) -> None:
    class Careless(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            if event["text"] == "ask":
                await self.ask("Well?", timeout=0.01)
            await asyncio.sleep(0.005)
            await self.reply(event["text"])

    await house.start(Careless.as_asgi())
    await house.hears(private, "ask")
    await house.shows(private, 1)
    await house.until(lambda: house.board.conversations.dropped == 1)
    await house.hears(private, "one", "two")
    assert (await house.shows(private, 3))[1:] == ["one", "two"]


async def test_events_in_hand_beside_a_failing_dialogue_are_not_lost(
    house: House, group: str, tom: Author
) -> None:
    class Careless(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            if event["text"] == "ask":
                await self.ask("Well?")
                raise ZeroDivisionError
            await asyncio.sleep(0)
            await self.reply(event["text"])

    await house.start(Careless.as_asgi())
    await house.hears(group, "ask")
    await house.shows(group, 1)
    texts = [str(number) for number in range(20)]
    port = house.server(group).port
    answer = house.arrival(group, "answer")
    others = [house.arrival(group, text, author=tom) for text in texts]
    await port.accept([*others[:10], answer, *others[10:]])
    assert (await house.shows(group, 21))[1:] == texts


async def test_answers_outlive_a_failure_of_another_event(
    house: House, group: str, tom: Author
) -> None:
    class Fragile(Shop):
        async def chat_message(self, event: dict[str, Any]) -> None:
            if event["text"] == "fail":
                raise ZeroDivisionError
            await super().chat_message(event)

    await house.start(Fragile.as_asgi())
    await house.hears(group, "order", "large")
    await house.hears(group, "fail", author=tom)
    await house.settled(group)
    await house.hears(group, "cheese")
    assert await house.shows(group, 3) == [
        "Which size?",
        "Which topping?",
        "Alice: large, cheese",
    ]


@pytest.mark.parametrize("how", ["retry", "restart"])
async def test_what_is_done_once_is_done_once(house: House, private: str, how: str) -> None:
    done: list[str] = []
    tries: list[str] = []

    class Careful(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            tries.append(event["text"])
            number = await self.once(self.work)
            if len(tries) < 2 and how == "retry":
                raise ZeroDivisionError
            if how == "restart":
                await self.ask("Go on?")
            await self.reply(f"done {number}")

        async def work(self) -> int:
            done.append("work")
            return len(done)

    await house.start(Careful.as_asgi())
    await house.hears(private, "hi")
    if how == "restart":
        await house.settled(private)
        await house.fall()
        await house.start(Careful.as_asgi())
        await house.hears(private, "yes")
    await house.until(lambda: "done 1" in house.shown(private))
    assert done == ["work"]


async def test_sends_of_a_dialogue_are_not_said_twice_by_its_second_run(
    house: House, private: str
) -> None:
    await house.start(Shop.as_asgi())
    await house.hears(private, "order", "large")
    await house.shows(private, 2)
    await house.sleeps(private)
    await house.hears(private, "cheese")
    await house.shows(private, 3)
    await house.settled(private)
    assert house.shown(private).count("Which size?") == 1


async def test_nothing_can_be_asked_without_an_event_in_hand(house: House, private: str) -> None:
    errors: list[str] = []

    class Eager(ChatConsumer):
        async def disconnect(self, reason: str) -> None:
            try:
                await self.once(lambda: asyncio.sleep(0))
            except RuntimeError as error:
                errors.append(str(error))

    await house.start(Eager.as_asgi())
    await house.hears(private, "hi")
    await house.sleeps(private)
    assert errors == ["there is no event in hand to ask or remember for"]
