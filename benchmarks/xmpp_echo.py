"""XMPP echo through a real Prosody: our gateway beside plain slixmpp.

    python benchmarks/xmpp_echo.py [--messages 5000] [--runs 2]

"gateway" is ``gateway serve`` with an echo ``ChatConsumer`` and its ledger on disk; "slixmpp" is
a bot with 48 plugins, all that a gateway would want, and no ledger. Both use XEP-0198. Ten
people who cost next to nothing are in this process. First everybody writes as fast as the bot
answers, ten messages ahead; CPU is that of the bot's process. Then 100 messages a second, one by
one: the time from a message to its answer. Once with a Prosody that sends at once (``nagle =
false``), once as it is shipped. Last, 200 messages a second while the bot's connection is reset
ten times. Every answer is counted. Needs /usr/bin/prosody. About two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
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
from xmpp_user import XmppUser

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire")]

from people import Link  # noqa: E402
from prosody import HOST, PASSWORD, Prosody  # noqa: E402
from serving import Serving  # noqa: E402

BOT = f"bot@{HOST}"
CONFIGURATION = """
[xmpp]
jid = "{bot}"
password = "{password}"
host = "127.0.0.1"
port = {port}
tls = "off"
"""
ECHO = """
from consumers.base import ChatConsumer

class Echo(ChatConsumer):
    async def chat_message(self, event):
        await self.reply(f"You said: {event['text']}")
