"""Daphne, repaired: connections and their applications. Import only once the reactor is installed.

What Daphne does well it goes on doing (parsing HTTP, the handshake, frames, pings). What this
module, ``web.py`` and ``wire.py`` change, each with its reason:

* a task that ends is noticed at once, not by a sweep each second, and a client never waits for an
  application that is gone;
* ``send`` after the application was told that its client is gone raises ``Gone`` (ASGI: an
  ``OSError``). Between the loss and the telling it stays silent: a group message that arrives
  just then must not end a Channels consumer before its ``disconnect``;
* input is held back when its application is behind, output is bounded;
* ``X-Forwarded-*`` counts only from a trusted proxy, ``Daphne-Root-Path`` never;
* closing is a goodbye: 1001 for every WebSocket, running requests are finished, and Twisted's
  reactor, whose stop would be ours, is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from daphne.http_protocol import HTTPFactory
from daphne.server import Server as Daphne
from daphne.ws_protocol import WebSocketFactory

from protocols.websocket.inbox import Inbox
from protocols.websocket.proxies import Proxies
from protocols.websocket.settings import Settings
from protocols.websocket.web import Channel, Request
from protocols.websocket.wire import CLOSE_SECONDS, Gone, WebSocket

logger = logging.getLogger(__name__)

TEND_SECONDS = 2.0
"""How often the connections' pings and overdue applications are looked after."""
HANDSHAKE_SECONDS = 20
"""How long an application may take to accept a WebSocket."""
GONE_SECONDS = 10
"""How long an application may go on without its client."""


class Site(Daphne):  # type: ignore[misc]
    """What answers on one listening socket, whichever application it serves."""

    def __init__(self, application: Callable[..., Any], settings: Settings) -> None:
        super().__init__(
            application,
            endpoints=["ours"],
            signal_handlers=False,
            websocket_timeout=-1,
            websocket_connect_timeout=HANDSHAKE_SECONDS,
            websocket_handshake_timeout=HANDSHAKE_SECONDS,
            application_close_timeout=GONE_SECONDS,
            server_name="",
        )
        self.settings = settings
        self.proxies = Proxies.from_names(settings.trusted_proxies)
        self.connections: dict[Any, dict[str, Any]] = {}
        self.channels: set[Channel] = set()
        self.emptied = asyncio.Event()
        self.http_factory = SiteFactory(self)
        self.ws_factory = WebSocketFactory(self, server="")
        self.ws_factory.protocol = WebSocket
        self.ws_factory.setProtocolOptions(
            # Origins are the front's to judge, with a word in the log.
            allowNullOrigin=True,
            autoPingTimeout=self.ping_timeout,
            failByDrop=False,
            openHandshakeTimeout=HANDSHAKE_SECONDS,
            closeHandshakeTimeout=CLOSE_SECONDS,
            maxMessagePayloadSize=settings.max_message,
            maxFramePayloadSize=settings.max_message,
        )

    def protocol_disconnected(self, protocol: Any) -> None:
        """The client is gone, or has its answer."""
        details = self.connections.get(protocol)
        if details is None or "disconnected" in details:
            return
        details["disconnected"] = time.time()
        task = details.get("application_instance")
        if task is None or task.done():
            self._forget(protocol)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Inbox:
        """Start the application of one connection; returns its inbox."""
        tap = protocol if isinstance(protocol, WebSocket) or protocol.streamed else None
        inbox = protocol.inbox = Inbox(tap, self.settings.max_message)
        application = self.application(
            self._scope(protocol, scope), inbox.get, partial(self.handle_reply, protocol)
        )
        task = asyncio.get_running_loop().create_task(application)
        self.connections[protocol]["application_instance"] = task
        task.add_done_callback(partial(self._ended, protocol))
        return inbox

    def _scope(self, protocol: Any, scope: dict[str, Any]) -> dict[str, Any]:
        headers, peer = scope["headers"], scope["client"] or ["", 0]
        client = self.proxies.client(peer[0], headers)
        secure = self.proxies.secure(peer[0], headers)
        plain = {"http": "http", "websocket": "ws"}[scope["type"]]
        scope |= {
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "root_path": "",
            "scheme": f"{plain}s" if secure else plain,
            "client": peer if client == peer[0] else [client, 0],
            "extensions": protocol.extensions(),
        }
        scope.setdefault("http_version", "1.1")
        return scope

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """ASGI's ``send``."""
        details = self.connections.get(protocol)
        if details is None or "disconnected" in details:
            if protocol.inbox.told or isinstance(protocol, Request):
                raise Gone("the client is gone")
            return
        self.check_headers_type(message)
        protocol.handle_reply(message)
        if isinstance(protocol, Request):
            await protocol.drained()

    def _ended(self, protocol: Any, task: asyncio.Task[None]) -> None:
        details = self.connections.get(protocol)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Gone):
            path = getattr(protocol, "path", b"").decode("ascii", "replace")
            logger.error("an application raised path=%s", path, exc_info=error)
        if details is None or "disconnected" in details:
            self._forget(protocol)
        else:
            protocol.application_ended(error)

    def _forget(self, protocol: Any) -> None:
        self.connections.pop(protocol, None)
        if not self.connections:
            self.emptied.set()

    async def tend(self) -> None:
        """Ping, and cancel applications that outlive their client, until cancelled."""
        while True:
            await asyncio.sleep(TEND_SECONDS)
            for protocol, details in list(self.connections.items()):
                protocol.check_timeouts()
                gone = details.get("disconnected")
                task = details.get("application_instance")
                if task and gone and time.time() - gone > self.application_close_timeout:
                    logger.warning("an application outlived its client and was cancelled")
                    task.cancel()

    async def close(self, seconds: float) -> None:
        """Say goodbye to every client; what is not over after ``seconds`` is cut off."""
        for protocol in list(self.connections):
            protocol.go_away()
        for channel in list(self.channels):
            channel.go_away()
        if not await self._empty(seconds):
            self._cut_off()
            await self._empty(1.0)
        for channel in list(self.channels):
            channel.transport.abortConnection()

    def _cut_off(self) -> None:
        logger.warning("cut off %s connections at the end", len(self.connections))
        for protocol, details in list(self.connections.items()):
            if task := details.get("application_instance"):
                task.cancel()
            protocol.abort()

    async def _empty(self, seconds: float) -> bool:
        """Wait until no connection is left; says whether that came to be."""
        self.emptied.clear()
        if not self.connections:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self.emptied.wait()
        except TimeoutError:
            return False
        return True


class SiteFactory(HTTPFactory):  # type: ignore[misc]
    """Makes our channels and requests; keeps no access log, and no timer for its dates."""

    protocol = Channel

    def buildProtocol(self, addr: Any) -> Any:
        """Called by Twisted for each connection."""
        channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel

    def startFactory(self) -> None:
        """Opens no log."""

    def stopFactory(self) -> None:
        """Closes none."""

    def log(self, request: Any) -> None:
        """Writes none."""
