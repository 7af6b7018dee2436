"""One room in Telegram, XMPP and a browser: how long a message takes from one to the others.

    python benchmarks/bridge.py [--messages 200] [--burst 1000] [--runs 3]

``gateway serve`` is a process of its own with the ledger on disk and ``limits = "off"``; Prosody
is a real one with Nagle's algorithm off; the simulated Bot API and the people run here, so their
time is part of what is measured. First one message at a time, in turn from each network, to each
of the two others. Then a burst: all at once in the Telegram group, until both others have shown
all of it. Every message has to arrive once and in order. Less than a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from measure import ROOT, cpu_seconds, percentile, print_machine, print_table, spread

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire")]

from gateway.testing.botapi import BotApi, Chat, User  # noqa: E402
from people import Person  # noqa: E402
from prosody import HOST, PASSWORD, ROOMS, Prosody  # noqa: E402
from serving import Serving  # noqa: E402
from tab import Tab  # noqa: E402

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
bot = "silent:Silent"
[telegram]
token = "{token}"
api_url = "{api}"
limits = "off"
mode = "polling"
[xmpp]
jid = "bot@{host}"
password = "{password}"
host = "127.0.0.1"
port = {xmpp}
tls = "off"
nick = "bridge"
[rooms.lobby]
members = ["telegram:default:{group}", "xmpp:default:lobby@{rooms}"]
access = "open"
"""
SILENT = """
from consumers.base import ChatConsumer

class Silent(ChatConsumer):
    pass
"""
NETWORKS = ("telegram", "xmpp", "web")
SECONDS = 30


class Shown:
    """When each network showed each message; waits for what is still to come."""

    def __init__(self) -> None:
        self.times: dict[str, dict[str, float]] = {name: {} for name in NETWORKS}
        self.order: dict[str, list[int]] = defaultdict(list)
        self.twice = 0
        self._changed = asyncio.Event()

    def see(self, network: str, text: str) -> None:
        word, _, number = text.rpartition(" ")[2].partition("-")
        if not number.isdecimal():
            return
        mark = f"{word}-{number}"
        self.twice += mark in self.times[network]
        self.times[network].setdefault(mark, time.perf_counter())
        if word == "burst":
            self.order[network].append(int(number))
        self._changed.set()

    async def everywhere(self, marks: set[str], networks: set[str]) -> None:
        async with asyncio.timeout(SECONDS):
            while any(not marks <= self.times[network].keys() for network in networks):
                self._changed.clear()
                await self._changed.wait()


class Calls(list[Any]):
    """Sees what the gateway sends to Telegram; keeps nothing."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.shown = shown

    def append(self, call: Any) -> None:
        if call.method.lower() == "sendmessage":
            self.shown.see("telegram", call.parameters["text"])


class Frames(list[Any]):
    """Sees what the page is shown."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.shown = shown

    def append(self, frame: Any) -> None:
        if frame["type"] == "message":
            self.shown.see("web", frame["text"])
        else:
            super().append(frame)


@dataclass
class World:
    """Everybody who takes part."""

    gateway: Serving
    shown: Shown
    telegram: User
    group: Chat
    xmpp: Person
    tab: Tab

    async def say(self, network: str, text: str) -> None:
        match network:
            case "telegram":
                await self.telegram.says(self.group, text)
            case "xmpp":
                self.xmpp.tell("lobby", text)
            case "web":
                await self.tab.say(text)


@asynccontextmanager
async def started(prosody: Prosody) -> AsyncIterator[Prosody]:
    await prosody.start()
    try:
        yield prosody
    finally:
        await prosody.stop()


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    shown = Shown()
    async with started(Prosody(directory)) as prosody, BotApi() as api:
        api.calls = Calls(shown)
        bot = api.bot(token=TOKEN, username="OurBot")
        group, tom = api.group("Friends"), api.user("Tom")
        await group.invites(bot)
        await tom.joins(group)
        configuration = CONFIGURATION.format(
            token=TOKEN,
            api=api.url,
            host=HOST,
            password=PASSWORD.replace('"', '\\"'),
            xmpp=prosody.port,
            group=group.id,
            rooms=ROOMS,
        )
        place = directory / "gateway"
        gateway = Serving(place, configuration, "-q")
        (place / "silent.py").write_text(SILENT)
        alice = await Person("alice", prosody.port).come("lobby")
        alice.client.add_event_handler(
            "groupchat_message",
            lambda m: shown.see("xmpp", m["body"]) if m["from"].resource == "bridge" else None,
        )
        async with gateway:
            tab = Tab(gateway.page, name="wendy")
            tab.frames = Frames(shown)
            async with tab:
                yield World(gateway, shown, tom, group, alice, tab)
        await alice.go()


@dataclass
class Found:
    """What was measured in all runs; milliseconds by way."""

    latencies: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    twice: int = 0
    disorder: int = 0


async def one_by_one(world: World, messages: int, found: Found) -> None:
    for number in range(messages):
        network = NETWORKS[number % 3]
        others = set(NETWORKS) - {network}
        began = time.perf_counter()
        await world.say(network, f"one {network}-{number}")
        await world.shown.everywhere({f"{network}-{number}"}, others)
        for other in others:
            shown = world.shown.times[other][f"{network}-{number}"]
            if number >= 12:  # the first ones wake everybody
                found.latencies[network, other].append(1000 * (shown - began))
        await asyncio.sleep(0.01)


async def burst(world: World, messages: int, found: Found) -> None:
    cpu, began = cpu_seconds(world.gateway.pid), time.perf_counter()
    for number in range(messages):
        await world.say("telegram", f"all burst-{number}")
    marks = {f"burst-{number}" for number in range(messages)}
    await world.shown.everywhere(marks, {"xmpp", "web"})
    found.per_second.append(messages / (time.perf_counter() - began))
    found.cpu.append((cpu_seconds(world.gateway.pid) - cpu) / messages * 1000)
    for network in ("xmpp", "web"):
        found.disorder += world.shown.order[network] != list(range(messages))
    found.twice += world.shown.twice


async def compare(options: argparse.Namespace) -> None:
    print_machine()
    found = Found()
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            async with world(Path(directory)) as made:
                await one_by_one(made, options.messages, found)
                await burst(made, options.burst, found)
    rows = [
        (f"{source} -> {target}", f"{percentile(times, 50):.1f}", f"{percentile(times, 99):.1f}")
        for (source, target), times in sorted(found.latencies.items())
    ]
    print_table(("one at a time", "p50 ms", "p99 ms"), rows)
    print(f"\nburst of {options.burst} from Telegram to XMPP and the browser:")
    print(f"  {spread(found.per_second, '{:.0f}')} messages/s, each shown in both")
    print(f"  {spread(found.cpu, '{:.2f}')} CPU s of the gateway per 1,000")
    print(f"  shown twice: {found.twice}; out of order: {found.disorder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--burst", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory", help="where the ledger lies (default: the usual for files)")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
