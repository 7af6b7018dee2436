"""Fetches what a stranger's URL names, from public addresses only."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from gateway.media.addresses import Networks
from gateway.media.urls import checked_url
from gateway.media.words import gone, too_large
from gateway.vocabulary.errors import MediaError

PIECE = 64 * 1024
REDIRECTS = 3
TIMEOUT = aiohttp.ClientTimeout(total=180, sock_connect=10, sock_read=20)
"""In seconds: a whole file, a connection, the next piece."""
HEADERS = {
    # What is compressed could unfold to any size; it is not unpacked, so it is not asked for.
    "Accept-Encoding": "identity",
    "User-Agent": "chat-gateway",
}
MOVED = (301, 302, 303, 307, 308)
GONE = (404, 410)
LATER = (408, 425, 429)


class Gate:
    """Makes the sockets of one request, and none to an address that strangers may not name.

    It is asked with the very address that is connected to, so that a name which means another
    address a moment later (DNS rebinding) changes nothing.
    """

    def __init__(self, networks: Networks, *, secure: bool) -> None:
        self.refused = False
        self._welcome = networks.welcome if secure else networks.own

    def __call__(self, info: Any) -> socket.socket:
        """Called by aiohttp for each address that it tries."""
        family, kind, protocol, _, address = info
        if not self._welcome(str(address[0])):
            self.refused = True
            raise OSError("not a public address")
        return socket.socket(family, kind, protocol)


async def fetched(text: str, most: int, networks: Networks) -> AsyncIterator[bytes]:
    """The pieces of a file of at most ``most`` bytes; raises ``MediaError``.

    Unencrypted only from the allowed networks. What is announced as larger is not begun; more
    than was announced is not read.
    """
    url = checked_url(text)
    for _ in range(REDIRECTS + 1):
        async with _answer(url, networks) as response:
            if response.status not in MOVED:
                _check(response, most)
                async for piece in response.content.iter_chunked(PIECE):
                    yield piece
                return
            url = _next(url, response)
    raise MediaError("refused", f"{url.host} sends from one address to the next.")


@asynccontextmanager
async def _answer(url: URL, networks: Networks) -> AsyncIterator[aiohttp.ClientResponse]:
    gate = Gate(networks, secure=url.scheme == "https")
    connector = aiohttp.TCPConnector(
        socket_factory=gate,
        resolver=aiohttp.ThreadedResolver(),
        force_close=True,
        use_dns_cache=False,
    )
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=TIMEOUT,
                headers=HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            yield response
    except aiohttp.InvalidURL as error:
        raise MediaError("refused", "The address of the file cannot be fetched.") from error
    except (aiohttp.ClientError, OSError) as error:
        if gate.refused:
            raise MediaError("refused", f"{url.host} is not on the public network.") from error
        raise MediaError("gone", f"{url.host} does not give the file.", again=True) from error


def _next(url: URL, response: aiohttp.ClientResponse) -> URL:
    try:
        return checked_url(str(url.join(URL(response.headers.get("Location", "")))))
    except ValueError as error:
        raise MediaError("refused", f"{url.host} sends to an address that is none.") from error


def _check(response: aiohttp.ClientResponse, most: int) -> None:
    """Raise ``MediaError`` if an answer brings no file of ours."""
    status, host = response.status, response.url.host
    if status in GONE:
        raise gone()
    if status in LATER or status >= 500:
        raise MediaError("gone", f"{host} does not give the file now ({status}).", again=True)
    if status != 200:
        raise MediaError("refused", f"{host} does not give the file ({status}).")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MediaError("refused", f"{host} gives the file only compressed.")
    if (response.content_length or 0) > most:
        raise too_large(most)
