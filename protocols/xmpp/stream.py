"""One connection to the server: slixmpp's transport, login and IQs under our own counting.

A ``Stream`` is used for one connection and then thrown away, so that no two logins ever meet on
one object; what outlives it is the ``Session`` (XEP-0198). slixmpp's own plugin for it is not
used: it counts a stanza as handled before anybody has seen it, and forgets what it sent when a
resumption is refused. Messages and presences never enter slixmpp's stanza objects, handlers and
roster: they go to the ``Receiver`` as bare elements, and leave as text.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import partial
from typing import Any, Protocol
from xml.etree.ElementTree import Element

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID
from slixmpp.plugins.xep_0198.stanza import StreamManagement
from slixmpp.stanza import Iq, Message, Presence, StreamFeatures
from slixmpp.xmlstream import register_stanza_plugin
from slixmpp.xmlstream.tostring import tostring

from gateway.vocabulary.errors import CredentialsRefused, GatewayError
from protocols.xmpp.acknowledgement import Departure, Session, Settle, Verdict, settle_nothing
from protocols.xmpp.disco import our_info
from protocols.xmpp.parser import BoundedParser
from protocols.xmpp.settings import Settings

logger = logging.getLogger(__name__)

LOGIN_SECONDS = 30
"""From the first packet to the session."""
MAX_UNACKNOWLEDGED = 2000
"""Stanzas that the server has not acknowledged; then nothing more is said."""
MAX_UNWRITTEN = 4 * 1024 * 1024
"""Bytes that the network has not taken; then nothing more is said."""

SM = "urn:xmpp:sm:3"
MESSAGE = "{jabber:client}message"
PRESENCE = "{jabber:client}presence"
IQ = "{jabber:client}iq"
FEATURES = "{http://etherx.jabber.org/streams}features"
STREAM_ERROR = "{http://etherx.jabber.org/streams}error"
STREAM_ERRORS = "{urn:ietf:params:xml:ns:xmpp-streams}"
STARTTLS = "{urn:ietf:params:xml:ns:xmpp-tls}starttls"

OUR_FAULT = (
    "bad-format",
    "bad-namespace-prefix",
    "invalid-namespace",
    "invalid-xml",
    "not-well-formed",
    "policy-violation",
    "restricted-xml",
    "unsupported-stanza-type",
)
"""Stream errors that a stanza of ours may be the cause of (RFC 6120, 4.9.3)."""


class Unreachable(GatewayError):
    """There is no session now; another try may give one."""


class Conflict(GatewayError):
    """Another client logged in with our resource."""


class Receiver(Protocol):
    """Who takes what comes from the server; each stanza is settled once it is safe."""

    def message(self, stanza: Element, settle: Settle) -> None:
        """A message came."""

    def presence(self, stanza: Element, settle: Settle) -> None:
        """A presence came."""

    async def hold(self) -> None:
        """A session is about to be resumed: settle nothing until told what became of it."""

    def resumed(self, *, again: bool) -> None:
        """``again``: the session goes on, and the server repeats what was not settled."""


class Stream(ClientXMPP):  # type: ignore[misc]
    """A connection: ``login``, then stanzas, then ``lost``."""

    def __init__(
        self,
        settings: Settings,
        receiver: Receiver,
        *,
        resource: str,
        trust: ssl.SSLContext,
        previous: Session | None = None,
    ) -> None:
        clear = {"unencrypted_scram": True, "unencrypted_plain": True}
        super().__init__(
            f"{settings.bare_jid}/{resource}",
            settings.password.get_secret_value(),
            plugin_config={"feature_mechanisms": clear if settings.tls == "off" else {}},
            ssl_context=trust,
        )
        self.enable_direct_tls = settings.tls == "direct"
        self.enable_starttls = settings.tls == "starttls"
        self.enable_plaintext = settings.tls == "off"
        self.settings = settings
        self.online = False
        self.was_resumed = False
        self.session = Session("")
        self._receiver = receiver
        self._previous = previous
        self._ready: asyncio.Future[None] = self.loop.create_future()
        self._closed: asyncio.Future[GatewayError] = self.loop.create_future()
        self._reply: asyncio.Future[bool] | None = None
        self._negotiation: asyncio.Task[Any] | None = None
        self._failure = ""
        self._refusal = ""
        self._error: GatewayError | None = None
        self._broken_off: Any = None
        """The transport that was broken off last."""
        self._outgoing: list[str] = []
        self._question = False
        self._prepare()

    def _prepare(self) -> None:
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.plugin["xep_0030"].set_node_handler("get_info", handler=our_info)
        register_stanza_plugin(StreamFeatures, StreamManagement)
        for order in (9000, 10100):  # to resume before the resource is bound, to enable after it
            self.register_feature("sm", self._manage, restart=True, order=order)
        for event, handler in (
            ("connection_failed", self._on_connection_failed),
            ("reconnect_delay", self._on_no_connection),
            ("ssl_invalid_chain", self._on_bad_certificate),
            ("failed_auth", self._on_refusal),
            ("failed_all_auth", self._on_refused),
            ("stream_negotiated", self._on_negotiated),
            ("disconnected", self._on_disconnected),
        ):
            self.add_event_handler(event, handler)

    # The life of a connection

    async def login(self) -> None:
        """Connect and get a session, the previous one if the server still has it.

        Raises ``CredentialsRefused``, ``Conflict`` or ``Unreachable``.
        """
        host = self.settings.host
        self.connect(host or None, self.settings.port if host else None)
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                await asyncio.shield(self._ready)
        except TimeoutError:
            raise Unreachable(f"{self.where} did not answer in {LOGIN_SECONDS} s") from None

    async def lost(self) -> GatewayError:
        """Wait until the connection is gone; returns why."""
        return await asyncio.shield(self._closed)

    def drop(self, error: GatewayError) -> None:
        """Break the connection off; the session can be resumed."""
        self.online = False  # at once: whatever is said from here on would be lost
        self._fail(error)
        self.abort()

    def abort(self) -> None:
        """Break a connection off once: with TLS, Python 3.11.2 fails at the second time."""
        if self.transport is not self._broken_off:
            self._broken_off = self.transport
            super().abort()

    def dispose(self) -> None:
        """Let go of everything that would keep the object alive."""
        self.online = False
        self.cancel_connection_attempt()
        self.abort()
        for name in list(self.scheduled_events):
            self.cancel_schedule(name)
        for task in (self._negotiation, self._run_out_filters):
            if task is not None:
                task.cancel()
        for future in (self._ready, self._closed):
            if future.done() and not future.cancelled():
                future.exception()
            future.cancel()

    async def goodbye(self) -> None:
        """End the session in order: the server forgets it, and others see us go."""
        self._acknowledge(late=True)
        self.say("<presence type='unavailable'/>")
        self._flush()
        self.online = False
        self.session.name = None
        await self.disconnect(wait=2.0)

    @property
    def where(self) -> str:
        """The server, for people."""
        if self.settings.host:
            return f"{self.settings.host}:{self.settings.port}"
        return self.settings.domain

    @property
    def encryption(self) -> str:
        """The version of TLS in use, or that there is none."""
        version = getattr(self.socket, "version", None)
        return (version() if version is not None else None) or "no TLS"

    @property
    def congested(self) -> bool:
        """Whether the network, or the server, does not take what we say."""
        if len(self.session.departures) >= MAX_UNACKNOWLEDGED:
            return True
        waiting: int = self.transport.get_write_buffer_size() if self._is_open else 0
        return waiting > MAX_UNWRITTEN

    @property
    def _is_open(self) -> bool:
        """Whether the transport may be touched: one over TLS falls apart as it closes."""
        return self.transport is not None and not self.transport.is_closing()

    def read(self, wanted: bool) -> None:
        """Stop or go on taking from the network."""
        if not self._is_open:
            return
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    # Out

    def say(self, text: str, verdict: Verdict | None = None) -> Departure:
        """Write a stanza with the others of this turn of the loop; only while ``online``."""
        departure = Departure(text, verdict)
        self._write(text)
        if self.session.leaving:
            self.session.departures.add(departure)
            self._question = True
        elif verdict is not None:
            self.loop.call_soon(self._written, departure)
        return departure

    def _written(self, departure: Departure) -> None:
        departure.settle(True if self._is_open else None)

    def _write(self, text: str) -> None:
        if not self._outgoing:
            self.loop.call_soon(self._flush)
        self._outgoing.append(text)

    def _flush(self) -> None:
        if not self._outgoing:
            return
        if self._question:
            self._outgoing.append(f"<r xmlns='{SM}'/>")
        text = "".join(self._outgoing)
        self._outgoing.clear()
        self._question = False
        if self._is_open:
            self.send_raw(text)

    def send(self, data: Any, use_filters: bool = True) -> None:
        """What slixmpp itself wants to say: stanzas are counted like ours."""
        if not isinstance(data, (Message, Presence, Iq)) or not self._session_started:
            super().send(data, use_filters)
        elif self.transport is not None:
            self.say(tostring(data.xml, xmlns=self.default_ns, stream=self, top_level=True))

    # In

    def init_parser(self) -> None:
        """Use a parser with bounds."""
        super().init_parser()
        self.parser = BoundedParser(lambda reason: self.drop(Unreachable(reason)))

    def _spawn_event(self, xml: Element) -> None:
        # Not a filter: slixmpp builds its objects before the filters, and what it fails to build
        # would not be counted.
        tag = xml.tag
        if tag == MESSAGE:
            self._receiver.message(xml, self._count())
        elif tag == PRESENCE:
            self._receiver.presence(xml, self._count())
        elif tag == IQ:
            settle = self._count()
            super()._spawn_event(xml)
            settle()
        elif tag.startswith(f"{{{SM}}}"):
            self._managed(tag.rpartition("}")[2], xml)
        elif tag == STREAM_ERROR:
            self._on_stream_error(xml)
        elif tag == FEATURES and not self._acceptable(xml):
            self.drop(CredentialsRefused(self._without_tls()))
        else:
            super()._spawn_event(xml)

    def _count(self) -> Settle:
        if not self.session.arriving:
            return settle_nothing
        return partial(self.session.arrivals.settle, self.session.arrivals.take())

    def _acceptable(self, features: Element) -> bool:
        """Never go on without TLS where it was asked for (RFC 6120, 5.3.1; no downgrade)."""
        encrypted = isinstance(self.socket, (ssl.SSLSocket, ssl.SSLObject))
        return encrypted or self.settings.tls != "starttls" or features.find(STARTTLS) is not None

    def _without_tls(self) -> str:
        return (
            f"{self.where} offers no TLS (STARTTLS), so the password was not sent. "
            'Set [xmpp] tls = "direct" if the port speaks TLS from the start, '
            'or tls = "off" if you accept that everything goes in clear'
        )

    # XEP-0198

    async def _handle_stream_features(self, features: Any) -> Any:
        self._negotiation = asyncio.current_task()
        try:
            return await super()._handle_stream_features(features)
        except (IqError, IqTimeout) as error:
            condition = error.condition or "no answer"
            self.drop(Unreachable(f"{self.where} gives no session: {condition}"))
            return True

    async def _manage(self, features: Any) -> bool:
        """Resume the previous session, or make the new one resumable."""
        if "bind" in self.features:
            await self._enable()
            return False
        if self._previous is None or self._previous.name is None:
            return False
        return await self._resume(self._previous)

    async def _resume(self, previous: Session) -> bool:
        await self._receiver.hold()
        name = previous.name or ""
        return await self._ask(
            f"<resume xmlns='{SM}' previd='{_quoted(name)}' h='{previous.arrivals.handled}'/>"
        )

    async def _enable(self) -> None:
        self.session = Session(self.boundjid.full)
        self.session.leaving = True
        await self._ask(f"<enable xmlns='{SM}' resume='true'/>")

    async def _ask(self, element: str) -> bool:
        self._reply = self.loop.create_future()
        self.send_raw(element)
        return await self._reply

    def _managed(self, name: str, xml: Element) -> None:
        match name:
            case "r":
                self.session.arrivals.ask()
                self._acknowledge()
            case "a":
                self.session.departures.acknowledge(_number(xml.get("h")) or 0)
            case "enabled":
                self._on_enabled(xml)
            case "resumed" if self._previous is not None:
                self._on_resumed(self._previous, xml)
            case "failed":
                self._on_failed(xml)

    def acknowledge(self, *, late: bool = False) -> None:
        """Something more is safe, or (``late``) will not be for a while."""
        if self.online:
            self._acknowledge(late=late)

    def _acknowledge(self, *, late: bool = False) -> None:
        arrivals = self.session.arrivals
        if arrivals.answerable or (late and arrivals.asked):
            self._write(f"<a xmlns='{SM}' h='{arrivals.handled}'/>")
            arrivals.answered()

    def _on_enabled(self, xml: Element) -> None:
        if xml.get("resume") in ("true", "1"):
            self.session.name = xml.get("id")
        self.session.arriving = True
        self._answered(True)

    def _on_resumed(self, previous: Session, xml: Element) -> None:
        self.session = previous
        previous.arrivals.rewind()
        self._receiver.resumed(again=True)
        previous.departures.acknowledge(_number(xml.get("h")) or 0)
        self._bind(previous.jid)
        for text in previous.departures.repeat():
            self._write(text)
            self._question = True
        self.was_resumed = True
        self._answered(True)
        self._on_negotiated()

    def _bind(self, jid: str) -> None:
        """What slixmpp does when a resource is bound, without asking for one."""
        self.boundjid = JID(jid)
        self.bound = self.sessionstarted = True
        self.session_bind_event.set()
        self.event("session_bind", self.boundjid)
        self.event("session_resumed")

    def _on_failed(self, xml: Element) -> None:
        if self.session.leaving:
            self.session.leaving = False
        elif self._previous is not None:
            self._previous.departures.abandon(_number(xml.get("h")))
            self._previous.name = None
            self._receiver.resumed(again=False)
        self._answered(False)

    def _answered(self, verdict: bool) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(verdict)

    # What can go wrong

    def _fail(self, error: GatewayError) -> None:
        self._error = self._error or error
        if not self._ready.done():
            self._ready.set_exception(self._error)

    def _on_negotiated(self, _event: Any = None) -> None:
        self.online = True
        if not self._ready.done():
            self._ready.set_result(None)

    def _on_connection_failed(self, error: Any) -> None:
        if isinstance(error, ssl.SSLError):
            self._failure = f"no TLS with {self.where}: {_tls_error(error)}"
        else:
            reason = getattr(error, "strerror", None) or error
            self._failure = f"cannot reach {self.where}: {reason}"

    def _on_no_connection(self, _seconds: Any) -> None:
        self.cancel_connection_attempt()
        self._fail(Unreachable(self._failure or f"cannot reach {self.where}"))
        self._on_disconnected(None)

    def _on_bad_certificate(self, error: ssl.SSLError) -> None:
        self.drop(Unreachable(f"no TLS with {self.where}: {_tls_error(error)}"))

    def _on_refusal(self, stanza: Any) -> None:
        self._refusal = str(stanza["condition"])

    def _on_refused(self, _event: Any) -> None:
        jid = self.settings.bare_jid
        if self._refusal == "temporary-auth-failure":
            self._fail(Unreachable(f"{self.where} cannot check the password now"))
        elif self._refusal:
            said = f"{self.where} refuses {jid} ({self._refusal})"
            self._fail(CredentialsRefused(f"{said}: wrong password, or no such account"))
        else:
            said = f"{self.where} offers no way to log in that is safe over {self.encryption}"
            self._fail(CredentialsRefused(said))

    def _on_stream_error(self, xml: Element) -> None:
        found = next((child for child in xml if child.tag.startswith(STREAM_ERRORS)), None)
        condition = found.tag.removeprefix(STREAM_ERRORS) if found is not None else "unknown"
        if condition == "conflict":
            self.drop(Conflict("another client logged in with this resource"))
        elif condition == "see-other-host" and found is not None:
            other = (found.text or "").strip()[:200]
            self.drop(Unreachable(f"{self.where} says to use {other!r}: set [xmpp] host"))
        elif condition in OUR_FAULT:
            # Resuming would say it again. In a new session each message is said anew, alone.
            self.session.departures.blame()
            self.session.name = None
            self.drop(Unreachable(f"{self.where} does not take what we said: {condition}"))
        else:
            self.drop(Unreachable(f"{self.where} closed the stream: {condition}"))

    def _on_disconnected(self, reason: Any) -> None:
        self.online = False
        said = f": {reason}" if reason else ""
        self._fail(Unreachable(f"{self.where} closed the connection{said}"))
        for task in (self._reply, self._negotiation):
            if task is not None:
                task.cancel()
        if not self._closed.done() and self._error is not None:
            self._closed.set_result(self._error)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) <= 10 else None


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")


def _tls_error(error: ssl.SSLError) -> str:
    return str(getattr(error, "verify_message", "") or error.reason or error)
