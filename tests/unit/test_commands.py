"""Commands of bots: words, help, and help with typing errors."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.bot import Bot, command
from consumers.chat import Lobby
from gateway.testing import MemoryGateway, TelegramCommunicator


class Shop(Bot):
    @command
    async def order(self, event: dict[str, Any], what: str, count: str = "1") -> str:
        """Order something.

        More than the first line is not shown.
        """
        return f"{count} x {what}"

    @command
    async def quiet(self, event: dict[str, Any]) -> None:
        """Say nothing."""

    async def said(self, event: dict[str, Any]) -> None:
        await self.reply(f"said {event['text']}")


@pytest.fixture
def shop() -> TelegramCommunicator:
    return TelegramCommunicator(Shop.as_asgi())


async def answer(communicator: TelegramCommunicator, text: str) -> str:
    await communicator.send_text(text)
    return await communicator.receive_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/order pizza", "1 x pizza"),
        ("/order pizza 3", "3 x pizza"),
        ("/ORDER  pizza\t2 ", "2 x pizza"),
        ("hello", "said hello"),
        ("no /order pizza", "said no /order pizza"),
        ("", "said "),
        ("/order", "That is not how it goes: /order WHAT [COUNT]"),
        ("/order a b c", "That is not how it goes: /order WHAT [COUNT]"),
        ("/ordr pizza", "No command /ordr. Did you mean /order?"),
        ("/jion lobby", "No command /jion. Did you mean /join?"),
        ("/xyzzy", "No command /xyzzy. /help lists what there is."),
        ("/id", "telegram:default:1"),
    ],
)
async def test_an_answer_to(shop: TelegramCommunicator, text: str, expected: str) -> None:
    assert await answer(shop, text) == expected


async def test_a_command_may_say_nothing(shop: TelegramCommunicator) -> None:
    await shop.send_text("/quiet")
    assert await shop.receive_nothing(0.01)


async def test_what_is_no_command_cannot_be_called(shop: TelegramCommunicator) -> None:
    assert (await answer(shop, "/said")).startswith("No command /said")


async def test_a_group_is_not_told_of_unknown_commands() -> None:
    group = TelegramCommunicator(Shop.as_asgi(), chat=-5)
    await group.send_text("/xyzzy")
    assert await group.receive_nothing(0.01)


async def test_a_command_for_another_bot_is_not_run(shop: TelegramCommunicator) -> None:
    await shop.send_text("/order pizza", foreign=True)
    assert await shop.receive_nothing(0.01)


async def test_help_lists_commands_by_their_first_line(shop: TelegramCommunicator) -> None:
    lines = (await answer(shop, "/help")).splitlines()
    assert "/order: Order something." in lines


async def test_help_lists_the_room_commands(shop: TelegramCommunicator) -> None:
    assert "/join ROOM [CODE]" in await answer(shop, "/help")


async def test_rooms_without_any_open(shop: TelegramCommunicator) -> None:
    assert (await answer(shop, "/rooms")).startswith("No room is open")


async def test_who_outside_a_room(shop: TelegramCommunicator) -> None:
    assert (await answer(shop, "/who")).startswith("This chat is in no room.")


async def test_leave_outside_a_room(shop: TelegramCommunicator) -> None:
    assert await answer(shop, "/leave") == "This chat is in no room."


async def test_join_and_leave() -> None:
    async with MemoryGateway() as gateway:
        gateway.rooms.create("den")
        chat = TelegramCommunicator(Shop.as_asgi(), gateway=gateway)
        assert await answer(chat, "/join den") == "This chat is in den now."
        assert await answer(chat, "/leave") == "This chat has left den."


async def test_the_default_bot_greets() -> None:
    chat = TelegramCommunicator(Lobby.as_asgi(), user="Ada")
    assert await answer(chat, "/hello") == "Hello Ada!"


async def test_the_default_bot_takes_orders() -> None:
    chat = TelegramCommunicator(Lobby.as_asgi(), user="Ada")
    await answer(chat, "/order")
    await answer(chat, "large")
    assert await answer(chat, "ham") == "One large pizza with ham, coming up for Ada."
