"""The gateway of a behaviour test: everything is real but the networks."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from channels.layers import channel_layers
from django.db import connections

from gateway.delivery.conversations import Application
from gateway.delivery.hub import HubLayer
from gateway.delivery.server import Arrival
from gateway.delivery.switchboard import ROOM_ACCOUNT, Switchboard
from gateway.ledger.journal import Journal
from gateway.ledger.rows import Rows
from gateway.sections import RoomSettings
from gateway.testing import TelegramCommunicator, WebCommunicator, XmppCommunicator
from gateway.testing.recording import RecordingServer
from gateway.vocabulary.events import Author, Event, Facts
from gateway.vocabulary.ids import key_parts, protocol_of

ACCOUNTS = ("telegram:default", "xmpp:default", "web:default")
KINDS = {"telegram": TelegramCommunicator, "xmpp": XmppCommunicator, "web": WebCommunicator}

PATIENCE = 20.0
"""Seconds that a test waits for what must come, on a machine that has other things to do."""

LEASED = 600.0
"""Seconds of a lease: none runs out, and none is renewed, but where a test lets it."""


def facts_of(conversation: str) -> Facts:
    """What a server would know of a conversation from its key."""
    protocol, _, place = key_parts(conversation)
    group = place.startswith("-") or "conference" in place
    if protocol == "web":
        group = not place.startswith("~")
    channel = place.startswith("-100")
    chat, _, thread = place.partition(":") if protocol == "telegram" else (place, "", "")
    return {
        "bot": {"id": "4242", "name": "TestBot"},
        "chat": {
            "id": chat,
            "kind": "channel" if channel else "group" if group else "private",
            "title": place,
        },
        "thread": thread or None,
        "user": None if group else author_of(conversation),
        "extensions": KINDS[protocol].extensions,
    }


def author_of(conversation: str) -> Author:
    """Who speaks in a conversation if nobody is named."""
    protocol, _, place = key_parts(conversation)
    if protocol == "telegram":
        return TelegramCommunicator.person(abs(int(place.partition(":")[0])), "Alice")
    if protocol == "xmpp":
        return XmppCommunicator.person("alice@example.org", "Alice")
    return WebCommunicator.person("alice", "Alice")


class House:
    """One gateway over one ledger; it can be left and moved into again."""

    def __init__(self, ledger: str) -> None:
        self.ledger = ledger
        self.board: Switchboard
        self.servers: dict[str, RecordingServer] = {}
        self.rooms: Mapping[str, Any] = {}
        """The rooms of the configuration; see ``room``."""
        self.remembers = False
        """Whether networks go on showing, after a restart, what they showed before."""
        self.resend_unknown = True
        """What becomes of sends of unknown fate; to be set before the start."""
        self._layer: Any = None
        self._keeping: asyncio.Task[None] | None = None
        self._messages = itertools.count(1)
        self._watched: set[str] = set()

    async def start(self, application: Application, *, bots: bool = True) -> None:
        """Move in; whoever lived here before must have left."""
        hub = HubLayer()
        self._layer = channel_layers.set("default", hub)
        journal = Journal(self.ledger)
        self.board = board = Switchboard(
            application, journal, hub, room_bots=bots, scopes=frozenset(KINDS)
        )
        board.conversations.retry_seconds = 0.001
        board.leases.seconds = LEASED
        journal.start()
        for account in ACCOUNTS:
            server = RecordingServer(account, facts_of, board.port(account))
            if self.remembers and account in self.servers:
                server.delivered = self.servers[account].delivered
            self.servers[account] = server
            board.register(account, server)
        for outbox in board.outboxes.values():
            outbox.resend_unknown = self.resend_unknown
        try:
            await self._open()
        except BaseException:
            await journal.stop()
            raise

    async def _open(self) -> None:
        board = self.board
        await board.start()
        await board.rooms.configure(self.rooms)
        await board.leases.want({*ACCOUNTS, ROOM_ACCOUNT})
        self._keeping = asyncio.create_task(board.leases.keep())
        for conversation in self._watched:
            self.server(conversation).watch(conversation)
        # Whoever is looked for now would be woken in the middle of the test.
        await self.until(lambda: not board._passing)

    def room(self, name: str, *members: str, **settings: Any) -> None:
        """Configure a room, before the start."""
        self.rooms = {**self.rooms, name: RoomSettings(members=members, **settings)}

    async def stop(self, seconds: float = PATIENCE) -> None:
        """Drain, as on SIGTERM."""
        if self._keeping is None:
            return
        board = self.board
        await board.conversations.stop(seconds)
        for outbox in board.outboxes.values():
            await outbox.stop(seconds)
        await self._end()

    async def fall(self) -> None:
        """End without goodbye: nothing that runs comes to its end."""
        board = self.board
        board.conversations.stopping = True
        tasks = [
            awake.task
            for awake in list(board.conversations._awake.values())
            if awake.task is not None
        ]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for outbox in board.outboxes.values():
            await outbox.stop(0)
        await self._end()

    async def die(self) -> None:
        """The process is killed: it gives no lease back."""
        await self.board.journal.write(_give_up_leases)
        await self.fall()

    async def _end(self) -> None:
        assert self._keeping is not None
        self._keeping.cancel()
        self._keeping = None
        await self.board.leases.drop()
        await self.board.journal.stop()
        channel_layers.set("default", self._layer)

    # The networks

    def server(self, conversation: str) -> RecordingServer:
        """The server that a conversation belongs to."""
        protocol, account, _ = key_parts(conversation)
        return self.servers[f"{protocol}:{account}"]

    def watch(self, conversation: str) -> RecordingServer:
        """Keep what is shown in a conversation from now on; its server."""
        self._watched.add(conversation)
        server = self.server(conversation)
        server.watch(conversation)
        return server

    def arrival(
        self, conversation: str, text: str, delivery: str | None = None, **body: Any
    ) -> Any:
        """What a server makes of a message."""
        event: Event = {
            "type": f"{protocol_of(conversation)}.message",
            "id": f"m{next(self._messages)}",
            "text": text,
            "author": author_of(conversation),
            "attachments": [],
            "reply_to": None,
            "at": time.time(),
            **body,
        }
        if protocol_of(conversation) == "web" and "id" not in body:
            del event["id"]  # the log gives it
        return Arrival(conversation, facts_of(conversation), event, delivery)

    async def hears(self, conversation: str, *texts: str, **body: Any) -> None:
        """Somebody says something in a conversation; returns when it is on disk."""
        server = self.watch(conversation)
        await server.port.accept([self.arrival(conversation, text, **body) for text in texts])

    async def shows(self, conversation: str, count: int, seconds: float = PATIENCE) -> list[str]:
        """Wait until so many messages were shown in a conversation; their texts."""
        server = self.watch(conversation)
        return await server.wait_for(conversation, count, seconds)

    def shown(self, conversation: str) -> list[str]:
        """What was shown until now."""
        return self.server(conversation).texts(conversation)

    # Inside

    async def settled(self, *conversations: str, seconds: float = PATIENCE) -> None:
        """Wait until these (or all) have nothing more to do, and what was said is on disk."""
        await self.until(lambda: all(self._quiet(key) for key in conversations or self._awake()))
        await self.board.journal.write(lambda rows: None)

    def _awake(self) -> list[str]:
        return list(self.board.conversations._awake)

    def _quiet(self, conversation: str) -> bool:
        awake = self.board.conversations.awake(conversation)
        return awake is None or awake.restful

    async def sleeps(self, *conversations: str) -> None:
        """Wait until all is done, put everybody to sleep, and wait until they do."""
        await self.settled(*conversations)
        await self.until(self._swept)

    def _swept(self) -> bool:
        """Whether everybody sleeps; one that just heard of its send may need a second look."""
        self.board.conversations.sweep(idle_seconds=0)
        return not len(self.board.conversations)

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something is true."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    async def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """Ask the ledger."""
        await self.board.journal.write(lambda rows: None)
        return await self.board.journal.read(lambda rows: rows.all(sql, *parameters))

    async def dead(self) -> list[str]:
        """The texts of the dead letters."""
        import orjson

        found = await self.rows("SELECT event FROM gateway_dead ORDER BY id")
        return [orjson.loads(row[0]).get("text") for row in found]

    async def group_send(self, group: str, event: Event) -> None:
        """Send to a group of the channel layer."""
        await self.board.hub.group_send(group, event)


def _give_up_leases(rows: Rows) -> None:
    rows.run("UPDATE gateway_lease SET holder = %s, until = 0", "somebody who died")


@contextmanager
def writing(ledger: str) -> Iterator[None]:
    """Somebody else writes, and takes their time."""
    from gateway.ledger.queries import become_the_writer

    other = connections.create_connection(ledger)
    rows = Rows(other)
    rows.run("BEGIN IMMEDIATE" if rows.vendor == "sqlite" else "BEGIN")
    become_the_writer(rows)
    if rows.vendor == "postgresql":  # which would end a writer that hangs
        rows.run("SET LOCAL idle_in_transaction_session_timeout = 0")
    try:
        yield
    finally:
        rows.run("ROLLBACK")
        other.close()


async def cancelled(house: House, work: Coroutine[Any, Any, Any]) -> None:
    """Begin something that writes, and cancel it while the ledger has not answered yet."""
    await house.settled()
    with writing(house.ledger):
        task = asyncio.create_task(work)
        await house.until(lambda: house.board.journal.depth > 0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def wait(event: asyncio.Event, seconds: float = PATIENCE) -> None:
    """Wait for an event, but not for ever."""
    await asyncio.wait_for(event.wait(), seconds)


class Notebook:
    """What an application under test saw, from any thread."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.goodbyes: list[str] = []
        self.openings: list[str] = []
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self.texts.append(event.get("text", ""))
