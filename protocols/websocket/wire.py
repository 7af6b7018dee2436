"""Daphne's WebSocket on the wire: close codes, empty messages, bounded and direct output."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from autobahn.twisted.websocket import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol

from protocols.websocket.inbox import Inbox
from protocols.websocket.translate import wire_from_payload

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 2
"""How long a client may take to answer a close frame."""
EXTENSION = "gateway.wire"
"""The scope's extension by which our own sockets write frames that are already framed."""

TEXT, BINARY = 1, 2
NO_STATUS, GOING_AWAY, INTERNAL_ERROR, TRY_AGAIN_LATER = 1005, 1001, 1011, 1013


class Gone(OSError):
    """An application sent to a client that it knows to be gone (ASGI: send after disconnect)."""


class WebSocket(WebSocketProtocol):  # type: ignore[misc]
    """One WebSocket and its application."""

    inbox: Inbox | None = None
    application_queue: Inbox
    handshake_deferred: Any = None
    client_addr = None
    path = b""
    autoPingTimeoutCall: Any = None
    overrun = False
    """Whether the client has been cut for not reading."""
    writable: asyncio.Event | None = None
    """Set when the output has drained; made when it first stands."""

    # What Twisted and autobahn call.

    def connectionMade(self) -> None:
        """The HTTP channel hands its transport over; nothing should keep it alive after that."""
        channel, site = self.transport.producer, self.factory.server_class
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        site.channels.discard(channel)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Past autobahn's debug line, which costs more than the work even when it is off."""
        self._dataReceived(data)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Everything that autobahn itself writes."""
        self.write(data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Called with a message that was checked: complete, small enough, valid UTF-8."""
        if self.failedByMe or self.state != self.STATE_OPEN:
            return
        self.last_ping = time.time()
        key, value = ("bytes", payload) if isBinary else ("text", payload.decode())
        self.application_queue.put_nowait({"type": "websocket.receive", key: value})

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """Called when the connection is over; before the handshake there is nobody to tell."""
        self.resumeProducing()
        if self.inbox is not None:
            self.server.protocol_disconnected(self)
            code = self._own_code() or code or NO_STATUS
            self.inbox.put_nowait(
                {"type": "websocket.disconnect", "code": code, "reason": reason or ""}
            )

    def _own_code(self) -> int | None:
        """The code with which we closed, if it was us."""
        return self.localCloseCode if self.closedByMe else None

    def check_timeouts(self) -> None:
        """A client that we do not read from cannot answer a ping."""
        if self.inbox is None or not self.inbox.stopped:
            super().check_timeouts()

    def stop_reading(self) -> None:
        """The application is behind."""
        if self.autoPingTimeoutCall is not None:
            self.autoPingTimeoutCall.cancel()
            self.autoPingTimeoutCall = None
        self.transport.pauseProducing()

    def start_reading(self) -> None:
        """The application has caught up."""
        self.last_ping = time.time()
        self.transport.resumeProducing()

    def pauseProducing(self) -> None:
        """Called by the transport: the client does not read."""
        self.writable = self.writable or asyncio.Event()
        self.writable.clear()

    def resumeProducing(self) -> None:
        """Called by the transport: it read on."""
        if self.writable is not None:
            self.writable.set()

    stopProducing = resumeProducing

    # What the application sends.

    def extensions(self) -> dict[str, Any]:
        """The extensions of the scope."""
        return {EXTENSION: {"put": self.put, "drained": self.drained}}

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Handle an event of the application; raises ``ValueError`` if it is none."""
        match message.get("type"):
            case "websocket.accept":
                self._accept(message)
            case "websocket.close":
                self._close(message.get("code"), message.get("reason"))
            case "websocket.send":
                self._send_message(message)
            case kind:
                raise ValueError(
                    f"{kind!r} cannot be sent over a WebSocket; known are websocket.accept,"
                    " websocket.send and websocket.close"
                )

    def _accept(self, message: dict[str, Any]) -> None:
        if self.handshake_deferred is None:
            raise ValueError("the WebSocket has been accepted or closed already")
        subprotocol = message.get("subprotocol")
        if subprotocol is not None and subprotocol not in self.websocket_protocols:
            raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}")
        headers = _text_headers(message.get("headers") or ())
        waiting, self.handshake_deferred = self.handshake_deferred, None
        waiting.callback((subprotocol, headers))

    def _close(self, code: int | None, reason: str | None) -> None:
        if self.state == self.STATE_CONNECTING:
            return self.serverReject()
        code = 1000 if code is None else code
        if not (code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999):
            raise ValueError(f"{code} cannot be sent as a close code (RFC 6455, section 7.4)")
        self.sendCloseFrame(code, _close_reason(reason))
        return None

    def _send_message(self, message: dict[str, Any]) -> None:
        if self.state == self.STATE_CONNECTING:
            raise ValueError("the WebSocket has not been accepted, so nothing can be sent over it")
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        if text is not None and data is None:
            self.put(wire_from_payload(text.encode("utf-8", "replace"), TEXT))
        elif data is not None and text is None:
            self.put(wire_from_payload(data, BINARY))
        else:
            raise ValueError('websocket.send needs either "text" or "bytes"')

    def reject(self, status: int, reason: str) -> None:
        """Answer the handshake with an HTTP error."""
        if self.handshake_deferred is not None:
            waiting, self.handshake_deferred = self.handshake_deferred, None
            waiting.errback(ConnectionDeny(code=status, reason=reason))

    def serverReject(self) -> None:
        """Called by Daphne when the application takes too long to accept."""
        self.reject(403, "Access denied")

    def application_ended(self, error: BaseException | None) -> None:
        """The application is over and the connection is not."""
        if self.state == self.STATE_CONNECTING:
            self.reject(500, "Internal Server Error")
        else:
            self.sendCloseFrame(1000 if error is None else INTERNAL_ERROR)

    def go_away(self) -> None:
        """The server stops."""
        if self.state == self.STATE_CONNECTING:
            self.reject(503, "Service Unavailable")
        else:
            self.sendCloseFrame(GOING_AWAY, b"the server stops")

    def abort(self) -> None:
        """Drop the connection."""
        self.dropConnection(abort=True)

    # The output.

    def put(self, frame: bytes) -> None:
        """Write a whole frame; after the close frame nothing is written, and nobody told."""
        if self.state == self.STATE_OPEN:
            self.write(frame)

    def write(self, data: bytes) -> None:
        """Straight to the socket while nothing waits before it: one system call, no bookkeeping.

        What does not fit waits in Twisted's buffer, up to the bound.
        """
        transport = self.transport
        if not transport.connected or transport.disconnecting:
            return None
        if not transport._tempDataLen and not transport.dataBuffer:
            try:
                sent = transport.socket.send(data)
            except OSError:
                sent = 0  # Twisted meets the error again, and knows what to do about it.
            if sent == len(data):
                return None
            data = data[sent:]
        elif self._waiting() > self.factory.server_class.settings.max_buffer and not self.overrun:
            return self._cut()
        transport.write(data)
        return None

    async def drained(self) -> None:
        """Wait until the client has read what was written, or is gone."""
        if self.writable is not None:
            await self.writable.wait()

    def _waiting(self) -> int:
        transport = self.transport
        waiting: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        return waiting

    def _cut(self) -> None:
        """Give a slow reader up: whole frames are dropped, and the close frame tells it so."""
        logger.warning("cut a slow reader bytes=%s client=%s", self._waiting(), self.client_addr)
        self.overrun = True
        transport = self.transport
        # The first waiting piece may be the rest of a frame whose beginning is on the wire.
        kept = [] if transport.dataBuffer else transport._tempDataBuffer[:1]
        transport._tempDataBuffer[:] = kept
        transport._tempDataLen = sum(map(len, kept))
        self.sendCloseFrame(TRY_AGAIN_LATER, b"too slow")


def _close_reason(reason: str | None) -> bytes | None:
    """A reason that fits a control frame (RFC 6455, section 5.5)."""
    return reason.encode()[:123].decode("utf-8", "ignore").encode() if reason else None


def _text_headers(headers: Any) -> dict[str, list[str]]:
    """Headers as autobahn takes them; raises ``ValueError`` if one would break out of its line."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if b"\r" in name + value or b"\n" in name + value:
            raise ValueError("a header cannot hold a line break")
        found.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return found
