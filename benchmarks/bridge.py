"""One room in Telegram, XMPP and a browser: how long a message takes from one to the others.

    python benchmarks/bridge.py [--burst 1000] [--runs 2]

``gateway serve`` is a process of its own with the ledger on disk and ``limits = "off"``; Prosody
is a real one with Nagle's algorithm off; the simulated Bot API and the people run here, so their
time is part of what is measured. From each network, 4, 10 and 50 messages a second to the two
others; then a burst from each: all at once, until both others have shown all of it. Last a Bot
API that takes 100 ms for each answer, with 20 messages a second from XMPP and 20 from the
browser: what does not go to Telegram must not wait for it. Every message has to arrive once and
in order. One browser may say 20 messages a second, and 40 at once: what is more comes from as
many browsers as it takes, and each is shown everything. Needs /usr/bin/prosody. About two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from measure import (
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

from gateway.testing.botapi import BotApi, Chat, User  # noqa: E402
from prosody import HOST, PASSWORD, ROOMS, Prosody  # noqa: E402
from serving import Serving  # noqa: E402
from tab import Tab  # noqa: E402

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
ROOM = f"lobby@{ROOMS}"
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
members = ["telegram:default:{group}", "xmpp:default:{room}"]
access = "open"
"""
SILENT = """
from consumers.base import ChatConsumer

class Silent(ChatConsumer):
    pass
"""
NETWORKS = ("telegram", "xmpp", "web")
RATES = (4, 10, 50)
RATE_SECONDS = 4
PER_TAB, PER_TAB_AT_ONCE = 20, 35
"""Messages of one browser that the gateway takes, a second and at once."""

SLOW_ANSWER = 0.1
SLOW_RATE, SLOW_SECONDS = 20, 5
SECONDS = 30
"""Without anything new; what has not come by then is missing."""


class Shown:
    """When each network was told each message, and when each of the others showed it.

    A mark is ``SOURCE-CELL.SPEAKER-NUMBER``, the last word of a text.
    """

    def __init__(self) -> None:
        self.said: dict[str, float] = {}
        self.times: dict[str, dict[str, float]] = {name: {} for name in NETWORKS}
        self.twice = self.disorder = 0
        self.missing: set[tuple[str, str]] = set()
        self.own: Callable[[str, str], None] = lambda mark, native: None
        """Told of what a network shows where it was said, and what it is called there."""
        self._newest: dict[tuple[str, str], int] = defaultdict(lambda: -1)
        self._changed = asyncio.Event()

    def see(self, network: str, text: str, native: str = "") -> None:
        mark = text.rpartition(" ")[2]
        if mark not in self.said:
            return  # a notice
        if mark.startswith(network):
            self.own(mark, native)
            return  # what comes back to where it was said
        cell, _, number = mark.rpartition("-")
        if mark in self.times[network]:
            self.twice += 1
            return
        self.times[network][mark] = time.perf_counter()
        self.disorder += int(number) < self._newest[network, cell]
        self._newest[network, cell] = int(number)
        self._changed.set()

    async def everywhere(self, marks: list[str], networks: tuple[str, ...]) -> None:
        """Wait until these networks have shown all of it; count what never comes."""
        left = {(network, mark) for network in networks for mark in marks}
        with suppress(TimeoutError):
            while left := {one for one in left if one[1] not in self.times[one[0]]}:
                self._changed.clear()
                await asyncio.wait_for(self._changed.wait(), SECONDS)
        self.missing |= left

    def latencies(self, network: str, marks: list[str]) -> list[float]:
        """Milliseconds until a network showed these."""
        times = self.times[network]
        return [1000 * (times[mark] - self.said[mark]) for mark in marks if mark in times]


class Calls(list[Any]):
    """Sees what the gateway sends to Telegram; keeps nothing."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.shown = shown

    def append(self, call: Any) -> None:
        if call.method.lower() in ("sendmessage", "editmessagetext"):
            self.shown.see("telegram", call.parameters["text"])


class Frames(list[Any]):
    """Sees what the page is shown."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.shown = shown

    def append(self, frame: Any) -> None:
        if frame["type"] in ("message", "edit"):
            self.shown.see("web", frame["text"], frame["id"])
        elif frame["type"] != "receipt":
            super().append(frame)


