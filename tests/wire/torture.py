"""A gateway that is killed, and a Telegram that is no help.

``Network`` is the simulated Bot API with faults at every turn; it keeps the chronicle of what
people said and what their chats were shown. ``Mortal`` is a gateway that is started over the same
ledger again and again, armed to die at a point, or killed from outside.
"""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checker import AnswerLost, Chronicle, Died, Said, Shown
from gateway.testing.botapi import BotApi, Chat, User
from gateway.testing.botapi.bell import Bell
from gateway.testing.botapi.faults import Fault

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
LAUNCHER = Path(__file__).parent / "dying.py"
BOT = """
from consumers.base import ChatConsumer


class Echo(ChatConsumer):
    async def chat_message(self, event):
        await self.reply("answer to " + event["text"])
"""
CONFIGURATION = """
database = "{database}"
bot = "echo:Echo"
protocols = ["telegram"]
[telegram]
token = "{token}"
api_url = "{api}"
limits = "off"
"""
START_SECONDS = 20
POINT_SECONDS = 20
DRAIN_SECONDS = 40

POINTS = (
    "before offset",
    "after offset",
    "before effect",
    "after effect",
)
"""Where the network kills: when it is asked to confirm updates or to show something, before it
does, and after that but before it answers."""


@dataclass
class Ambush:
    """The network kills the gateway when a method is called for the so-manieth time."""

    method: str
    passage: int
    early: bool
    kill: Callable[[], None]

    def strikes(self, method: str) -> bool:
        """Whether it is now; counts."""
        if method != self.method:
            return False
        self.passage -= 1
        return self.passage == 0


class Network(BotApi):
    """A Bot API that keeps a chronicle."""

    def __init__(self) -> None:
        super().__init__()
        self.chronicle: list[Said | Shown | AnswerLost | Died] = []
        self.changed = Bell()
        self.ambush: Ambush | None = None
        self.polls = 0

    def be_difficult(self) -> None:
        """Refuse, flood and cut, as long as it runs."""
        self.faults.rules += [
            Fault("reset", "sendMessage", times=None, every=37, after=True),
            Fault("reset", "sendMessage", times=None, every=31),
            Fault("answer", "sendMessage", times=None, every=29),
            Fault("flood", "sendMessage", times=None, every=97, seconds=1),
            Fault("answer", "getUpdates", times=None, every=41),
            Fault("reset", "getUpdates", times=None, every=43, after=True),
        ]

    def happened(self, happening: Said | Shown | AnswerLost | Died) -> None:
        """Write it down."""
        self.chronicle.append(happening)
        self.changed.ring()

    async def _perform(self, bot: Any, method: str, given: dict[str, Any]) -> Any:
        if method == "getUpdates":
            self.polls += 1
            self.changed.ring()
        struck = self._ambushed(bot, method, given)
        if struck is not None and struck.early:
            await self._kill(struck)
        if struck is not None and method == "getUpdates":
            bot.updates.confirm(given["offset"])
            await self._kill(struck)
        result = await super()._perform(bot, method, given)
        if method == "sendMessage":
            self.happened(Shown(place(given), number_of(given["text"]), given["text"]))
        if struck is not None:
            await self._kill(struck)
        return result

    def _ambushed(self, bot: Any, method: str, given: dict[str, Any]) -> Ambush | None:
        if self.ambush is None or (method == "getUpdates" and not _confirms(bot, given)):
            return None
        return self.ambush if self.ambush.strikes(method) else None

    async def _kill(self, ambush: Ambush) -> None:
        self.ambush = None
        ambush.kill()
        await asyncio.get_running_loop().create_future()  # there is nobody to answer

    async def _fail(self, fault: Fault, *request: Any) -> Any:
        try:
            return await super()._fail(fault, *request)
        finally:
            method, given = request[-2:]
            if fault.after and method == "sendMessage":
                self.happened(AnswerLost(place(given), number_of(given["text"])))


def place(given: dict[str, Any]) -> str:
    """The chat of a request."""
    return str(given["chat_id"])


