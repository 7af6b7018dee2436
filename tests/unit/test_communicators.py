"""The communicators: a bot author's unit tests, for every kind of application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter

from consumers.base import AnswerTimeout, ChatConsumer
from consumers.chat import Lobby
from gateway.testing import (
    Communicator,
    MemoryGateway,
    RoomCommunicator,
    TelegramCommunicator,
    WebCommunicator,
    XmppCommunicator,
)

EVERY = [TelegramCommunicator, XmppCommunicator, WebCommunicator, RoomCommunicator]


class Echo(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.reply(f"You said: {event['text']}")


class Stock(AsyncConsumer):  # type: ignore[misc]
    async def telegram_message(self, event: dict[str, Any]) -> None:
        await self.send({"type": "chat.message", "text": event["text"].upper()})

    xmpp_message = web_message = room_message = telegram_message


class Blocking(SyncConsumer):  # type: ignore[misc]
    def telegram_message(self, event: dict[str, Any]) -> None:
        self.send({"type": "chat.message", "text": event["text"].upper()})

    xmpp_message = web_message = room_message = telegram_message


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while True:
        event = await receive()
        await send({"type": "chat.message", "text": event["text"].upper()})


class Shop(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        size = await self.ask("Which size?")
        topping = await self.ask("Which topping?", timeout=60)
        await self.reply(f"{size}, {topping}")


class Counter(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        self.session["count"] = self.session.get("count", 0) + 1
        await self.reply(str(self.session["count"]))


class Broken(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        raise ZeroDivisionError


class Member(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        if event["text"] == "in":
            await self.channel_layer.group_add("news", self.channel_name)
        else:
            await self.channel_layer.group_send(
                "news", {"type": "news.item", "text": event["text"]}
            )

    async def news_item(self, event: dict[str, Any]) -> None:
        await self.reply(event["text"])


@pytest.mark.parametrize("kind", EVERY)
async def test_a_shared_consumer_answers(kind: type[Any]) -> None:
    communicator: Communicator = kind(Echo.as_asgi())
    await communicator.send_text("hi")
    assert await communicator.receive_text() == "You said: hi"


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("application", [Stock.as_asgi(), Blocking.as_asgi(), bare])
async def test_applications_that_know_nothing_of_us_answer(
    kind: type[Any], application: Any
) -> None:
    communicator: Communicator = kind(application)
    await communicator.send_text("hi")
    assert await communicator.receive_text() == "HI"


async def test_a_router_is_an_application() -> None:
    application = ProtocolTypeRouter({"telegram": Echo.as_asgi(), "xmpp": Stock.as_asgi()})
    communicator = XmppCommunicator(application)
    await communicator.send_text("hi")
    assert await communicator.receive_text() == "HI"


async def test_an_error_of_the_application_is_raised() -> None:
    communicator = TelegramCommunicator(Broken.as_asgi())
    await communicator.send_text("hi")
    with pytest.raises(ZeroDivisionError):
        await communicator.receive_text()


async def test_an_event_that_fails_three_times_is_dead() -> None:
    communicator = TelegramCommunicator(Broken.as_asgi())
    key = await communicator.send_text("hi")
    await communicator.handled()
    assert [event["key"] for event in communicator.dead] == [key]


async def test_silence_can_be_asserted() -> None:
    communicator = TelegramCommunicator(ChatConsumer.as_asgi())
    await communicator.send_text("hi")
    assert await communicator.receive_nothing(0.01)


async def test_silence_is_broken_by_what_was_said() -> None:
    communicator = TelegramCommunicator(Echo.as_asgi())
    await communicator.send_text("hi")
    assert not await communicator.receive_nothing(0.01)


async def test_a_dialogue_is_answered() -> None:
    communicator = TelegramCommunicator(Shop.as_asgi())
    for text in ("order", "large", "cheese"):
        await communicator.send_text(text)
    said = [await communicator.receive_text() for _ in range(3)]
    assert said == ["Which size?", "Which topping?", "large, cheese"]


async def test_a_dialogue_goes_on_after_sleep() -> None:
    communicator = TelegramCommunicator(Shop.as_asgi())
    await communicator.send_text("order")
    await communicator.send_text("large")
    await communicator.disconnect()
    await communicator.send_text("cheese")
    said = [await communicator.receive_text() for _ in range(3)]
    assert said == ["Which size?", "Which topping?", "large, cheese"]


@pytest.mark.parametrize("reason", ["idle", "shutdown"])
async def test_the_session_outlives_the_instance(reason: str) -> None:
    communicator = TelegramCommunicator(Counter.as_asgi())
    await communicator.send_text("one")
    await communicator.disconnect(reason)
    await communicator.send_text("two")
    assert [await communicator.receive_text() for _ in range(2)] == ["1", "2"]


async def test_a_call_gets_the_answer_that_the_test_gives() -> None:
    class Caller(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply((await self.call("getChat", full=True))["title"])

    communicator = TelegramCommunicator(Caller.as_asgi())
    communicator.gateway.answers["getChat"] = {"title": "Friends"}
    await communicator.send_text("hi")
    assert await communicator.receive_text() == "Friends"
    assert communicator.gateway.calls == [(communicator.conversation, "getChat", {"full": True})]


async def test_communicators_share_groups() -> None:
    async with MemoryGateway() as gateway:
        first = TelegramCommunicator(Member.as_asgi(), gateway=gateway)
        second = XmppCommunicator(Member.as_asgi(), gateway=gateway)
        await first.send_text("in")
        await first.handled()
        await second.send_text("extra, extra")
        assert await first.receive_text() == "extra, extra"
        assert await second.receive_nothing(0.01)


async def test_communicators_share_rooms() -> None:
    async with MemoryGateway() as gateway:
        bot = RoomCommunicator(Lobby.as_asgi(), gateway=gateway)
        telegram = TelegramCommunicator(Lobby.as_asgi(), chat=-5, gateway=gateway)
        xmpp = XmppCommunicator(Lobby.as_asgi(), "lobby@example.org", room=True, gateway=gateway)
        for member in (telegram, xmpp):
            await gateway.rooms.join(member.conversation, bot.room)
        await telegram.send_text("/hello")
        assert await xmpp.receive_text() == "/hello"
        assert await xmpp.receive_text() == "Hello Alice!"
        assert await telegram.receive_text() == "Hello Alice!"


async def test_the_channel_layer_is_put_back() -> None:
    before = get_channel_layer()
    async with MemoryGateway() as gateway:
        assert get_channel_layer() is gateway.hub
    assert get_channel_layer() is before


async def test_a_dialogue_that_nobody_answers_ends() -> None:
    ended = asyncio.Event()

    class Impatient(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            try:
                await self.ask("Well?", timeout=0.01)
            except AnswerTimeout:
                ended.set()

    communicator = TelegramCommunicator(Impatient.as_asgi())
    await communicator.send_text("hi")
    async with asyncio.timeout(20):
        await ended.wait()
