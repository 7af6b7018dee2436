"""The bot of Channels' own introduction, as it stands there, over the simulated Bot API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from channels.consumer import SyncConsumer
from channels.routing import ProtocolTypeRouter

from gateway.testing.botapi import Bot, BotApi, User
from house import House

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"


# fmt: off
class ChattyBotConsumer(SyncConsumer):  # type: ignore[misc]

    def telegram_message(self, message):  # type: ignore[no-untyped-def]
        """
        Simple echo handler for telegram messages in any chat.
        """
        self.send({
            "type": "telegram.message",
            "text": "You said: %s" % message["text"],  # noqa: UP031
        })
# fmt: on


@pytest.fixture
async def telegram(house: House) -> AsyncIterator[tuple[User, Bot]]:
    """Tom, and the bot he speaks with."""
    from protocols.telegram.server import Server
    from protocols.telegram.settings import Settings

    async with BotApi() as api:
        bot = api.bot(token=TOKEN, username="OurBot")
        await house.start(ProtocolTypeRouter({"telegram": ChattyBotConsumer.as_asgi()}), bots=False)
        port = house.board.port("telegram:default")
        settings = Settings(token=TOKEN, api_url=api.url, limits="off")
        server = Server("telegram:default", settings, port)
        port.identity = server.identity
        house.board.register("telegram:default", server)
        running = asyncio.create_task(server.run())
        yield api.user("Tom"), bot
        running.cancel()
        await asyncio.wait({running})
        await house.stop()
        await server.close()


async def test_the_chatty_bot_of_the_documentation_echoes(telegram: tuple[User, Bot]) -> None:
    tom, bot = telegram
    await tom.says(bot, "hello")
    await tom.world.chat_of(bot, tom).wait_for("You said: hello")


async def test_it_echoes_message_after_message(telegram: tuple[User, Bot]) -> None:
    tom, bot = telegram
    chat = tom.world.chat_of(bot, tom)
    for text in ("one", "two", "three"):
        await tom.says(bot, text)
        await chat.wait_for(f"You said: {text}")
    assert [text for text in chat.texts if text.startswith("You")] == [
        "You said: one",
        "You said: two",
        "You said: three",
    ]