@dataclass
class World:
    """Everybody who takes part."""

    gateway: Serving
    shown: Shown
    telegram: User
    group: Chat
    xmpp: XmppUser
    tab: Tab

    async def say(self, mark: str, tab: Tab) -> None:
        self.shown.said[mark] = time.perf_counter()
        match mark.partition("-")[0]:
            case "telegram":
                await self.telegram.says(self.group, mark)
            case "xmpp":
                self.xmpp.say(ROOM, mark, "groupchat")
            case "web":
                await tab.say(mark)

    async def say_all(
        self, source: str, cell: str, messages: int, rate: float = 0, tabs: Sequence[Tab] = ()
    ) -> list[str]:
        """So many messages, at a rate or at once, by turns; their marks."""
        speakers = tabs or [self.tab]
        places = [number % len(speakers) for number in range(messages)]
        marks = [f"{source}-{cell}.{place}-{number}" for number, place in enumerate(places)]
        began = time.perf_counter()
        for number, mark in enumerate(marks):
            await self.say(mark, speakers[places[number]])
            if rate:
                due = began + (number + 1) / rate
                await asyncio.sleep(max(0, due - time.perf_counter()))
        return marks

    @asynccontextmanager
    async def tabs(self, count: int) -> AsyncIterator[Sequence[Tab]]:
        """The browser that is always there, and others who come for a while."""
        async with AsyncExitStack() as stack:
            tabs = [self.tab]
            for number in range(1, count):
                tab = Tab(self.gateway.page, name=f"wendy{number}")
                tabs.append(await stack.enter_async_context(tab))
            yield tabs


@asynccontextmanager
async def started(prosody: Prosody) -> AsyncIterator[Prosody]:
    await prosody.start()
    try:
        yield prosody
    finally:
        await prosody.stop()


@asynccontextmanager
async def world(parent: str | None, latency: float = 0) -> AsyncIterator[World]:
    shown = Shown()
    with tempfile.TemporaryDirectory(dir=parent) as name:
        directory = Path(name)
        async with started(Prosody(directory)) as prosody, BotApi(latency=latency) as api:
            api.calls = Calls(shown)
            bot = api.bot(token=TOKEN, username="OurBot")
            group, tom = api.group("Friends"), api.user("Tom")
            await group.invites(bot)
            await tom.joins(group)
            alice = XmppUser("alice", lambda text: shown.see("xmpp", text))
            await alice.come(HOST, prosody.port, PASSWORD)
            await alice.make_room(ROOM)
            async with serving(directory, api.url, prosody.port, group.id) as gateway:
                tab = Tab(gateway.page, name="wendy")
                tab.frames = Frames(shown)
                async with tab:
                    yield World(gateway, shown, tom, group, alice, tab)
            await alice.go()


def serving(directory: Path, api: str, port: int, group: int) -> Serving:
    configuration = CONFIGURATION.format(
        token=TOKEN,
        api=api,
        host=HOST,
        password=PASSWORD.replace('"', '\\"'),
        xmpp=port,
        group=group,
        room=ROOM,
    )
    gateway = Serving(directory / "gateway", configuration, "-q")
    (directory / "gateway" / "silent.py").write_text(SILENT)
    return gateway


