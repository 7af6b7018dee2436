"""Being connected: one stream at a time, and the way back to it.

Where the server allows it the session goes on over the gap (XEP-0198); where not, the tenant is
told that another one begins.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
import uuid
from collections.abc import Coroutine
from typing import Any, ClassVar, Protocol

from slixmpp.exceptions import IqTimeout, XMPPError

from gateway.delivery.status import State, Status
from gateway.vocabulary.errors import CredentialsRefused, GatewayError, StartError
from protocols.xmpp.acknowledgement import Session
from protocols.xmpp.backoff import Backoff
from protocols.xmpp.features import CAPABILITIES
from protocols.xmpp.link import Link
from protocols.xmpp.settings import Settings
from protocols.xmpp.stream import Conflict, Receiver, Stream, Unreachable

logger = logging.getLogger(__name__)

CONFLICT_SECONDS = 600.0
"""How long we leave the account to another client that took our resource."""
PING_EVERY = 30.0
PING_SECONDS = 10
LEAVE_SECONDS = 3.0
"""How long saying goodbye may take."""


class Tenant(Protocol):
    """Who lives on the connection."""

    def begun(self) -> None:
        """A new session: what was not confirmed in the old one only the archives can tell."""

    def connected(self, stream: Stream) -> list[Coroutine[Any, Any, None]]:
        """Stanzas can be said; returns what is to be done for as long as they can."""

    async def pack_up(self) -> None:
        """We are about to leave: let what arrived be committed, and say nothing more."""

    def disconnected(self) -> None:
        """The connection is gone."""


class Connection:
    """Keeps a stream in the link, and a new one after it."""

    stream_class: ClassVar[type[Stream]] = Stream

    def __init__(
        self,
        account: str,
        settings: Settings,
        status: Status,
        *,
        link: Link,
        receiver: Receiver,
        tenant: Tenant,
    ) -> None:
        self._account = account
        self._settings = settings
        self._status = status
        self._link = link
        self._receiver = receiver
        self._tenant = tenant
        self._session: Session | None = None
        self._trust: ssl.SSLContext | None = None
        self._closing = False
        self._backoff = Backoff()
        self._had_session = False
        """Whether the connection of the moment had one, or was told that it is gone."""

    async def run(self) -> None:
        """Stay connected until cancelled or closed; raises ``CredentialsRefused``."""
        self._closing = False
        self._status.set(State.CONNECTING, f"to {self._settings.domain}")
        while not self._closing:
            self._had_session = False
            error = await self._connect_once()
            if self._closing:
                return
            if isinstance(error, CredentialsRefused):
                self._status.set(State.REFUSED, str(error), error=str(error))
                raise error
            await self._wait_after(error)

    async def _wait_after(self, error: GatewayError) -> None:
        """Wait before the next try; not at all if there was a session a moment ago."""
        if isinstance(error, Conflict):
            again = time.strftime("%H:%M:%S", time.localtime(time.time() + CONFLICT_SECONDS))
            said = f"{error}; tried again at {again}"
            logger.error("account=%s %s", self._account, said)
            self._status.set(State.ELSEWHERE, said, error=said)
            await asyncio.sleep(CONFLICT_SECONDS)
            return
        logger.warning("account=%s reconnecting: %s", self._account, error)
        self._status.set(State.RECONNECTING, str(error), error=str(error))
        pause = self._backoff.after(session=self._had_session, now=time.monotonic())
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _connect_once(self) -> GatewayError:
        """One connection, from login to its end; returns why it ended."""
        stream = self._new_stream(self._settings.resource, self._session)
        self._link.open(stream, self._settings.bare_jid)
        resuming = self._resumable
        try:
            await stream.login()
            return await self._serve(stream)
        except GatewayError as error:
            if resuming and not self._resumable:
                # Some end the connection with a session that they give up: nothing else failed.
                self._had_session = True
            return error
        finally:
            if self._closing or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                await self._leave(stream)
            stream.dispose()
            self._link.stream = None
            self._tenant.disconnected()

    @property
    def _resumable(self) -> bool:
        return self._session is not None and self._session.name is not None

    def _new_stream(self, resource: str, session: Session | None) -> Stream:
        settings = self._settings
        if self._trust is None:
            self._trust = ssl.create_default_context()
            if settings.tls_ca is not None:
                self._trust.load_verify_locations(settings.tls_ca)
        return self.stream_class(
            settings, self._receiver, resource=resource, trust=self._trust, previous=session
        )

    async def _serve(self, stream: Stream) -> GatewayError:
        if not stream.was_resumed:
            self._begin(stream)
        self._session, self._had_session = stream.session, True
        self._link.paused = False
        logger.info(
            "account=%s connected tls=%s resumed=%s",
            self._account,
            stream.encryption,
            stream.was_resumed,
        )
        work = [self._watch(stream), *self._tenant.connected(stream)]
        tasks = [asyncio.create_task(part) for part in work]
        try:
            return await stream.lost()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, stream: Stream) -> None:
        if self._session is not None:
            self._session.departures.abandon(None)
        self._tenant.begun()
        stream.say(f"<presence>{CAPABILITIES}</presence>")

    async def _watch(self, stream: Stream) -> None:
        """Notice a connection that is dead and does not say so (XEP-0199)."""
        while True:
            await asyncio.sleep(PING_EVERY)
            if self._link.paused:
                continue
            try:
                await stream.plugin["xep_0199"].ping(self._settings.domain, timeout=PING_SECONDS)
            except IqTimeout:
                stream.drop(Unreachable(f"{stream.where} did not answer a ping"))
            except XMPPError:
                logger.debug("account=%s the server answers no pings", self._account)

    # The end of it

    def end(self) -> None:
        """Nothing is connected any more, and nothing will come back by itself."""
        if self._session is not None:
            self._session.departures.abandon(None)
        self._session = None

    async def close(self) -> None:
        """Leave, and do not come back."""
        self._closing = True
        if self._link.stream is not None:
            await self._leave(self._link.stream)
            self._link.stream.dispose()
        self.end()

    async def _leave(self, stream: Stream) -> None:
        if not stream.online:
            return
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._tenant.pack_up()
                await stream.goodbye()
        except TimeoutError:
            logger.debug("account=%s the server did not say goodbye", self._account)

    # Beside it

    async def check(self) -> list[str]:
        """Log in beside a running gateway, without being seen, and leave."""
        stream = self._new_stream(f"check-{uuid.uuid4().hex[:8]}", None)
        try:
            await stream.login()
            jid = self._settings.bare_jid
            said = [f"logged in as {jid} at {stream.where}, {stream.encryption}"]
            if stream.session.name is None:
                said.append(
                    "the server resumes no sessions (XEP-0198): short gaps may lose messages"
                )
            await stream.goodbye()
        except (Unreachable, Conflict) as error:
            raise StartError(str(error)) from error
        finally:
            stream.dispose()
        return said
