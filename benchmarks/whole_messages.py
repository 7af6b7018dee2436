"""Whole messages beside plain text, in one room of Telegram, XMPP and a browser.

    python benchmarks/whole_messages.py [--burst 400] [--runs 1]

The world of ``bridge.py``. From each network the same number of messages, by turns as plain text
and whole: the same words, two of them bold and italic, every third message an answer to an earlier
one, every fifth followed by an edit of it. An edit counts as a message, so both columns are of as
many things said. At 50 a second what counts is the CPU time of the gateway and how long the
slower of the two others took to show it (p50); in a burst, how many there are a second until both
have shown all. Every message and every edit has to arrive once and in order. Needs
/usr/bin/prosody. About two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop
from bridge import NETWORKS, PER_TAB, PER_TAB_AT_ONCE, ROOM, World, others, wake, world
from measure import cpu_seconds, percentile, print_machine, print_table

from tab import Tab

RATE, RATE_SECONDS = 50, 4
ANSWERS, EDITS = 3, 5
"""Every so-manieth message of the whole ones is an answer; or is edited."""

KINDS = ("plain", "whole")
TURNS = ("plain", "whole", "whole", "plain", "plain", "whole")
STEADY_TURNS = 4
GOAL = 1.2
WORDS, BOLD, ITALIC = "some bold and slanted words ", (5, 9), (14, 21)
ANSWERED = 50
"""Messages that may be answered, the newest."""

REPLY = (
    "<reply xmlns='urn:xmpp:reply:0' id='{id}'/><fallback xmlns='urn:xmpp:fallback:0'"
    " for='urn:xmpp:reply:0'><body start='0' end='{end}'/></fallback>"
)
REPLACE = "<replace xmlns='urn:xmpp:message-correct:0' id='{id}'/>"
STANZA = "<message to='{to}' type='groupchat' id='{id}'><body>{body}</body>{more}</message>"


def mark_of_edit(mark: str) -> str:
    """Edits are counted as a cell of their own, in which they have to be in order too."""
    return mark.replace(".", "e.", 1)


class Telegram:
    """Tom in the group."""

    def __init__(self, made: World) -> None:
        self.made = made
        self._said: dict[str, Any] = {}
        self._newest: deque[int] = deque(maxlen=ANSWERED)

    async def say(self, mark: str, _: Tab, *, whole: bool, answers: bool) -> None:
        more: dict[str, Any] = {"entities": entities()} if whole else {}
        if answers and self._newest:
            more["reply_to"] = self._newest[0]
        said = await self.made.telegram.says(self.made.group, WORDS + mark, **more)
        self._said[mark] = said
        self._newest.append(said["message_id"])

    async def edit(self, mark: str, new: str, _: Tab) -> None:
        self.made.shown.said[new] = time.perf_counter()
        said = self._said.pop(mark)
        await self.made.telegram.edits(self.made.group, said, WORDS + new, entities=entities())


class Xmpp:
    """Alice in the room, which keeps no archive: a message is called what its stanza is."""

    def __init__(self, made: World) -> None:
        self.made = made
        self._newest: deque[str] = deque(maxlen=ANSWERED)

    async def say(self, mark: str, _: Tab, *, whole: bool, answers: bool) -> None:
        before, more = "", ""
        if answers and self._newest:
            before = f"> {WORDS}{self._newest[0]}\n"
            more = REPLY.format(id=self._newest[0], end=len(before))
        self._write(mark, before + (styled() if whole else WORDS) + mark, more)
        self._newest.append(mark)

    async def edit(self, mark: str, new: str, _: Tab) -> None:
        self.made.shown.said[new] = time.perf_counter()
        self._write(new, styled() + new, REPLACE.format(id=mark))

    def _write(self, mark: str, body: str, more: str) -> None:
        body = body.replace(">", "&gt;")
        self.made.xmpp.send(STANZA.format(to=ROOM, id=mark, body=body, more=more))


class Web:
    """Browsers: they know what a message of theirs is called when they are shown it."""

    def __init__(self, made: World) -> None:
        self.made = made
        self._ids: dict[str, asyncio.Future[str]] = {}
        self._said: dict[str, asyncio.Future[str]] = {}
        self._newest: deque[str] = deque(maxlen=ANSWERED)
        made.shown.own = self._see

    def _see(self, mark: str, native: str) -> None:
        if mark in self._ids:  # no change, and no echo of another network
            self._newest.append(native)
            self._ids.pop(mark).set_result(native)

    async def say(self, mark: str, tab: Tab, *, whole: bool, answers: bool) -> None:
        self._ids[mark] = self._said[mark] = asyncio.get_running_loop().create_future()
        more: dict[str, Any] = {"spans": spans()} if whole else {}
        if answers and self._newest:
            more["reply_to"] = self._newest[0]
        await tab.say(WORDS + mark, **more)

    async def edit(self, mark: str, new: str, tab: Tab) -> None:
        native = await self._said.pop(mark)
        self.made.shown.said[new] = time.perf_counter()
        await tab.say(WORDS + new, type="edit", id=native, spans=spans())


def entities() -> list[dict[str, Any]]:
    ranges = (("bold", BOLD), ("italic", ITALIC))
    return [
        {"type": style, "offset": start, "length": end - start} for style, (start, end) in ranges
    ]


def spans() -> list[dict[str, Any]]:
    ranges = (("bold", BOLD), ("italic", ITALIC))
    return [{"style": style, "start": start, "end": end} for style, (start, end) in ranges]


def styled() -> str:
    """The words as a client writes them by XEP-0393."""
    bold, italic = (WORDS[start:end] for start, end in (BOLD, ITALIC))
    return WORDS.replace(bold, f"*{bold}*").replace(italic, f"_{italic}_")


Speaker = Telegram | Xmpp | Web


async def say_all(
    made: World, speaker: Speaker, cell: str, events: int, rate: float, tabs: Sequence[Tab]
) -> list[str]:
    """So many messages and edits, at a rate or at once; their marks."""
    whole = cell.startswith("whole")
    source = type(speaker).__name__.lower()
    marks: list[str] = []
    edits = list[Awaitable[None]]()
    began = time.perf_counter()

    async def pace() -> None:
        if rate:
            await asyncio.sleep(max(0, began + len(marks) / rate - time.perf_counter()))

    number = 0
    while len(marks) < events:
        tab = tabs[number % len(tabs)]
        mark = f"{source}-{cell}.{number % len(tabs)}-{number}"
        made.shown.said[mark] = time.perf_counter()
        await speaker.say(mark, tab, whole=whole, answers=whole and number % ANSWERS == 0)
        marks.append(mark)
        await pace()
        number += 1
        if whole and number % EDITS == 0 and len(marks) < events:
            new = mark_of_edit(mark)
            edits.append(asyncio.ensure_future(speaker.edit(mark, new, tab)))
            marks.append(new)
            await pace()
    await asyncio.wait_for(asyncio.gather(*edits), 30)
    return marks


@dataclass
class Found:
    """What was measured in all runs, by network and kind."""

    steady_cpu: dict[tuple[str, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    latency: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    per_second: dict[tuple[str, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    burst_cpu: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    missing: int = 0
    twice: int = 0
    disorder: int = 0


async def steady(made: World, speaker: Speaker, cell: str, found: Found) -> None:
    source, kind = type(speaker).__name__.lower(), cell.partition("+")[0]
    async with made.tabs(math.ceil(RATE / PER_TAB) if source == "web" else 1) as tabs:
        cpu = cpu_seconds(made.gateway.pid)
        events = RATE * RATE_SECONDS
        marks = await say_all(made, speaker, cell, events, RATE, tabs)
        await made.shown.everywhere(marks, others(source))
        await asyncio.sleep(0.3)  # what is still written belongs to it
        used = cpu_seconds(made.gateway.pid) - cpu
    found.steady_cpu[source, kind].append(1e6 * used / events)
    found.latency[source, kind].append(
        max(percentile(made.shown.latencies(target, marks), 50) for target in others(source))
    )


async def burst(made: World, speaker: Speaker, cell: str, events: int, found: Found) -> None:
    source, kind = type(speaker).__name__.lower(), cell.partition("+")[0]
    async with made.tabs(tabs_for(events) if source == "web" else 1) as tabs:
        cpu, began = cpu_seconds(made.gateway.pid), time.perf_counter()
        marks = await say_all(made, speaker, cell, events, 0, tabs)
        await made.shown.everywhere(marks, others(source))
        found.per_second[source, kind].append(events / (time.perf_counter() - began))
        await asyncio.sleep(0.3)
        used = cpu_seconds(made.gateway.pid) - cpu
    found.burst_cpu[source, kind].append(1e6 * used / events)


def tabs_for(events: int) -> int:
    """Browsers enough for a burst, of which each edits as much as the others."""
    count = math.ceil(events / (PER_TAB_AT_ONCE - 3))
    return count + (count % EDITS == 0)


async def measured(options: argparse.Namespace, found: Found) -> None:
    async with world(options.directory) as made:
        await wake(made)
        speakers: list[Callable[[World], Speaker]] = [Telegram, Xmpp, Web]
        for speaker in [make(made) for make in speakers]:
            for number, kind in enumerate(TURNS[:STEADY_TURNS]):
                await steady(made, speaker, f"{kind}+steady{number}", found)
            for number, kind in enumerate(TURNS):
                await burst(made, speaker, f"{kind}+burst{number}", options.burst, found)
        shown = made.shown
    found.missing += len(shown.missing)
    found.twice += shown.twice
    found.disorder += shown.disorder


async def compare(options: argparse.Namespace) -> None:
    print_machine()
    found = Found()
    for _ in range(options.runs):
        await measured(options, found)
    print(f"{RATE}/s; whole: 2 spans, every third an answer, every fifth edited\n")
    print_pairs(f"at {RATE}/s", "CPU ms/1000", found.steady_cpu)
    print_pairs(f"at {RATE}/s", "p50 ms", found.latency, form="{:.1f}")
    print_pairs(f"burst of {options.burst}", "CPU ms/1000", found.burst_cpu)
    print_pairs(f"burst of {options.burst}", "messages/s", found.per_second, more_is_better=True)
    print(f"missing: {found.missing}; twice: {found.twice}; out of order: {found.disorder}")


def print_pairs(
    title: str,
    unit: str,
    values: dict[tuple[str, str], list[float]],
    *,
    form: str = "{:.0f}",
    more_is_better: bool = False,
) -> None:
    """Plain beside whole, and how much worse whole is."""
    rows = []
    for source in NETWORKS:
        plain, whole = (statistics.median(values[source, kind]) for kind in KINDS)
        ratio = plain / whole if more_is_better else whole / plain
        rows.append((source, form.format(plain), form.format(whole), f"{ratio:.2f}"))
    print_table((f"{title}, {unit}", *KINDS, f"worse (goal {GOAL})"), rows)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--burst", type=int, default=400)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--directory", help="where the ledger lies (default: the usual for files)")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
