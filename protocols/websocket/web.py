"""Daphne's HTTP with bounds: a deadline for the head and body, a largest body, backpressure."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from daphne.http_protocol import WebRequest
from twisted.web.http import HTTPChannel

from protocols.websocket.wire import Gone

logger = logging.getLogger(__name__)

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
        if self.length and self.length > self.server.settings.max_body:
            return self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._expect(self.server.settings.body_timeout)
        super().allHeadersReceived()
        return None

    def allContentReceived(self) -> None:
        """The request is complete."""
        if not self.refused:
            self._expect(None)
            super().allContentReceived()

    def refuse(self, status: HTTPStatus) -> None:
        """Answer on the server's own behalf, and let the client read it before the end."""
        if self.refused:
            return
        self.refused = True
        self.setTimeout(None)
        self.transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n".encode("ascii")
        )
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


class Request(WebRequest):  # type: ignore[misc]
    """One HTTP request and the application that answers it."""

    error_template = "<!doctype html><title>%(title)s</title><h1>%(title)s</h1><p>%(body)s</p>"
    path = b""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Forms are the application's to parse; Twisted's result would be thrown away.
        self._parsePOSTFormSubmission = False

    def handleContentChunk(self, data: bytes) -> None:
        """Called by Twisted with a piece of the body (whose length is unknown if it is chunked)."""
        if self.channel.refused:
            return
        if self.content.tell() + len(data) > self.server.settings.max_body:
            self.channel.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            super().handleContentChunk(data)

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
