"""A bot by webhook: on the port of the page, or on a port for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.testing.botapi import BotApi
from serving import Serving

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{url}"
mode = "webhook"
webhook_url = "http://127.0.0.1:{port}/hooks/telegram/default/"
webhook_secret = "a-secret-of-ours"
limits = "off"
"""


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


@pytest.mark.parametrize("protocols", ["telegram", "telegram,ws"])
async def test_a_bot_answers_by_webhook(tmp_path: Path, api: BotApi, protocols: str) -> None:
    bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
    gateway = Serving(tmp_path, "", "--protocols", protocols)
    gateway.configuration.write_text(
        CONFIGURATION.format(token=TOKEN, url=api.url, port=gateway.port)
    )
    async with gateway:
        await tom.says(bot, "/hello")
        await api.private(tom, bot).wait_for("Hello Tom!")


async def test_a_forged_update_is_refused(tmp_path: Path, api: BotApi) -> None:
    api.bot(token=TOKEN, username="OurBot")
    gateway = Serving(tmp_path, "", "--protocols", "telegram")
    gateway.configuration.write_text(
        CONFIGURATION.format(token=TOKEN, url=api.url, port=gateway.port)
    )
    async with gateway, aiohttp.ClientSession() as session:
        await api.wait_for_call("setWebhook")
        hook = f"{gateway.page}/hooks/telegram/default/"
        async with session.post(hook, json={"update_id": 1}) as answer:
            assert answer.status == 403
