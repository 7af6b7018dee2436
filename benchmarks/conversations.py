"""What one event costs on its way through the core, and what a conversation weighs.

    python benchmarks/conversations.py [--most 100000] [--runs 3]

An event goes scope -> ``ProtocolTypeRouter`` -> application -> ``send``. The ledger is a
dictionary here: what is measured is the core alone. Every cell is a process of its own.

- ``ChatConsumer``, ``bare ASGI`` and ``AsyncConsumer`` run on our ``Conversations``;
- ``stock tasks`` is Channels' ``AsyncConsumer`` as Channels' servers run it: a task for each
  conversation over a queue; ``stock server`` is the same behind asgiref's ``StatelessServer``.

``us/event`` is CPU time with all conversations awake, ``waking`` with each event waking its
conversation and putting it to sleep again. Memory is growth of the resident size: per awake
conversation, and, with the real ledger on disk, per member of a room that sleeps. About two
minutes; ``--most 10000`` takes one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop
from measure import ENVIRONMENT, print_machine, print_table, resident_kibibytes, spread

STOCK_MOST = 10_000
"""Stock consumers are measured up to this many: a minute has to do."""

EVENTS = 20_000
"""Events in a round at least; stock consumers get a tenth."""

CHUNK = 100
"""Events that are under way at the same time."""

FACTS = {
    "bot": {"id": "1", "name": "bot"},
    "chat": {"id": "1", "kind": "private", "title": "Tom"},
    "thread": None,
    "user": None,
    "extensions": {"message": {}},
}
AUTHOR = {"id": "telegram:1", "name": "Tom", "handle": None, "kind": "person", "private": None}


def message(number: int) -> dict[str, Any]:
    """An event as Telegram's server makes it."""
    return {
        "type": "telegram.message",
        "key": f"i{number}",
        "id": str(number),
        "text": "hello",
        "author": AUTHOR,
        "attachments": [],
        "reply_to": None,
        "at": 0.0,
    }


# The applications.


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while True:
        event = await receive()
        await send({"type": "telegram.message", "text": event["text"]})


