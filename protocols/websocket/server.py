"""The web: Daphne on our loop serves HTTP and WebSockets, and the web platform behind them.

The web platform's network is the ledger itself: what a browser says is appended to its chat's log
when it is recorded, what an application sends is appended in the commit of the send, and the
sockets follow the log. So this server delivers nothing but what is not recorded (typing).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar

from django.conf import settings as django_settings

from gateway.delivery.server import Port, ProtocolServer
from gateway.delivery.status import State
from gateway.vocabulary.errors import Refused, StartError
from gateway.vocabulary.events import Event, Facts, kind_of
from gateway.vocabulary.ids import account_of, key_parts
from protocols.websocket.crowd import Crowds
from protocols.websocket.front import Front
from protocols.websocket.guests import facts_from_key
from protocols.websocket.origins import Origins
from protocols.websocket.ports import listening_socket
from protocols.websocket.reactor import running_reactor
from protocols.websocket.settings import Settings
from protocols.websocket.sockets import Sockets
from protocols.websocket.translate import answer_from_event, shown_author
from protocols.websocket.uploads import Uploads

logger = logging.getLogger(__name__)


class Server(ProtocolServer):
    """The web platform of one account, and the HTTP server of the process."""

    keeps_log: ClassVar[bool] = True
    identity = "web"

    settings: Settings

    def __init__(self, account: str, settings: Settings, port: Port) -> None:
        super().__init__(account, settings, port)
        self.crowds = Crowds(port)
        origins = Origins.from_settings(
            [settings.public_url, *settings.origins], django_settings.ALLOWED_HOSTS
        )
        uploads = Uploads(account, port, origins)
        self.front = Front(port, Sockets(account, port, self.crowds), uploads, origins)
        self.address: tuple[str, int] | None = None
        """Where it listens, once it does."""
        self._site: Any = None
        self._listener: Any = None
        self._tending: asyncio.Task[None] | None = None

    @property
    def http_only(self) -> bool:
        """Whether there is HTTP but no chat (``ws`` was not chosen)."""
        return self.front.http_only

    @http_only.setter
    def http_only(self, value: bool) -> None:
        self.front.http_only = value

    async def identify(self) -> str:
        """See ``ProtocolServer.identify``."""
        return self.identity

    async def run(self) -> None:
        """Serve until cancelled; raises ``StartError`` if the port cannot be had."""
        self.port.status.set(State.CONNECTING)
        try:
            host, port = self._open()
            self.port.status.set(State.CONNECTED, f"listening on {host}:{port}")
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    def _open(self) -> tuple[str, int]:
        taken = listening_socket(self.settings.host, self.settings.port)
        with taken:
            reactor = running_reactor()
            from protocols.websocket.sites import Site

            self._site = Site(self.front, self.settings)
            self._listener = reactor.adoptStreamPort(
                taken.fileno(), taken.family, self._site.http_factory
            )
            self.address = taken.getsockname()[:2]
        self._tending = asyncio.get_running_loop().create_task(self._site.tend())
        return self.address

    async def close(self) -> None:
        """Stop listening, say goodbye (1001), and wait a bounded time for what is running."""
        site, listener, tending = self._site, self._listener, self._tending
        self._site = self._listener = self._tending = self.address = None
        if tending is not None:
            tending.cancel()
        if listener is not None:
            stopped = listener.stopListening()
            if stopped is not None:
                await stopped.asFuture(asyncio.get_running_loop())
        if site is not None:
            await site.close(self.settings.close_timeout)
            self.port.status.set(State.STOPPED)

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Show what is not recorded to the sockets that are here; the log brings the rest."""
        crowd, kind = self.crowds.find(conversation), kind_of(event)
        if kind not in ("typing", "answer"):
            raise Refused("unsupported", f"{event['type']} reaches a web chat by its log")
        if crowd is not None and kind == "typing":
            author = event.get("author") or _bot(facts)
            crowd.show({"type": "typing", "author": shown_author(author)})
        elif crowd is not None:
            person, frame = answer_from_event(event)
            crowd.show(frame, person=person)
        return None

    async def administers(self, conversation: str, author: str) -> bool:
        """A room's web chat has no administrator: it belongs to its room from the start."""
        return key_parts(conversation).place.startswith("~")

    def facts(self, conversation: str) -> Facts:
        """See ``ProtocolServer.facts``."""
        if account_of(conversation) != self.account:
            raise ValueError(f"{conversation!r} is no chat of {self.account}")
        return facts_from_key(conversation)

    async def check(self) -> list[str]:
        """See ``ProtocolServer.check``; a taken port may be a running gateway's own."""
        host, port = self.settings.host, self.settings.port
        try:
            listening_socket(host, port).close()
        except StartError as error:
            return [str(error)]
        return [f"would listen on {host}:{port}"]


def _bot(facts: Facts) -> Any:
    return {**facts["bot"], "handle": None, "kind": "bot", "private": None}