@dataclass
class Found:
    """What was measured in all runs; milliseconds by source, target and rate."""

    latencies: dict[tuple[str, str, int], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    per_second: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: int = 0
    twice: int = 0
    disorder: int = 0

    def count(self, shown: Shown) -> None:
        self.missing += len(shown.missing)
        self.twice += shown.twice
        self.disorder += shown.disorder


def others(source: str) -> tuple[str, ...]:
    return tuple(name for name in NETWORKS if name != source)


async def wake(made: World) -> None:
    """The first messages wake everybody and import everything."""
    for source in NETWORKS:
        marks = await made.say_all(source, "wake", 20, 50)
        await made.shown.everywhere(marks, others(source))


async def steady(made: World, found: Found) -> None:
    for rate in RATES:
        for source in NETWORKS:
            async with made.tabs(math.ceil(rate / PER_TAB) if source == "web" else 1) as tabs:
                marks = await made.say_all(source, str(rate), rate * RATE_SECONDS, rate, tabs)
                await made.shown.everywhere(marks, others(source))
            for target in others(source):
                found.latencies[source, target, rate] += made.shown.latencies(target, marks)


async def burst(made: World, messages: int, found: Found) -> None:
    for source in NETWORKS:
        needed = math.ceil(messages / PER_TAB_AT_ONCE) if source == "web" else 1
        async with made.tabs(needed) as tabs:
            cpu, began = cpu_seconds(made.gateway.pid), time.perf_counter()
            marks = await made.say_all(source, "burst", messages, tabs=tabs)
            await made.shown.everywhere(marks, others(source))
            found.per_second[source].append(messages / (time.perf_counter() - began))
            await asyncio.sleep(0.3)  # what is still written belongs to it
            found.cpu[source].append((cpu_seconds(made.gateway.pid) - cpu) / messages * 1000)


async def beside_a_slow_network(parent: str | None) -> None:
    """XMPP and the browser, with a Telegram group in the room whose Bot API takes its time."""
    messages = SLOW_RATE * SLOW_SECONDS
    async with world(parent, SLOW_ANSWER) as made:
        await wake(made)
        began = time.perf_counter()
        spoken = await asyncio.gather(
            *(made.say_all(source, "slow", messages, SLOW_RATE) for source in ("xmpp", "web"))
        )
        ways = dict(zip(("xmpp", "web"), spoken, strict=True))
        for source, target in (("xmpp", "web"), ("web", "xmpp")):
            await made.shown.everywhere(ways[source], (target,))
        shown = made.shown
        rows = [
            (f"{source} -> {target}", *middle_and_slow(shown.latencies(target, ways[source])))
            for source, target in (("xmpp", "web"), ("web", "xmpp"))
        ]
        await shown.everywhere(ways["xmpp"] + ways["web"], ("telegram",))
        took = time.perf_counter() - began
    print(f"\na Bot API that answers in {1000 * SLOW_ANSWER:.0f} ms, {SLOW_RATE}/s from each:")
    print_table(("", "p50 ms", "p99 ms"), rows)
    print(f"  Telegram had its {2 * messages} in order after {took:.1f} s")
    print(f"  missing: {len(shown.missing)}; twice: {shown.twice}; out of order: {shown.disorder}")


def middle_and_slow(latencies: list[float]) -> tuple[str, str]:
    if not latencies:
        return "-", "-"
    return f"{percentile(latencies, 50):.1f}", f"{percentile(latencies, 99):.1f}"


async def compare(options: argparse.Namespace) -> None:
    print_machine()
    print(f"one sync of the disk: {spread(sync_milliseconds(options.directory), '{:.2f}')} ms\n")
    found = Found()
    for _ in range(options.runs):
        async with world(options.directory) as made:
            await wake(made)
            await steady(made, found)
            await burst(made, options.burst, found)
            found.count(made.shown)
    print_found(found, options.burst)
    await beside_a_slow_network(options.directory)


def print_found(found: Found, messages: int) -> None:
    rows = []
    for source in NETWORKS:
        for target in others(source):
            cells = [middle_and_slow(found.latencies[source, target, rate]) for rate in RATES]
            rows.append((f"{source} -> {target}", *(text for cell in cells for text in cell)))
    head = [f"{word} {rate}/s" for rate in RATES for word in ("p50 ms", "p99 ms")]
    print_table(("", *head), rows)
    print(f"\nburst of {messages}, until both others have shown all:")
    bursts = [
        (source, spread(found.per_second[source], "{:.0f}"), spread(found.cpu[source], "{:.2f}"))
        for source in NETWORKS
    ]
    print_table(("from", "messages/s", "CPU s/1000"), bursts)
    counts = f"missing: {found.missing}; twice: {found.twice}; out of order: {found.disorder}"
    print(f"\nin all of this {counts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--burst", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--directory", help="where the ledger lies (default: the usual for files)")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
