"""Who has an account when its process hangs: the other one, within seconds, and it alone."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.testing.botapi import BotApi
from serving import Serving

pytestmark = pytest.mark.timeout(120)

SECONDS = 30
"""Longer than a takeover: on a machine that has other things to do."""
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{url}"
limits = "off"
"""


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


async def test_a_process_that_hangs_is_replaced_and_does_nothing_when_it_wakes(
    tmp_path: Path, api: BotApi
) -> None:
    bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
    configuration = CONFIGURATION.format(token=TOKEN, url=api.url)
    flags = ("--protocols", "telegram")
    one = Serving(tmp_path, configuration, *flags, name="one.toml")
    two = Serving(tmp_path, configuration, *flags, name="two.toml")
    async with one, two:
        await tom.says(bot, "/echo first")
        chat = api.private(tom, bot)
        await chat.wait_for("first", seconds=SECONDS)
        await one.quiet()
        os.kill(one.pid, signal.SIGSTOP)
        try:
            await tom.says(bot, "/echo second")
            await chat.wait_for("second", seconds=SECONDS)
        finally:
            os.kill(one.pid, signal.SIGCONT)
        await one.says("served by process")
        await tom.says(bot, "/echo third")
        await chat.wait_for("third", seconds=SECONDS)
    assert chat.texts == ["first", "second", "third"]
