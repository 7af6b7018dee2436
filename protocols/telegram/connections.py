"""Plain JSON calls of the Bot API: HTTP/1.1 on kept connections.

A call through aiohttp costs 145 us, through ``telegram.Bot`` on top of it 175; here 30. So what
passes with every message goes this way. Files, and what an application calls with objects of
python-telegram-bot's, go through ``request``. Both raise the same errors.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs
import httptools
import orjson

from protocols.telegram.request import (
    CONNECT_SECONDS,
    CONNECTIONS,
    KEEP_ALIVE_SECONDS,
    AnswerLost,
    ApiError,
    ConnectFailed,
    Request,
    answer_from_payload,
    words_from_error,
)

PARTING_SECONDS = 0.8
"""How long a call under way may take when we leave; a gateway that stops gives us a second."""

LOOKUPS = 2
"""Threads that look up the address of the server."""

FALLBACK_SECONDS = 0.25
"""How long one address of the server is tried alone (RFC 8305)."""


class NotPlain(TypeError):
    """A call that JSON cannot hold."""


class Connection(asyncio.Protocol):
    """One connection; it carries one exchange at a time."""

    def __init__(self) -> None:
        self.usable = False
        """Whether another exchange may begin."""
        self.rested_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        """What the exchange under way waits for."""
        self._body: list[bytes] = []
        self._answering = False

    async def exchange(self, request: bytes, seconds: float) -> tuple[int, bytes]:
        """Write a request and return status and body; raises ``AnswerLost``."""
        answer: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self.answer = answer
        timer = self._loop.call_later(seconds, self._lose, "timeout")
        self._transport.write(request)
        try:
            return await answer
        finally:
            timer.cancel()
            self.answer = None
            if answer.cancelled() or answer.exception() is not None:
                self.close()

    def close(self) -> None:
        """Close it, whatever is under way."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, reason: str) -> None:
        self.usable = False
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(AnswerLost(f"no answer ({reason})"))

    def _end(self) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        """The connection is open."""
        self._transport = transport
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """Something of an answer came."""
        if self.answer is None:
            self.close()  # nobody asked: what a server says before it hangs up
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lose(type(error).__name__)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is closed: an answer without a length ends with it."""
        self.usable = False
        if self._answering:
            self._end()
        else:
            self._lose(words_from_error(error) if error else "the connection was closed")

    # httptools

    def on_message_begin(self) -> None:
        """An answer begins."""
        self._body.clear()
        self._answering = False

    def on_headers_complete(self) -> None:
        """Its status is known: no answer now is less than one cut off."""
        self._answering = True

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """An answer is complete, or only announces one (RFC 9110, 15.2)."""
        self._answering = False
        if self._parser.get_status_code() >= 200:
            self.usable = self.usable and self._parser.should_keep_alive()
            self._end()


class Connections:
    """The connections to one Bot API server; the one used last is used first."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host = parts.hostname
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._head = _head(parts).encode()
        self._tls: ssl.SSLContext | None = None
        self._path = parts.path.encode()
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._places = asyncio.Semaphore(CONNECTIONS)
        # Not the threads of everybody: a resolver that is away would fill them.
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")

    async def ask(self, method: str, parameters: Mapping[str, Any], seconds: float) -> Any:
        """Call a method and return its result.

        Raises ``ConnectFailed``, ``AnswerLost``, ``ApiError``, or ``NotPlain`` before it does
        anything. ``seconds`` count from the moment that there is a connection.
        """
        request = self._request(method, parameters)
        connection = await self._take()
        try:
            status, payload = await connection.exchange(request, seconds)
        finally:
            self._give_back(connection)
        if not 200 <= status < 300:
            raise ApiError(status, answer_from_payload(payload))
        return Request.parse_json_payload(payload)["result"]

    def _request(self, method: str, parameters: Mapping[str, Any]) -> bytes:
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            body = orjson.dumps(given)
        except TypeError as error:
            raise NotPlain(str(error)) from None
        if not (method.isascii() and method.isalnum()):
            raise NotPlain("not the name of a method")
        return b"POST %s%s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (
            self._path,
            method.encode(),
            self._head,
            len(body),
            body,
        )

    async def _take(self) -> Connection:
        """A connection to use; waiting for one counts as connecting."""
        if self._places.locked() or (connection := self._kept()) is None:
            connection = await self._wait()
        else:
            await self._places.acquire()  # at once: a timeout costs more than all the rest here
        self._busy.add(connection)
        return connection

    async def _wait(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._places.acquire()
                try:
                    return self._kept() or await self._connect()
                except BaseException:
                    self._places.release()
                    raise
        except (OSError, ValueError) as error:  # TimeoutError and those of TLS are OSErrors
            raise ConnectFailed(f"no connection ({words_from_error(error)})") from None

    def _kept(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while self._idle and self._idle[0].rested_at < oldest:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    def _addresses(self) -> Any:
        return socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        if self._secure and self._tls is None:
            self._tls = ssl.create_default_context()
        found = await loop.run_in_executor(self._lookups, self._addresses)
        connected = await aiohappyeyeballs.start_connection(
            found, happy_eyeballs_delay=FALLBACK_SECONDS
        )
        name = self._host if self._secure else None
        _, connection = await loop.create_connection(
            Connection, sock=connected, ssl=self._tls, server_hostname=name
        )
        return connection

    def _give_back(self, connection: Connection) -> None:
        self._places.release()
        self._busy.discard(connection)
        if connection.usable:
            connection.rested_at = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    async def close(self) -> None:
        """Close all of them; a call that is not answered soon raises ``AnswerLost``.

        What is under way has its effect anyhow: better to hear of it than to do it again.
        """
        leaving = [*self._idle, *self._busy]
        self._idle.clear()
        if answers := [each.answer for each in self._busy if each.answer is not None]:
            await asyncio.wait(answers, timeout=PARTING_SECONDS)
        for connection in leaving:
            connection.close()


def _head(parts: Any) -> str:
    """The headers that every request has."""
    host = parts.netloc.rpartition("@")[2]
    lines = [f"Host: {host}", f"User-Agent: {Request.USER_AGENT}", "Content-Type: application/json"]
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Authorization: Basic {b64encode(login.encode()).decode()}")
    return "".join(f"{line}\r\n" for line in lines)
