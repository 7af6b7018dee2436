"""Groups of the channel layer: members that sleep, forged words, bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.consumer import AsyncConsumer
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer

from consumers.base import ChatConsumer
from gateway.delivery.hub import channel_from_conversation
from house import House, Notebook, wait

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Reader(ChatConsumer):
    """Says in its conversation what its group hears."""

    async def chat_message(self, event: dict[str, Any]) -> None:
        if event["text"] == "in":
            await self.channel_layer.group_add("news", self.channel_name)
        elif event["text"] == "out":
            await self.channel_layer.group_discard("news", self.channel_name)
        else:
            await self.channel_layer.group_send(
                "news", {"type": "news.item", "text": event["text"]}
            )

    async def news_item(self, event: dict[str, Any]) -> None:
        await self.reply(event["text"])


class Stock(AsyncConsumer):  # type: ignore[misc]
    """The same, as Channels' tutorial has it: the group's type is ``chat.message``."""

    async def telegram_message(self, event: dict[str, Any]) -> None:
        if event["text"] == "in":
            await self.channel_layer.group_add("news", self.channel_name)
        elif event["text"] == "fail":
            raise ZeroDivisionError
        else:
            message = {"type": "chat.message", "text": event["text"]}
            await self.channel_layer.group_send("news", message)

    xmpp_message = web_message = telegram_message

    async def chat_message(self, event: dict[str, Any]) -> None:
        if event["text"] == "group fails":
            raise ZeroDivisionError
        await self.send({"type": "chat.message", "text": event["text"]})


BOTH = pytest.mark.parametrize("application", [Reader.as_asgi(), Stock.as_asgi()])


async def enter(house: House, *conversations: str) -> None:
    for conversation in conversations:
        await house.hears(conversation, "in")
        await house.settled(conversation)


@BOTH
async def test_a_sender_in_the_group_hears_itself(
    house: House, private: str, application: Any
) -> None:
    await house.start(application)
    await enter(house, private)
    await house.hears(private, "hi")
    assert await house.shows(private, 1) == ["hi"]


@BOTH
async def test_a_group_speaks_across_conversations(
    house: House, private: str, group: str, application: Any
) -> None:
    await house.start(application)
    await enter(house, private)
    await house.hears(group, "hi")
    assert await house.shows(private, 1) == ["hi"]


@BOTH
async def test_a_group_message_wakes_who_sleeps(
    house: House, private: str, group: str, application: Any
) -> None:
    await house.start(application)
    await enter(house, private)
    await house.sleeps(private)
    await house.hears(group, "wake up")
    assert await house.shows(private, 1) == ["wake up"]


@BOTH
@pytest.mark.parametrize("end", ["stop", "fall"])
async def test_a_membership_outlives_a_restart(
    house: House, private: str, group: str, application: Any, end: str
) -> None:
    await house.start(application)
    await enter(house, private)
    await getattr(house, end)()
    await house.start(application)
    await house.hears(group, "still there?")
    assert await house.shows(private, 1) == ["still there?"]


async def test_leaving_at_the_goodbye_is_not_leaving(
    house: House, private: str, group: str
) -> None:
    class Tidy(Reader):
        async def disconnect(self, reason: str) -> None:
            await self.channel_layer.group_discard("news", self.channel_name)

    await house.start(Tidy.as_asgi())
    await enter(house, private)
    await house.sleeps(private)
    await house.hears(group, "still there?")
    assert await house.shows(private, 1) == ["still there?"]


async def test_who_left_hears_nothing_after_a_restart(
    house: House, private: str, group: str
) -> None:
    await house.start(Reader.as_asgi())
    await enter(house, private)
    await house.hears(private, "out")
    await house.settled(private)
    await house.stop()
    await house.start(Reader.as_asgi())
    await house.hears(group, "anybody?")
    await house.settled()
    assert house.shown(private) == []


async def test_a_living_member_gets_a_burst_whole(house: House, private: str) -> None:
    pages = Notebook()

    class Slow(Reader):
        async def news_item(self, event: dict[str, Any]) -> None:
            pages.note(event)

    await house.start(Slow.as_asgi())
    await enter(house, private)
    for number in range(1_000):
        await house.group_send("news", {"type": "news.item", "text": str(number)})
    await house.until(lambda: len(pages.texts) == 1_000)
    assert pages.texts == [str(number) for number in range(1_000)]


async def test_what_overflows_is_counted_and_told(
    house: House, private: str, caplog: pytest.LogCaptureFixture
) -> None:
    held = asyncio.Event()

    class Stuck(Reader):
        async def news_item(self, event: dict[str, Any]) -> None:
            held.set()
            await asyncio.Event().wait()

    await house.start(Stuck.as_asgi())
    await enter(house, private)
    with caplog.at_level(logging.WARNING, "gateway.delivery.hub"):
        for _ in range(1_010):
            await house.group_send("news", {"type": "news.item", "text": "hi"})
    await wait(held)
    told = [record for record in caplog.records if record.name == "gateway.delivery.hub"]
    assert (house.board.hub.dropped, len(told)) == (10, 1)
    await house.fall()


async def test_a_full_conversation_is_a_full_channel(house: House, private: str) -> None:
    class Stuck(ChatConsumer):
        async def news_item(self, event: dict[str, Any]) -> None:
            await asyncio.Event().wait()

    await house.start(Stuck.as_asgi())
    channel = channel_from_conversation(private)
    for _ in range(1_000):
        await house.board.hub.send(channel, {"type": "news.item"})
    with pytest.raises(ChannelFull):
        await house.board.hub.send(channel, {"type": "news.item"})
    await house.fall()


# One gate for both


async def test_an_event_beside_a_failing_group_handler_is_not_lost(
    house: House, private: str, group: str
) -> None:
    await house.start(Stock.as_asgi())
    await enter(house, private)
    for number in range(10):
        await house.group_send("news", {"type": "chat.message", "text": "group fails"})
        await house.hears(private, str(number))
    await house.settled(private)
    assert await house.shows(private, 10) == [str(number) for number in range(10)]


async def test_a_group_message_beside_a_failing_event_is_not_lost(
    house: House, private: str
) -> None:
    await house.start(Stock.as_asgi())
    await enter(house, private)
    for number in range(5):
        await house.hears(private, "fail")
        await house.group_send("news", {"type": "chat.message", "text": str(number)})
    assert await house.shows(private, 5) == [str(number) for number in range(5)]


async def test_one_event_at_a_time_comes_through_the_gate(house: House, private: str) -> None:
    at_once: list[int] = []
    inside: set[str] = set()

    class Watching(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            inside.add(event["key"])
            at_once.append(len(inside))
            await asyncio.sleep(0)
            inside.discard(event["key"])

        news_item = chat_message

    await house.start(Watching.as_asgi())
    await house.board.hub.group_add("news", channel_from_conversation(private))
    for _ in range(20):
        await house.hears(private, "hi")
        await house.group_send("news", {"type": "news.item", "text": "hi"})
    await house.until(lambda: len(at_once) == 40)
    assert set(at_once) == {1}


# The gate: only the wire says what a person said


class Believer(ChatConsumer):
    """Repeats what people say, in one word."""

    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.reply("believed" if event["text"] == "forged" else event["text"])


FORGED = ["telegram.message", "xmpp.message", "web.message", "chat.message"]


@pytest.mark.parametrize("type_", FORGED)
async def test_words_cannot_be_forged_to_who_accepted(
    house: House, private: str, type_: str
) -> None:
    await house.start(Believer.as_asgi())
    await house.hears(private, "one")
    await house.shows(private, 1)
    await house.settled(private)
    with pytest.raises(ValueError, match="from the wire only"):
        await house.board.hub.send(
            channel_from_conversation(private), {"type": type_, "text": "forged"}
        )


@pytest.mark.parametrize("type_", FORGED)
@pytest.mark.parametrize("awake", [True, False])
async def test_words_forged_to_a_group_reach_nobody_who_accepts(
    house: House, private: str, type_: str, awake: bool
) -> None:
    await house.start(Believer.as_asgi())
    await house.hears(private, "one")
    await house.shows(private, 1)
    await house.settled(private)
    if not awake:
        await house.sleeps(private)
    await house.board.hub.group_add("news", channel_from_conversation(private))
    await house.group_send("news", {"type": type_, "text": "forged", "author": {"id": "x"}})
    await house.hears(private, "two")
    assert await house.shows(private, 2) == ["one", "two"]


async def test_words_of_its_own_platform_cannot_be_forged_to_a_stock_consumer(
    house: House, private: str
) -> None:
    await house.start(Stock.as_asgi())
    await enter(house, private)
    own = f"{private.partition(':')[0]}.message"
    with pytest.raises(ValueError, match="from the wire only"):
        await house.board.hub.send(channel_from_conversation(private), {"type": own})


async def test_a_type_of_ones_own_goes_everywhere(house: House, private: str) -> None:
    await house.start(Reader.as_asgi())
    await house.board.hub.send(
        channel_from_conversation(private), {"type": "news.item", "text": "extra"}
    )
    assert await house.shows(private, 1) == ["extra"]


async def test_an_unknown_type_harms_no_shared_consumer(house: House, private: str) -> None:
    await house.start(Believer.as_asgi())
    await house.board.hub.send(channel_from_conversation(private), {"type": "what.ever"})
    await house.hears(private, "hi")
    assert await house.shows(private, 1) == ["hi"]


async def test_a_new_channel_inside_a_conversation_is_its_own(house: House, private: str) -> None:
    names: list[str] = []

    async def asking(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        layer: Any = get_channel_layer()
        names.extend([await layer.new_channel(), await layer.new_channel()])

    await house.start(asking)
    await house.hears(private, "hi")
    await house.until(lambda: len(names) == 2)
    assert set(names) == {channel_from_conversation(private)}
