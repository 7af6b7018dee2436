"""A burst of Telegram updates, each answered: our gateway, python-telegram-bot and aiogram.

    python benchmarks/telegram_burst.py [--updates 5000] [--chats 200] [--runs 2]

The simulated Bot API runs in a process of its own and has all updates at once; what counts is the
CPU time of the bot's process, because the machine is shared with the Bot API's. "gateway" is
``gateway serve`` with an echo ``ChatConsumer``, its ledger on disk and ``limits = "off"``;
"python-telegram-bot" is its Application as built by default, "aiogram" its Dispatcher likewise;
neither has a ledger. Then 100 updates a second, one by one: the time from an update to its answer
at the Bot API, beside the time that the disk takes for one sync. Every answer is counted. Needs
the ``bench`` extra. About a minute and a half.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from measure import (
    ENVIRONMENT,
    ROOT,
    cpu_seconds,
    percentile,
    print_machine,
    print_table,
    spread,
    sync_milliseconds,
)

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire")]

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{api}"
limits = "off"
mode = "polling"
"""
ECHO = """
from consumers.base import ChatConsumer

class Echo(ChatConsumer):
    async def chat_message(self, event):
        await self.reply(f"You said: {event['text']}")
"""
STEADY_RATE = 100
STEADY_SECONDS = 3


# The Bot API, in its own process: reads an order on each line, prints what came of it.


class Calls(list[Any]):
    """Keeps when each text was sent, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[float]] = {}
        self.count = 0

    def append(self, call: Any) -> None:
        if call.method.lower() == "sendmessage":
            self.count += 1
            number = call.parameters["text"].rpartition(" ")[2]
            self.sent.setdefault(number, []).append(time.perf_counter())


async def serve_api(chats: int) -> None:
    from gateway.testing.botapi import BotApi

    async with BotApi() as api:
        api.calls = calls = Calls()
        bot = api.bot(token=TOKEN)
        people = [api.user(f"Tom{number}") for number in range(chats)]
        print(api.url, flush=True)
        numbers = iter(range(10**9))
        while line := await asyncio.to_thread(sys.stdin.readline):
            count, rate = (float(word) for word in line.split())
            said = {}
            for _ in range(int(count)):
                number = next(numbers)
                said[str(number)] = time.perf_counter()
                await people[number % chats].says(bot, f"say {number}")
                if rate:
                    await asyncio.sleep(max(0, said[str(number)] + 1 / rate - time.perf_counter()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    while not calls.sent.keys() >= said.keys():  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            print(json.dumps(outcome(said, calls)), flush=True)


def outcome(said: dict[str, float], calls: Calls) -> dict[str, Any]:
    answered = {number: calls.sent[number] for number in said if number in calls.sent}
    last = max((times[0] for times in answered.values()), default=0.0)
    return {
        "missing": len(said) - len(answered),
        "twice": sum(len(times) > 1 for times in answered.values()),
        "seconds": last - min(said.values()),
        "latencies": [times[0] - said[number] for number, times in answered.items()],
    }


# The bots.


def serve_python_telegram_bot(api: str) -> None:
    from telegram.ext import Application, MessageHandler, filters

    async def echo(update: Any, context: Any) -> None:
        await update.message.reply_text(f"You said: {update.message.text}")

    application = Application.builder().token(TOKEN).base_url(f"{api}/bot").build()
    application.add_handler(MessageHandler(filters.TEXT, echo))
    application.run_polling()


def serve_aiogram(api: str) -> None:
    from aiogram import Bot, Dispatcher, F
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.types import Message

    dispatcher = Dispatcher()

    @dispatcher.message(F.text)
    async def echo(message: Message) -> None:
        await message.answer(f"You said: {message.text}")

    session = AiohttpSession(api=TelegramAPIServer.from_base(api))
    asyncio.run(dispatcher.start_polling(Bot(TOKEN, session=session)))


PEERS = {"python-telegram-bot": serve_python_telegram_bot, "aiogram": serve_aiogram}


@contextlib.asynccontextmanager
async def gateway(api: str, directory: Path) -> Any:
    async with echo_gateway(api, directory) as serving:
        yield serving.pid


def echo_gateway(api: str, directory: Path) -> Any:
    from serving import Serving

    text = CONFIGURATION.format(token=TOKEN, api=api)
    flags = ("--protocols", "telegram", "--bot", "echo:Echo", "-q")
    serving = Serving(directory, text, *flags)
    (directory / "echo.py").write_text(ECHO)
    return serving


@contextlib.asynccontextmanager
async def peer(name: str, api: str, directory: Path) -> Any:
    command = [sys.executable, __file__, "--peer", name, api]
    process = await asyncio.create_subprocess_exec(*command, env=ENVIRONMENT)
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


BOTS = {"gateway": gateway} | {name: partial(peer, name) for name in PEERS}


# The measurement.


@dataclass
class Found:
    """What one bot did in all runs."""

    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    half: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)
    missing: int = 0
    twice: int = 0

    def row(self, name: str) -> tuple[str, ...]:
        return (
            name,
            spread(self.per_second, "{:.0f}"),
            spread(self.cpu, "{:.2f}"),
            spread(self.half),
            spread(self.slow),
            str(self.missing),
            str(self.twice),
        )


class Api:
    """The Bot API's process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    async def say(self, count: int, rate: float = 0) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{count} {rate}\n".encode())
        found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found


async def start_api(chats: int) -> Api:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--api", "--chats", str(chats)),
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdout is not None
    return Api(process, (await process.stdout.readline()).decode().strip())


async def measure(name: str, options: argparse.Namespace, found: Found) -> None:
    api = await start_api(options.chats)
    try:
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            async with BOTS[name](api.url, Path(directory) / "bot") as pid:
                await api.say(options.chats)  # everybody is known, everything is imported
                before = cpu_seconds(pid)
                burst = await api.say(options.updates)
                await asyncio.sleep(0.3)  # what is still written belongs to it
                found.cpu.append((cpu_seconds(pid) - before) / options.updates * 1000)
                found.per_second.append(options.updates / burst["seconds"])
                steady = await api.say(STEADY_RATE * STEADY_SECONDS, STEADY_RATE)
                found.half.append(1000 * percentile(steady["latencies"], 50))
                found.slow.append(1000 * percentile(steady["latencies"], 99))
                found.missing += burst["missing"] + steady["missing"]
                found.twice += burst["twice"] + steady["twice"]
    finally:
        api.process.kill()
        await api.process.wait()


async def compare(options: argparse.Namespace) -> None:
    print_machine()
    print(f"{options.updates} updates over {options.chats} chats; then {STEADY_RATE}/s")
    print(f"one sync of the disk: {spread(sync_milliseconds(options.directory), '{:.2f}')} ms\n")
    found = {name: Found() for name in BOTS}
    for _ in range(options.runs):
        for name in BOTS:
            await measure(name, options, found[name])
    head = ("bot", "answered/s", "CPU s/1000", "p50 ms", "p99 ms", "missing", "twice")
    print_table(head, [one.row(name) for name, one in found.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--updates", type=int, default=5_000)
    parser.add_argument("--chats", type=int, default=200)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--directory", help="where the ledger lies (default: the usual for files)")
    parser.add_argument("--api", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        name, api = options.peer
        PEERS[name](api)
        return
    work = serve_api(options.chats) if options.api else compare(options)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