"""
PLUGINS = (
    *("0004", "0030", "0045", "0048", "0050", "0054", "0059", "0060", "0066", "0071", "0082"),
    *("0084", "0085", "0092", "0106", "0115", "0122", "0128", "0153", "0163", "0172", "0184"),
    *("0191", "0198", "0199", "0203", "0221", "0231", "0249", "0280", "0297", "0300", "0308"),
    *("0313", "0317", "0319", "0333", "0334", "0359", "0363", "0385", "0402", "0410", "0421"),
    *("0424", "0428", "0444", "0461"),
)
PEOPLE = tuple(f"user{number}" for number in range(10))
AHEAD = 10
"""Messages of one person that wait for their answers."""

STEADY_RATE, STEADY_SECONDS = 100, 3
CUT_RATE, CUT_MESSAGES, CUTS = 200, 1_000, 10
SECONDS = 60
"""For all answers; what is not there then is missing."""

QUIET_SECONDS = 30.0
"""After the last answer under cuts: what has not come by then is lost."""


# The bots.


def serve_peer(port: int) -> None:
    """Plain slixmpp with the reconnecting handler that everybody writes."""
    from slixmpp import ClientXMPP

    class Echo(ClientXMPP):  # type: ignore[misc]
        def __init__(self) -> None:
            config = {"feature_mechanisms": {"unencrypted_scram": True, "unencrypted_plain": True}}
            super().__init__(BOT, PASSWORD, plugin_config=config)
            self.enable_starttls = self.enable_direct_tls = False
            self.enable_plaintext = True
            for number in PLUGINS:
                self.register_plugin(f"xep_{number}")
            self.add_event_handler("session_start", self.come)
            self.add_event_handler("message", self.answer)
            self.add_event_handler("disconnected", lambda _: self.connect("127.0.0.1", port))

        async def come(self, _: Any) -> None:
            self.send_presence()
            await self.get_roster()
            print("ready", flush=True)

        def answer(self, message: Any) -> None:
            if message["type"] == "chat" and message["body"]:
                message.reply(f"You said: {message['body']}").send()

    async def run() -> None:
        Echo().connect("127.0.0.1", port)
        await asyncio.Event().wait()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def gateway(port: int, directory: Path) -> AsyncIterator[int]:
    password = PASSWORD.replace('"', '\\"')
    text = CONFIGURATION.format(bot=BOT, password=password, port=port)
    serving = Serving(directory, text, "--protocols", "xmpp", "--bot", "echo:Echo", "-q")
    (directory / "echo.py").write_text(ECHO)
    async with serving:
        yield serving.pid


@contextlib.asynccontextmanager
async def peer(port: int, directory: Path) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--peer", str(port)),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


BOTS = {"gateway": gateway, "slixmpp": peer}


# The people.


class Crowd:
    """Everybody who talks to the bot, and when it answered what."""

    def __init__(self) -> None:
        self.said: dict[str, float] = {}
        self.answers: dict[str, list[float]] = {}
        self.order: list[tuple[str, int]] = []
        self.users: dict[str, XmppUser] = {}
        self.answered: Callable[[str], None] = lambda _: None
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    async def come(self, port: int) -> None:
        for name in PEOPLE:
            user = XmppUser(name, partial(self._hear, name))
            self.users[name] = await user.come(HOST, port, PASSWORD)

    async def go(self) -> None:
        for user in self.users.values():
            await user.go()

    def say(self, name: str) -> None:
        mark = f"{name}-{next(self._numbers)}"
        self.said[mark] = time.perf_counter()
        self.users[name].say(BOT, mark)

    def _hear(self, name: str, text: str) -> None:
        mark = text.rpartition(" ")[2]
        if mark not in self.said:
            return
        self.answers.setdefault(mark, []).append(time.perf_counter())
        self.order.append((name, int(mark.partition("-")[2])))
        self.answered(name)
        self._changed.set()

    def forget(self) -> None:
        """What was said so far is another measurement's."""
        for kept in (self.said, self.answers, self.order):
            kept.clear()

    async def all_answered(self, count: int, silence: float = SECONDS) -> None:
        """Wait for so many answers, or until none has come for a while."""
        with contextlib.suppress(TimeoutError):
            while len(self.answers) < count:
                self._changed.clear()
                await asyncio.wait_for(self._changed.wait(), silence)

    async def talk(self, messages: int) -> float:
        """Everybody writes as fast as the bot answers; seconds that it took."""
        self.forget()
        left = dict.fromkeys(PEOPLE, messages // len(PEOPLE))

        def next_one(name: str) -> None:
            if left[name]:
                left[name] -= 1
                self.say(name)

        self.answered = next_one
        began = time.perf_counter()
        for name in PEOPLE * AHEAD:
            next_one(name)
        await self.all_answered(messages // len(PEOPLE) * len(PEOPLE), SECONDS / 6)
        self.answered = lambda _: None
        return max(times[0] for times in self.answers.values()) - began

    async def steady(self, messages: int, rate: int, silence: float = SECONDS / 6) -> None:
        """One message after the other, so many a second."""
        self.forget()
        began = time.perf_counter()
        for number in range(messages):
            self.say(PEOPLE[number % len(PEOPLE)])
            await asyncio.sleep(max(0, began + (number + 1) / rate - time.perf_counter()))
        await self.all_answered(messages, silence)

    @property
    def latencies(self) -> list[float]:
        return [1000 * (times[0] - self.said[mark]) for mark, times in self.answers.items()]

    @property
    def missing(self) -> int:
        return len(self.said) - len(self.answers)

    @property
    def twice(self) -> int:
        return sum(len(times) > 1 for times in self.answers.values())

    @property
    def disorder(self) -> int:
        """Answers that came behind the answer to something said later."""
        found, newest = 0, dict.fromkeys(PEOPLE, -1)
        for name, number in self.order:
            found += number < newest[name]
            newest[name] = max(number, newest[name])
        return found


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
    disorder: int = 0

    def count(self, crowd: Crowd) -> None:
        self.missing += crowd.missing
        self.twice += crowd.twice
        self.disorder += crowd.disorder

    @property
    def counts(self) -> tuple[str, ...]:
        return str(self.missing), str(self.twice), str(self.disorder)

    def row(self, *names: str) -> tuple[str, ...]:
        return (
            *names,
            spread(self.per_second, "{:.0f}"),
            spread(self.cpu, "{:.0f}"),
            spread(self.half),
            spread(self.slow),
            *self.counts,
        )


@contextlib.asynccontextmanager
async def talking(directory: Path, *, nagle: bool) -> AsyncIterator[tuple[Prosody, Crowd]]:
    """A server with everybody but the bot."""
    prosody = Prosody(directory, nagle=nagle, users=("bot", *PEOPLE))
    await prosody.start()
    try:
        crowd = Crowd()
        await crowd.come(prosody.port)
        yield prosody, crowd
        await crowd.go()
    finally:
        await prosody.stop()


async def measure(name: str, nagle: bool, options: argparse.Namespace, found: Found) -> None:
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        place = Path(directory)
        async with (
            talking(place, nagle=nagle) as (prosody, crowd),
            BOTS[name](prosody.port, place / "bot") as pid,
        ):
            await crowd.talk(AHEAD * len(PEOPLE))  # everybody is known, everything is imported
            before = cpu_seconds(pid)
            seconds = await crowd.talk(options.messages)
            await asyncio.sleep(0.3)  # what is still written belongs to it
            found.cpu.append((cpu_seconds(pid) - before) / options.messages * 1e6)
            found.per_second.append(len(crowd.answers) / seconds)
            found.count(crowd)
            await crowd.steady(STEADY_RATE * STEADY_SECONDS, STEADY_RATE)
            found.half.append(percentile(crowd.latencies, 50))
            found.slow.append(percentile(crowd.latencies, 99))
            found.count(crowd)


async def cut(name: str, options: argparse.Namespace, found: Found) -> None:
    """The connection between the bot and its server is reset again and again."""
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        place = Path(directory)
        async with talking(place, nagle=False) as (prosody, crowd):
            link = await Link(prosody.port).open()
            async with BOTS[name](link.port, place / "bot"):
                await crowd.talk(AHEAD * len(PEOPLE))
                cutting = asyncio.create_task(cut_again_and_again(link))
                await crowd.steady(CUT_MESSAGES, CUT_RATE, QUIET_SECONDS)
                await cutting
                found.half.append(percentile(crowd.latencies, 50))
                found.slow.append(max(crowd.latencies))
                found.count(crowd)
            await link.close()


async def cut_again_and_again(link: Link) -> None:
    pause = CUT_MESSAGES / CUT_RATE / (CUTS + 1)
    for _ in range(CUTS):
        await asyncio.sleep(pause)
        link.cut()


async def compare(options: argparse.Namespace) -> None:
    print_machine()
    print(f"{options.messages} messages of {len(PEOPLE)} people; then {STEADY_RATE}/s")
    print(f"one sync of the disk: {spread(sync_milliseconds(options.directory), '{:.2f}')} ms\n")
    servers = {"at once": False, "as shipped": True}
    found = {(name, server): Found() for server in servers for name in BOTS}
    for _ in range(options.runs):
        for name, server in found:
            await measure(name, servers[server], options, found[name, server])
    head = ("bot", "Prosody", "answered/s", "CPU ms/1000", "p50 ms", "p99 ms", "missing", "twice")
    rows = [one.row(*names) for names, one in found.items()]
    print_table((*head, "out of order"), rows)
    print(f"\n{CUTS} resets in {CUT_MESSAGES} messages at {CUT_RATE}/s, once each")
    cuts = {name: Found() for name in BOTS}
    for name in BOTS:  # once: the silence after what is lost takes long
        await cut(name, options, cuts[name])
    rows = [
        (name, spread(one.half), spread(one.slow, "{:.0f}"), *one.counts)
        for name, one in cuts.items()
    ]
    print_table(("bot", "p50 ms", "longest ms", "missing", "twice", "out of order"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--directory", help="where the ledger lies (default: the usual for files)")
    parser.add_argument("--peer", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        serve_peer(options.peer)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(options))


if __name__ == "__main__":
    main()