def number_of(text: str) -> int | None:
    """The number that a text ends with."""
    last = text.rpartition(" ")[2]
    return int(last) if last.isdigit() else None


def _confirms(bot: Any, given: dict[str, Any]) -> bool:
    offset = given.get("offset") or 0
    return any(number < offset for number in bot.updates.waiting)


class Mortal:
    """A gateway that dies and comes back; what it printed is in ``gateway.log``."""

    def __init__(self, directory: Path, configuration: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.log = directory / "gateway.log"
        (directory / "echo.py").write_text(BOT)
        (directory / "gateway.toml").write_text(configuration)
        self._process: Process | None = None

    async def start(self, point: str | None = None, passage: int = 1) -> None:
        """Start it, armed with a point of ``dying`` or unarmed."""
        armed = ["-m", "gateway"] if point is None else [str(LAUNCHER), point, str(passage)]
        with self.log.open("a") as log:
            log.write(f"--- {point or 'unarmed'} {passage}\n")
            log.flush()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *armed, "serve", cwd=self.directory, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill it, without waiting for the end."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()

    async def death(self, seconds: float) -> int:
        """Wait for its end; the exit code. Raises ``TimeoutError``."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), seconds)

    async def stop(self) -> int:
        """Stop it with SIGTERM; its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await self.death(START_SECONDS)


@dataclass
class Torture:
    """People who go on talking while their gateway dies under them."""

    network: Network
    gateway: Mortal
    chance: random.Random
    pause: float = 0.15
    """Seconds between two messages of one person, on the average."""
    counts: dict[str, int] = field(default_factory=dict)
    _talking: list[asyncio.Task[None]] = field(default_factory=list)

    def talk(self, user: User, where: Chat, shown: str = "") -> None:
        """Let somebody say numbered messages from now on."""
        self._talking.append(asyncio.create_task(self._talk(user, where, shown or str(where.id))))

    async def _talk(self, user: User, where: Chat, shown: str) -> None:
        while True:
            number = self.counts[shown] = self.counts.get(shown, 0) + 1
            self.network.happened(Said(shown, number))
            await user.says(where, f"message {number}")
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * self.pause)

    async def die_at(self, point: str) -> None:
        """Run until the process has died at a point."""
        passage = self.chance.randint(2, 8)
        if point in POINTS:
            when, _, what = point.partition(" ")
            method = "getUpdates" if what == "offset" else "sendMessage"
            await self.gateway.start()
            self.network.ambush = Ambush(method, passage, when == "before", self.gateway.kill)
        else:
            await self.gateway.start(point, passage)
        code = await self.gateway.death(POINT_SECONDS)
        assert code == -9, f"the gateway ended by itself, at {point}: {code}"
        self.network.happened(Died(f"{point}, passage {passage}"))

    async def die_soon(self) -> None:
        """Kill the process at any moment: while it starts, or while it works."""
        await self.gateway.start()
        if self.chance.random() < 0.7:
            polls = self.network.polls
            await self.network.changed.until(lambda: self.network.polls > polls, START_SECONDS)
            moment = self.chance.uniform(0, 0.5)
        else:
            moment = self.chance.uniform(0.1, 1)
        await asyncio.sleep(moment)
        self.gateway.kill()
        await self.gateway.death(START_SECONDS)
        self.network.happened(Died(f"a random moment, {moment:.3f}"))

    async def work_off(self) -> Chronicle:
        """Let a gateway live until all is shown that was said, and stop it; the chronicle."""
        for task in self._talking:
            task.cancel()
        await self.gateway.start()
        await self.network.changed.until(self._all_is_shown, DRAIN_SECONDS)
        assert await self.gateway.stop() == 0
        return self.network.chronicle

    def _all_is_shown(self) -> bool:
        said = {(h.conversation, h.number) for h in self.network.chronicle if isinstance(h, Said)}
        shown = {(h.conversation, h.number) for h in self.network.chronicle if isinstance(h, Shown)}
        return said <= shown
