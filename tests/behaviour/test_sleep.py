"""Sleep and wake, slowness and bounds: a conversation delays nobody but itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.consumer import AsyncConsumer, SyncConsumer

from consumers.base import ChatConsumer
from gateway.delivery.conversation import QUEUE
from gateway.testing import MemoryGateway
from gateway.testing.communicators import TelegramCommunicator
from house import PATIENCE, House, Notebook, wait

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Diary(ChatConsumer):
    """Keeps what happens to it in ``pages``."""

    pages: Notebook

    async def connect(self, reason: str) -> None:
        self.pages.openings.append(reason)

    async def chat_message(self, event: dict[str, Any]) -> None:
        self.pages.note(event)

    async def disconnect(self, reason: str) -> None:
        self.pages.goodbyes.append(reason)


@pytest.fixture
def pages() -> Notebook:
    Diary.pages = Notebook()
    return Diary.pages


async def test_who_is_idle_is_told_so(house: House, private: str, pages: Notebook) -> None:
    await house.start(Diary.as_asgi())
    await house.hears(private, "hi")
    await house.sleeps(private)
    assert pages.goodbyes == ["idle"]


async def test_at_the_end_everybody_is_told_so(house: House, private: str, pages: Notebook) -> None:
    await house.start(Diary.as_asgi())
    await house.hears(private, "hi")
    await house.settled(private)
    await house.stop()
    assert pages.goodbyes == ["shutdown"]


async def test_an_event_wakes_who_sleeps(house: House, private: str, pages: Notebook) -> None:
    await house.start(Diary.as_asgi())
    await house.hears(private, "one")
    await house.sleeps(private)
    await house.hears(private, "two")
    await house.until(lambda: pages.texts == ["one", "two"])


async def test_connect_says_why(house: House, private: str, pages: Notebook) -> None:
    await house.start(Diary.as_asgi())
    await house.hears(private, "one")
    await house.sleeps(private)
    await house.hears(private, "two")
    await house.until(lambda: pages.texts == ["one", "two"])
    assert pages.openings == ["new", "wake"]


async def test_a_welcome_is_said_once_in_a_conversation(house: House, private: str) -> None:
    class Polite(ChatConsumer):
        async def connect(self, reason: str) -> None:
            await self.say("Welcome!")

        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply(event["text"])

    await house.start(Polite.as_asgi())
    await house.hears(private, "one")
    await house.shows(private, 2)
    await house.sleeps(private)
    await house.hears(private, "two")
    assert await house.shows(private, 3) == ["Welcome!", "one", "two"]


async def test_a_conversation_at_work_is_not_put_to_sleep(house: House, private: str) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    class Slow(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            begun.set()
            await may_end.wait()
            await self.reply("done")

    await house.start(Slow.as_asgi())
    await house.hears(private, "hi")
    await wait(begun)
    assert house.board.conversations.sweep(idle_seconds=0) == 0
    may_end.set()
    assert await house.shows(private, 1) == ["done"]


async def test_a_conversation_that_has_events_is_not_put_to_sleep(
    house: House, private: str, pages: Notebook
) -> None:
    await house.start(Diary.as_asgi())
    await house.hears(private, "one", "two", "three")
    while len(pages.texts) < 3:
        house.board.conversations.sweep(idle_seconds=0)
        await asyncio.sleep(0)
    assert pages.goodbyes == []


async def test_an_event_that_comes_during_the_goodbye_is_handled_after_it(
    house: House, private: str
) -> None:
    saying, may_go = asyncio.Event(), asyncio.Event()
    story: list[str] = []

    class Lingering(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            story.append(event["text"])

        async def disconnect(self, reason: str) -> None:
            saying.set()
            await may_go.wait()
            story.append("bye")

    await house.start(Lingering.as_asgi())
    await house.hears(private, "one")
    await house.settled(private)
    house.board.conversations.sweep(idle_seconds=0)
    await wait(saying)
    await house.hears(private, "two")
    may_go.set()
    await house.until(lambda: story == ["one", "bye", "two"])


async def test_an_error_in_the_goodbye_is_not_tried_again(house: House, private: str) -> None:
    goodbyes: list[str] = []

    class Clumsy(ChatConsumer):
        async def disconnect(self, reason: str) -> None:
            goodbyes.append(reason)
            raise ZeroDivisionError

    await house.start(Clumsy.as_asgi())
    await house.hears(private, "hi")
    await house.sleeps(private)
    assert (goodbyes, await house.dead()) == (["idle"], [])


@pytest.mark.parametrize("application", ["chat", "stock", "bare"])
async def test_two_hundred_conversations_put_to_sleep_at_work_lose_nothing(
    house: House, application: str
) -> None:
    handled: list[str] = []
    goodbyes: list[str] = []

    class Worker(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await asyncio.sleep(0.01)
            handled.append(event["text"])

        async def disconnect(self, reason: str) -> None:
            goodbyes.append(reason)

    class Stock(AsyncConsumer):  # type: ignore[misc]
        async def telegram_message(self, event: dict[str, Any]) -> None:
            await asyncio.sleep(0.01)
            handled.append(event["text"])

    async def bare(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            await asyncio.sleep(0.01)
            handled.append(event["text"])

    chosen = {"chat": Worker.as_asgi(), "stock": Stock.as_asgi(), "bare": bare}[application]
    await house.start(chosen)
    house.board.conversations.limit = 50
    port = house.servers["telegram:default"].port
    keys = [f"telegram:default:{number}" for number in range(1, 201)]
    await port.accept([house.arrival(key, key) for key in keys])
    while len(handled) < 200:
        house.board.conversations.sweep(idle_seconds=0)
        await asyncio.sleep(0.001)
    await house.sleeps()
    assert sorted(handled) == sorted(keys)
    assert len(goodbyes) == (200 if application == "chat" else 0)


async def test_a_conversation_that_waits_for_its_limit_makes_room(house: House) -> None:
    pages = Diary.pages = Notebook()
    await house.start(Diary.as_asgi())
    house.board.conversations.limit = 5
    for number in range(1, 21):
        await house.hears(f"telegram:default:{number}", str(number))
        await house.settled(f"telegram:default:{number}")
    await house.until(lambda: len(house.board.conversations) <= 6)
    assert len(pages.texts) == 20


# Slowness


async def test_a_slow_conversation_delays_only_itself(
    house: House, private: str, group: str
) -> None:
    may_end = asyncio.Event()

    class Slow(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            if self.conversation == private:
                await may_end.wait()
            await self.reply(event["text"])

    await house.start(Slow.as_asgi())
    await house.hears(private, "one")
    await house.hears(group, "two")
    assert await house.shows(group, 1) == ["two"]
    assert house.shown(private) == []
    may_end.set()
    await house.shows(private, 1)


async def test_a_blocking_consumer_delays_no_shared_consumer(house: House) -> None:
    """Stock consumers wait for one thread before each event; ours never do."""
    may_end = threading.Event()

    class Blocking(SyncConsumer):  # type: ignore[misc]
        def telegram_message(self, event: dict[str, Any]) -> None:
            may_end.wait(PATIENCE)
            self.send({"type": "chat.message", "text": event["text"]})

    class Echo(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply(event["text"])

    blocking, echo = Blocking.as_asgi(), Echo.as_asgi()

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        chosen = blocking if scope["type"] == "telegram" else echo
        await chosen(scope, receive, send)

    await house.start(application)
    await house.hears("telegram:default:1", "slow")
    await house.hears("xmpp:default:a@example.org", "quick")
    try:
        assert await house.shows("xmpp:default:a@example.org", 1) == ["quick"]
        assert house.shown("telegram:default:1") == []
    finally:
        may_end.set()
    assert await house.shows("telegram:default:1", 1) == ["slow"]


async def test_who_brings_events_waits_for_no_conversation(house: House, private: str) -> None:
    held = asyncio.Event()

    class Stuck(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            held.set()
            await asyncio.Event().wait()

    await house.start(Stuck.as_asgi())
    for _ in range(QUEUE * 2):
        await house.hears(private, "hi")
    await wait(held)
    awake = house.board.conversations.awake(private)
    assert awake is not None
    assert len(awake.queue) <= QUEUE
    await house.fall()


async def test_what_does_not_fit_the_queue_is_handled_in_order(house: House, private: str) -> None:
    pages = Diary.pages = Notebook()
    may_go = asyncio.Event()

    class Late(Diary):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await may_go.wait()
            await super().chat_message(event)

    await house.start(Late.as_asgi())
    texts = [str(number) for number in range(QUEUE * 3)]
    for text in texts:
        await house.hears(private, text)
    may_go.set()
    await house.until(lambda: len(pages.texts) >= len(texts))
    assert pages.texts == texts


async def test_each_event_is_handled_once_while_the_queue_overflows(
    house: House, private: str
) -> None:
    class Counter(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            self.session["count"] = self.session.get("count", 0) + 1
            await self.reply(str(self.session["count"]))

    await house.start(Counter.as_asgi())
    for start in range(0, 300, 50):
        await house.hears(private, *(str(number) for number in range(start, start + 50)))
    assert (await house.shows(private, 300))[-1] == "300"


# Sessions


class Counter(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        self.session["count"] = self.session.get("count", 0) + 1
        self.session.setdefault("said", []).append(event["text"])
        await self.reply(f"{self.session['count']} {' '.join(self.session['said'])}")


async def test_a_session_outlives_sleep(house: House, private: str) -> None:
    await house.start(Counter.as_asgi())
    await house.hears(private, "a")
    await house.sleeps(private)
    await house.hears(private, "b")
    assert await house.shows(private, 2) == ["1 a", "2 a b"]


@pytest.mark.parametrize("end", ["stop", "fall"])
async def test_a_session_outlives_a_restart(house: House, private: str, end: str) -> None:
    await house.start(Counter.as_asgi())
    await house.hears(private, "a")
    await house.shows(private, 1)
    await house.settled(private)
    await getattr(house, end)()
    await house.start(Counter.as_asgi())
    await house.hears(private, "b")
    assert await house.shows(private, 1) == ["2 a b"]


async def test_what_a_failed_try_changed_is_forgotten(house: House, private: str) -> None:
    tries = []

    class Late(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            self.session.setdefault("list", []).append(event["text"])
            tries.append(event)
            if len(tries) < 3:
                raise ZeroDivisionError
            await self.reply(" ".join(self.session["list"]))

    await house.start(Late.as_asgi())
    await house.hears(private, "once")
    assert await house.shows(private, 1) == ["once"]


@pytest.mark.parametrize("hook", ["connect", "disconnect"])
async def test_what_a_hook_keeps_in_the_session_is_kept(
    house: House, private: str, hook: str
) -> None:
    class Keeper(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply(self.session.get(hook, "nothing"))

    async def keep(self: Any, reason: str) -> None:
        self.session.setdefault(hook, reason)

    setattr(Keeper, hook, keep)
    await house.start(Keeper.as_asgi())
    await house.hears(private, "one")
    await house.sleeps(private)
    await house.hears(private, "two")
    expected = {"connect": "new", "disconnect": "idle"}[hook]
    assert (await house.shows(private, 2))[1] == expected


async def test_a_key_can_be_taken_out_of_a_session() -> None:
    class Leaver(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            if event["text"] == "keep":
                self.session["kept"] = True
            elif event["text"] == "drop":
                del self.session["kept"]
            await self.reply(str("kept" in self.session))

    async with MemoryGateway() as gateway:
        communicator = TelegramCommunicator(Leaver.as_asgi(), gateway=gateway)
        for text, expected in (("keep", "True"), ("drop", "False"), ("look", "False")):
            await communicator.send_text(text)
            assert await communicator.receive_text() == expected
