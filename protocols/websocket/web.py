"""Daphne's HTTP with bounds: a deadline for the head and body, a largest body, backpressure.

Daphne takes the whole body in before its application begins. Where files are uploaded the
application begins with the head, and is given the body as it comes, as fast as it takes it; the
bounds are its own there.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from io import BytesIO
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.web.http import HTTPChannel

from gateway.media.links import PATH
from protocols.websocket.wire import Gone

logger = logging.getLogger(__name__)

UPLOADS = PATH.encode()
"""The path whose bodies are given to the application as they come."""

LINGER_SECONDS = 5.0
"""How long a refused client may go on talking; closing at once would destroy our answer."""


class Channel(HTTPChannel):  # type: ignore[misc]
    """One HTTP connection."""

    refused = False
    deadline: asyncio.TimerHandle | None = None

    def connectionMade(self) -> None:
        """Called by Twisted: the head must be here in time."""
        super().connectionMade()
        self.server = self.factory.server
        self.server.channels.add(self)
        self.writable = asyncio.Event()
        self.writable.set()
        self._expect(self.server.settings.header_timeout)

    def connectionLost(self, reason: Any) -> None:
        """Called by Twisted."""
        self._expect(None)
        self.server.channels.discard(self)
        self.writable.set()
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """Called by Twisted; the first byte of a further request starts its clock."""
        if self.refused:
            return
        if self.deadline is None and not self._handlingRequest:
            self._expect(self.server.settings.header_timeout)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:
        """The head is complete."""
        request = self.requests[-1]
        request.streamed = self._is_upload(request)
        if not request.streamed and self.length and self.length > self.server.settings.max_body:
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.expect_body()
        super().allHeadersReceived()
        if request.streamed:
            self.persistent = False
            request.begin(self._command, self._path, self._version)
        return None

    def _is_upload(self, request: Any) -> bool:
        path = self._path.partition(b"?")[0]
        upgrading = request.requestHeaders.hasHeader(b"Upgrade")
        return self._command == b"POST" and path == UPLOADS and self.length != 0 and not upgrading

    def expect_body(self) -> None:
        """What is still to come of the body must come in time."""
        self._expect(self.server.settings.body_timeout)

    def hold_up(self) -> None:
        """Read no more for now: the application is behind, not the client."""
        self._expect(None)
        self._networkProducer.pauseProducing()

    def go_on(self) -> None:
        """Read on."""
        self.expect_body()
        self._networkProducer.resumeProducing()

    def requestDone(self, request: Any) -> None:
        """Called by Twisted; a client that is answered before its end is let read the answer."""
        if request.whole:
            super().requestDone(request)
        else:
            self.requests.remove(request)
            self._networkProducer.resumeProducing()
            self._linger()

    def allContentReceived(self) -> None:
        """The request is complete."""
        if not self.refused:
            self._expect(None)
            super().allContentReceived()

    def refuse(self, status: HTTPStatus) -> None:
        """Answer on the server's own behalf, and let the client read it before the end."""
        if self.refused:
            return
        self.transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        self._linger()

    def _linger(self) -> None:
        """Say no more, and hear no more of what the client still says."""
        self.refused = True
        self.setTimeout(None)
        self.transport.loseWriteConnection()
        self._expect(None)
        loop = asyncio.get_running_loop()
        self.deadline = loop.call_later(LINGER_SECONDS, self.transport.abortConnection)

    def go_away(self) -> None:
        """The server stops: end when the request in hand is answered, or now."""
        self.persistent = False
        if not self.requests:
            self.transport.loseConnection()

    def pauseProducing(self) -> None:
        """Called by Twisted: the client does not read."""
        self.writable.clear()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Called by Twisted: it read on."""
        self.writable.set()
        super().resumeProducing()

    def _expect(self, seconds: float | None) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self.deadline = loop.call_later(seconds, self.refuse, HTTPStatus.REQUEST_TIMEOUT)


class NoBody(BytesIO):
    """Stands where Daphne looks for the body, and lets it leave the body alone: it is closed."""

    closed = True


class Request(WebRequest):  # type: ignore[misc]
    """One HTTP request and the application that answers it."""

    error_template = "<!doctype html><title>%(title)s</title><h1>%(title)s</h1><p>%(body)s</p>"
    path = b""
    streamed = False
    """Whether the application is given the body as it comes."""
    whole = True
    """Whether nothing of the request is still to come, once its application has begun."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Forms are the application's to parse; Twisted's result would be thrown away.
        self._parsePOSTFormSubmission = False

    def handleContentChunk(self, data: bytes) -> None:
        """Called by Twisted with a piece of the body (whose length is unknown if it is chunked)."""
        if self.finished or self.channel.refused:
            return
        if self.streamed:
            self._pass_on(data, more=True)
        elif self.content.tell() + len(data) > self.server.settings.max_body:
            self.channel.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            super().handleContentChunk(data)

    def gotLength(self, length: int | None) -> None:
        """Called by Twisted to make room for the body; what is given on needs none."""
        if self.streamed:
            self.content = NoBody()
        else:
            super().gotLength(length)

    def begin(self, command: bytes, path: bytes, version: bytes) -> None:
        """Start the application before the body is here."""
        self.whole = False
        self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        super().requestReceived(command, path, version)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Called by Twisted: the body is here."""
        if self.streamed:
            self.whole = True
            self._pass_on(b"", more=False)
        else:
            super().requestReceived(command, path, version)

    def _pass_on(self, data: bytes, *, more: bool) -> None:
        if not self.inbox.stopped:
            self.channel.expect_body()
        self.inbox.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def stop_reading(self) -> None:
        """See ``Tap``."""
        if self.channel is not None and not self.whole:
            self.channel.hold_up()

    def start_reading(self) -> None:
        """See ``Tap``."""
        if not self.finished and self.channel is not None and not self.whole:
            self.channel.go_on()

    def extensions(self) -> dict[str, Any]:
        """The extensions of the scope."""
        return {}

    async def drained(self) -> None:
        """Wait until the client has read most of what was written; a client that stops is cut."""
        if self.finished or self.channel is None:
            return
        channel = self.channel
        try:
            async with asyncio.timeout(self.server.settings.body_timeout):
                await channel.writable.wait()
        except TimeoutError:
            self.abort()
            raise Gone("the client does not read its response") from None

    def application_ended(self, error: BaseException | None) -> None:
        """The application is over and the response is not."""
        if self._response_started:
            self.abort()
        else:
            self.basic_error(500, b"Internal Server Error", "The application did not answer.")

    def go_away(self) -> None:
        """The server stops: the response is waited for, the channel closes after it."""

    def abort(self) -> None:
        """Drop the connection."""
        if not self.finished and self.channel is not None:
            self.channel.transport.abortConnection()
