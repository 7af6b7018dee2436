"""Starts the chosen servers on one loop, says what runs, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import uvloop
from channels.layers import get_channel_layer
from django.db import connections

from gateway import registry, schema
from gateway.answers import Answers, sign_in_address
from gateway.application import Routes, load_application
from gateway.config import Config
from gateway.control import ControlServer
from gateway.delivery import process
from gateway.delivery.far import claimed_by
from gateway.delivery.hub import HubLayer
from gateway.delivery.port import AccountPort
from gateway.delivery.retention import Retention
from gateway.delivery.server import ProtocolServer
from gateway.delivery.status import State
from gateway.delivery.switchboard import ROOM_ACCOUNT, Switchboard
from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.media.addresses import Networks
from gateway.media.store import DAY, HOUR, Bounds, Media
from gateway.media.words import MEBIBYTE
from gateway.supervisor import Supervisor
from gateway.vocabulary.errors import ConfigurationError, GatewayError, LedgerAway, StartError

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
"""How long stopping may take."""

SWITCH_SECONDS = 0.001
"""How long a busy loop may keep the ledger's thread waiting: it needs the interpreter again after
each statement, and at Python's own 5 ms a hundred of them take half a second."""


def serve(config: Config) -> None:
    """Serve until SIGINT or SIGTERM; raises ``GatewayError`` if that is not possible."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Gateway(config).run())


def check(config: Config) -> Iterator[tuple[str, bool, list[str]]]:
    """Try each chosen account without disturbing a running gateway: account, well, sentences."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        gateway = Gateway(config)
        yield "application", True, gateway.check_application()
        for server in gateway.servers():
            yield runner.run(_checked(server))


async def _checked(server: ProtocolServer) -> tuple[str, bool, list[str]]:
    try:
        return server.account, True, await server.check()
    except Exception as error:  # whatever it is, it is the answer
        return server.account, False, [str(error) or type(error).__name__]