def chat_consumer() -> Any:
    from consumers.base import ChatConsumer

    class Echo(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply(event["text"])

    return Echo.as_asgi()


def async_consumer(*, alias: str = "default") -> Any:
    from channels.consumer import AsyncConsumer

    class Echo(AsyncConsumer):  # type: ignore[misc]
        channel_layer_alias = alias

        async def telegram_message(self, event: dict[str, Any]) -> None:
            await self.send({"type": "telegram.message", "text": event["text"]})

    return Echo.as_asgi()


# What carries the events: each takes (conversation, event) and counts what was answered.


class Ours:
    """Our ``Conversations`` over a ledger in memory."""

    def __init__(self, application: Any, live: int) -> None:
        from channels.layers import get_channel_layer

        from gateway.delivery.conversations import Conversations
        from gateway.delivery.names import Names

        self.record = MemoryRecord()
        gateway = SimpleNamespace(rooms=SimpleNamespace(room_of={}), names=Names())
        self.conversations = Conversations(
            application, self.record, state={"gateway": gateway}, live=live
        )
        gateway.conversations = self.conversations
        get_channel_layer().conversations = self.conversations

    @property
    def answered(self) -> int:
        return self.record.answered

    def offer(self, conversation: str, number: int) -> None:
        from gateway.delivery.record import INBOX, Item

        item = Item(INBOX, number, message(number))
        self.record.inbox[conversation] = item
        self.conversations.offer(conversation, item)

    async def rest(self) -> None:
        """Put all that are awake to sleep."""
        while len(self.conversations):
            self.conversations.sweep(idle_seconds=0.0)
            await asyncio.sleep(0)


class MemoryRecord:
    """See ``gateway.delivery.record.Record``; what is done with is forgotten."""

    def __init__(self) -> None:
        self.inbox: dict[str, Any] = {}
        """What is under way: one event in a conversation at a time."""
        self.answered = 0

    async def wake(self, conversation: str) -> Any:
        from gateway.delivery.record import Known

        return Known(FACTS)

    async def unhandled(self, conversation: str, skip: Iterable[str], limit: int) -> list[Any]:
        item = self.inbox.get(conversation)
        return [] if item is None or item.key in set(skip) else [item]

    async def unread(self, stream: str, after: int, limit: int) -> list[Any]:
        return []

    def handled(self, conversation: str, done: Any, sends: Any, chain: Any) -> None:
        self.inbox.pop(conversation, None)

    async def said(self, conversation: str, cause: str | None, ordinal: int, event: Any) -> None:
        self.answered += 1


class Tasks:
    """One task and one queue for each conversation, as Channels' servers have it."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.tasks: list[asyncio.Task[Any]] = []
        self.answered = 0

    async def send(self, event: Any) -> None:
        self.answered += 1

    def offer(self, conversation: str, number: int) -> None:
        queue = self.queues.get(conversation)
        if queue is None:
            queue = self.queues[conversation] = asyncio.Queue()
            scope = {"type": "telegram", "asgi": {}, "conversation": conversation, **FACTS}
            run = self.application(scope, queue.get, self.send)
            self.tasks.append(asyncio.create_task(run))
        queue.put_nowait(message(number))


class Stateless:
    """asgiref's base of a stateless protocol server."""

    def __init__(self, application: Any, most: int) -> None:
        from asgiref.server import StatelessServer

        class Server(StatelessServer):  # type: ignore[misc]
            async def application_send(server, scope: Any, event: Any) -> None:
                self.answered += 1

        self.server = Server(application, max_applications=most + 1)
        self.answered = 0

    def offer(self, conversation: str, number: int) -> None:
        scope = {"type": "telegram", "asgi": {}, "conversation": conversation, **FACTS}
        queue = self.server.get_or_create_application_instance(conversation, scope)
        queue.put_nowait(message(number))


def carrier(kind: str, most: int, live: int) -> Any:
    from channels.routing import ProtocolTypeRouter

    makers: dict[str, Callable[[], Any]]
    makers = {"ChatConsumer": chat_consumer, "bare ASGI": lambda: bare}
    if kind.startswith("stock"):
        # Without a layer: InMemoryChannelLayer searches all channels for each event.
        application = ProtocolTypeRouter({"telegram": async_consumer(alias="none")})
        return Tasks(application) if kind == "stock tasks" else Stateless(application, most)
    maker = makers.get(kind, async_consumer)
    return Ours(ProtocolTypeRouter({"telegram": maker()}), live)


KINDS = ("ChatConsumer", "bare ASGI", "AsyncConsumer", "stock tasks", "stock server")


# One cell, in its own process.


def prepare(directory: Path) -> None:
    from gateway import settings
    from gateway.config import load

    settings.configure(load(environment={}, directory=directory))


async def cell(kind: str, most: int, runs: int) -> dict[str, Any]:
    carried = carrier(kind, most, live=most + 1)
    keys = [f"telegram:default:{number}" for number in range(1, most + 1)]
    gc.collect()
    gc.freeze()  # as the gateway does when it is ready
    empty = resident_kibibytes()
    await deliver(carried, keys)
    awake = (resident_kibibytes() - empty) / most
    least = EVENTS // 10 if "stock" in kind or kind == "AsyncConsumer" else EVENTS
    rounds = max(1, -(-least // most))
    times = [await timed(carried, keys * rounds) for _ in range(runs)]
    waking: list[float] = []
    if isinstance(carried, Ours):
        await carried.rest()
        # Fewer places than conversations, taken in turn: each event finds its own asleep.
        carried.conversations.limit = min(most, least) // 2
        waking = [await timed(carried, keys[:least]) for _ in range(runs)]
        await carried.rest()
    return {"times": times, "awake": awake, "waking": waking}


async def timed(carried: Any, keys: Sequence[str]) -> float:
    """CPU microseconds per event."""
    began = time.process_time()
    await deliver(carried, keys)
    return (time.process_time() - began) / len(keys) * 1e6


async def deliver(carried: Any, keys: Sequence[str]) -> None:
    """One event to each, a few at a time; all have to be answered."""
    wanted = carried.answered
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        wanted += len(part)
        for place, key in enumerate(part):
            carried.offer(key, wanted + place)
        async with asyncio.timeout(60):
            while carried.answered < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0)


# Sleepers, with the ledger.


async def sleepers(directory: Path, most: int) -> dict[str, Any]:
    """Members of rooms in a ledger on disk, none of them awake."""
    from channels.layers import get_channel_layer

    from gateway.delivery.switchboard import Switchboard
    from gateway.ledger.journal import Journal

    journal = Journal()
    journal.start()
    await journal.write(lambda rows: fill(rows, most))
    board = Switchboard(bare, journal, get_channel_layer())
    gc.collect()
    empty = resident_kibibytes()
    await board.start()
    while journal.depth:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # for what was asked of the ledger last
    gc.collect()
    grown = resident_kibibytes() - empty
    await journal.stop()
    assert len(board.rooms.room_of) == most
    return {"sleeping": grown / most}


def fill(rows: Any, most: int) -> None:
    """Rooms of a thousand members."""
    from gateway.ledger import queries

    for start in range(0, most, 1_000):
        name = f"room{start}"
        stream = f"room:default:{name}"
        queries.keep_room(rows, name, name, "members", "")
        for number in range(start, min(start + 1_000, most)):
            key = f"telegram:default:{number + 1}"
            queries.keep_facts(rows, key, "telegram:default", FACTS)  # type: ignore[arg-type]
            queries.join(rows, key, name, stream, configured=False)


# All cells.


def run_cell(kind: str, most: int, runs: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--cell", kind, "--most", str(most), "--runs", str(runs)]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(most: int, runs: int) -> None:
    print_machine()
    rows = []
    for count in [count for count in (1_000, 10_000, 100_000) if count <= most]:
        for kind in KINDS:
            if count <= STOCK_MOST or kind == "ChatConsumer":
                found = run_cell(kind, count, runs)
                waking = spread(found["waking"]) if found["waking"] else "-"
                awake = f"{found['awake']:.1f}"
                rows.append((kind, f"{count:,}", spread(found["times"]), waking, awake))
    print_table(("application", "conversations", "us/event", "waking", "KiB awake"), rows)
    kibibytes = run_cell("sleepers", most, 1)["sleeping"]
    print(
        f"\nsleeping: {kibibytes:.2f} KiB each; {most:,} of them {kibibytes * most / 1024:.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell is None:
        compare(options.most, options.runs)
        return
    with tempfile.TemporaryDirectory() as directory:
        measured = run_here(options.cell, options.most, options.runs, Path(directory))
    print(json.dumps(measured))


def run_here(kind: str, most: int, runs: int, directory: Path) -> dict[str, Any]:
    prepare(directory)
    work: Awaitable[dict[str, Any]]
    if kind == "sleepers":
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        work = sleepers(directory, most)
    else:
        work = cell(kind, most, runs)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_awaited(work))


async def _awaited(work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await work


if __name__ == "__main__":
    main()