class Gateway:
    """One process of the gateway."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.began = time.monotonic()
        self.routes = Routes(load_application(config.application))
        layer = get_channel_layer()
        if not isinstance(layer, HubLayer):
            raise ConfigurationError(
                "CHANNEL_LAYERS: 'default' must be gateway.delivery.hub.HubLayer"
            )
        self.hub = layer
        self.journal = Journal()
        self.switchboard = Switchboard(
            self.routes,
            self.journal,
            self.hub,
            log_accounts=self._log_accounts(),
            idle_seconds=config.idle_seconds,
            room_bots=self.routes.routes("room"),
            scopes=frozenset(registry.scope_of(name) for name in registry.names()),
            media=_media(config),
        )
        self.switchboard.resend_unknown = config.unknown == "resend"
        self._stopping = asyncio.Event()

    def _log_accounts(self) -> frozenset[str]:
        return frozenset(
            f"{registry.scope_of(name)}:{account}"
            for name in registry.names()
            if registry.scope_of(name) == registry.OWN_SCOPE
            for account in self.config.accounts[name]
        )

    # What is served

    def check_application(self) -> list[str]:
        """Sentences on the application; raises ``ConfigurationError`` if a route is missing."""
        for name in self.config.protocols:
            scope = registry.scope_of(name)
            if scope != registry.OWN_SCOPE and not self.routes.routes(scope):
                raise ConfigurationError(
                    f"{self.config.application} has no route {scope!r}, and {name} was chosen;"
                    f" add it to the ProtocolTypeRouter or leave {name} out of protocols"
                )
        if not self.routes.routes("room"):
            return [f"{self.config.application} has no route 'room': rooms have no bot"]
        return [f"{self.config.application} with {self.config.bot}"]

    def servers(self) -> list[ProtocolServer]:
        """A server for each account of the chosen protocols that has what it needs."""
        return [
            self._server(name, account)
            for name in self.config.protocols
            for account, settings in self.config.accounts[name].items()
            if settings.configured
        ] + self._http_only()

    def _nothing_runs(self) -> str:
        """Why no server could be made, a line for each chosen protocol."""
        return "\n".join(
            f"{name} cannot run: {settings.missing}"
            for name in self.config.protocols
            for settings in self.config.accounts[name].values()
        )

    def _http_only(self) -> list[ProtocolServer]:
        """HTTP without the chat, if something needs it and ``ws`` was not chosen."""
        own = registry.own_platform()
        webhooks = any(
            getattr(settings, "webhook", False)
            for name in self.config.protocols
            for settings in self.config.accounts[name].values()
        )
        if own is None or own in self.config.protocols or not (self.config.http or webhooks):
            return []
        server = self._server(own, "default")
        server.http_only = True  # type: ignore[attr-defined]
        return [server]

    def _server(self, name: str, account: str) -> ProtocolServer:
        key = f"{registry.scope_of(name)}:{account}"
        port: AccountPort = self.switchboard.port(key)
        settings = self.config.accounts[name][account]
        server: ProtocolServer = registry.server_class(name)(key, settings, port)
        if server.keeps_log and not self.routes.routes(registry.OWN_SCOPE):
            server.http_only = True  # type: ignore[attr-defined]
        port.identity = server.identity or key
        self.switchboard.register(key, server)
        return server

    # Life

    async def run(self) -> None:
        """Start, serve until told to stop, drain."""
        self._listen_to_signals()
        self.check_application()
        servers = self.servers()
        if not servers:
            raise ConfigurationError(self._nothing_runs())
        os.umask(0o077)  # what people say is nobody else's on this machine
        self.journal.start()
        try:
            with _starting():
                await self._prepare()
            await self._serve(servers)
        finally:
            process.use(None)
            await self.journal.stop()
            await asyncio.to_thread(connections.close_all)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)

    async def _prepare(self) -> None:
        await asyncio.to_thread(schema.migrate, self.config)
        if self.config.redis:
            await self._join_others()
        process.use(self.switchboard)
        await self.switchboard.start()
        await self.switchboard.rooms.configure(self.config.rooms)

    async def _join_others(self) -> None:
        """Share the hub; raises ``StartError`` if the others have another ledger."""
        ours = await self.journal.write(_ledger_id)
        theirs = await claimed_by(self.config.redis, ours)
        if theirs not in (None, ours):
            raise StartError(
                f"the gateways at this Redis share the ledger {theirs}, and this one has {ours};"
                " give all of them the same database"
            )
        self.hub.connect(self.config.redis)

    async def _serve(self, servers: list[ProtocolServer]) -> None:
        supervisors = [
            asyncio.create_task(self._supervised(server), name=server.account) for server in servers
        ]
        background = self._background()
        try:
            await self._first_step(servers, supervisors)
            with _starting():
                await self.switchboard.leases.want(self._homes(servers))
            self._introduce(servers)
            await self._until_stopped([*supervisors, *background])
        finally:
            await self._drain(servers, supervisors, background)

    def _supervised(self, server: ProtocolServer) -> Any:
        leases = self.switchboard.leases
        return Supervisor(server, leases, leased=not server.keeps_log).run()

    def _background(self) -> list[asyncio.Task[None]]:
        board = self.switchboard
        control = ControlServer(self.config.socket, Answers(board, lambda: self.page).verbs())
        work = [
            board.keep_looking(),
            board.leases.keep(),
            board.conversations.keep_sweeping(),
            control.run(),
            Retention(self.journal, self.config.retention_days, board.media.tidy).keep_pruning(),
        ]
        if self.hub.far is not None:
            work.append(self.hub.far.run())
        return [asyncio.create_task(part) for part in work]

    def _homes(self, servers: list[ProtocolServer]) -> set[str]:
        homes = {server.account for server in servers if not getattr(server, "http_only", False)}
        if self.routes.routes("room"):
            homes.add(ROOM_ACCOUNT)
        return homes

    async def _first_step(
        self, servers: list[ProtocolServer], supervisors: list[asyncio.Task[None]]
    ) -> None:
        """Wait until whoever listens does listen; raises ``StartError`` if one cannot."""
        listening = [server for server in servers if server.keeps_log]
        while any(server.port.status.state != State.CONNECTED for server in listening):
            done, _ = await asyncio.wait(supervisors, timeout=0.01)
            for task in done:
                task.result()

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for a signal; what fails for good meanwhile is raised."""
        stopping = asyncio.create_task(self._stopping.wait())
        pending: set[asyncio.Task[Any]] = {stopping, *tasks}
        while not stopping.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()

    async def _drain(
        self,
        servers: list[ProtocolServer],
        supervisors: list[asyncio.Task[None]],
        background: list[asyncio.Task[None]],
    ) -> None:
        """Finish what is in hand, say goodbye, give the accounts back."""
        board = self.switchboard
        board.serving = False
        await board.conversations.stop(DRAIN_SECONDS * 0.4)
        for outbox in board.outboxes.values():
            await outbox.stop(DRAIN_SECONDS * 0.1)
        await _end(supervisors, DRAIN_SECONDS * 0.4)
        for server in servers:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(server.close(), 1.0)
        await _end(background, DRAIN_SECONDS * 0.1)
        with contextlib.suppress(GatewayError):
            await board.leases.drop()

    # What it says

    @property
    def page(self) -> str:
        """The address of the page, or empty."""
        if self.config.public_url:
            return self.config.public_url
        addresses = [
            getattr(server, "address", None) for server in self.switchboard.servers.values()
        ]
        for host, port in filter(None, addresses):
            shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
            return f"http://{shown}:{port}"
        return ""

    def _introduce(self, servers: list[ProtocolServer]) -> None:
        # What lives now lives for good; the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self.switchboard.serving = True
        for line in self._introduction(servers):
            _print(line)

    def _introduction(self, servers: list[ProtocolServer]) -> Iterator[str]:
        running = {server.account for server in servers}
        for name in registry.names():
            scope = registry.scope_of(name)
            for account, settings in self.config.accounts[name].items():
                key = f"{scope}:{account}"
                shown = name if account == "default" else f"{name}.{account}"
                if key in running:
                    yield self._line_of_running(shown, key)
                else:
                    why = settings.missing or f"not among the chosen protocols (--protocols {name})"
                    yield f"  - {shown:10} off: {why}"
        if self.page:
            yield f"  + {'dashboard':10} {sign_in_address(self.switchboard, self.page)}"
            yield f"    {'':10} one-time link, 10 minutes; `gateway status` makes another"
        yield f"  ready in {time.monotonic() - self.began:.1f} s. Ctrl-C drains and stops."

    def _line_of_running(self, shown: str, key: str) -> str:
        status = self.switchboard.ports[key].status
        if getattr(self.switchboard.servers[key], "address", None):
            return f"  + {shown:10} {self.page}/"
        return f"  + {shown:10} {status.state} {status.detail}".rstrip()


def _media(config: Config) -> Media:
    given = config.media
    bounds = Bounds(
        most=int(given.max_megabytes * MEBIBYTE),
        cache=int(given.cache_megabytes * MEBIBYTE),
        keep=given.keep_days * DAY,
        link=given.link_hours * HOUR,
        networks=Networks.from_names(given.allow_networks),
    )
    return Media(config.media_directory, bounds, public_url=config.public_url)


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """A ledger that is away at the start is not waited for."""
    try:
        yield
    except LedgerAway as error:
        raise StartError(str(error)) from error


def _ledger_id(rows: Any) -> str:
    known = queries.note(rows, "gateway", "ledger")
    if known is None:
        known = uuid4().hex[:12]
        queries.keep_note(rows, "gateway", "ledger", known)
    return known


async def _end(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


_print: Callable[[str], None] = lambda line: print(line, file=sys.stdout, flush=True)  # noqa: E731, T201
