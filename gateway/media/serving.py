"""The ASGI application behind the links: a file, or a part of it, never run in a browser.

Only a short list of types is shown where it is; everything else is a download. Whatever it is, the
browser keeps to the type that we say (``nosniff``), and a document has no rights (``sandbox``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from gateway.media.downloads import name_of
from gateway.media.kinds import INLINE, type_of_file
from gateway.media.links import PATH, Expired, NoLink, Ticket, ticket_from_token
from gateway.media.names import disposition
from gateway.media.ranges import Part, Unsatisfiable, part_from_range
from gateway.media.sources import local_path
from gateway.media.store import Media
from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment

PIECE = 128 * 1024
"""Bytes that are read at once: each reading is a step of another thread."""

CACHE_SECONDS = 86_400
"""How long a browser may keep a file, if its link lives as long."""

POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"

ALWAYS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}

STATUS = {"gone": HTTPStatus.GONE, "too_large": HTTPStatus.GONE, "refused": HTTPStatus.NOT_FOUND}

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is being given: its descriptor stays good when its name goes."""

    stream: IO[bytes]
    size: int
    kind: str
    tag: str
    """Its entity tag."""


class Serving:
    """Gives files to whoever has a link."""

    def __init__(self, media: Media) -> None:
        self._media = media

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """ASGI, HTTP only."""
        if scope["method"] not in ("GET", "HEAD"):
            headers = {"allow": "GET, HEAD"}
            return await _say(
                send, HTTPStatus.METHOD_NOT_ALLOWED, "Links are for reading.", headers
            )
        token = scope["path"].removeprefix(PATH).partition("/")[0]
        try:
            ticket = ticket_from_token(token, self._media.clock())
            file = await self._media.file(ticket.attachment)
            opened = await asyncio.to_thread(_opened, file, ticket.attachment)
        except NoLink:
            return await _say(send, HTTPStatus.NOT_FOUND, "There is no such file.")
        except Expired:
            return await _say(send, HTTPStatus.GONE, "The link has expired.")
        except OSError:
            return await _say(send, HTTPStatus.GONE, "The file is not there any more.")
        except MediaError as error:
            return await _say_error(send, error)
        with opened.stream:
            await self._give(scope, send, ticket, opened)
        return None

    async def _give(
        self, scope: dict[str, Any], send: Send, ticket: Ticket, opened: Opened
    ) -> None:
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        headers = _headers(ticket, opened, self._media.clock())
        if asked.get(b"if-none-match") == opened.tag:
            return await _respond(send, HTTPStatus.NOT_MODIFIED, headers)
        try:
            part = _part(asked, opened)
        except Unsatisfiable:
            headers |= {"content-range": f"bytes */{opened.size}", "content-length": "0"}
            return await _respond(send, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers)
        status = HTTPStatus.OK
        if part is not None:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["content-range"] = f"bytes {part.start}-{part.end - 1}/{opened.size}"
        part = part or Part(0, opened.size)
        headers["content-length"] = str(part.length)
        if scope["method"] == "HEAD":
            return await _respond(send, status, headers)
        await _start(send, status, headers)
        await _stream(send, opened.stream, part)
        return None


def _opened(file: Path, attachment: Attachment) -> Opened:
    source = attachment["source"]
    kind = type_of_file(file, attachment.get("type"))
    stream = file.open("rb")
    stat = os.fstat(stream.fileno())
    # Only an application may write another file under a name; ours bear the time of their use.
    written = stat.st_mtime_ns if local_path(source) else 0
    return Opened(stream, stat.st_size, kind, f'"{name_of(source)[:16]}-{stat.st_size}-{written}"')


def _headers(ticket: Ticket, opened: Opened, now: float) -> dict[str, str]:
    name = ticket.attachment.get("name", "")
    left = min(CACHE_SECONDS, int(ticket.until - now))
    return {
        "content-type": opened.kind,
        "content-disposition": disposition(name, inline=opened.kind in INLINE),
        "cache-control": f"private, max-age={left}, immutable",
        "accept-ranges": "bytes",
        "etag": opened.tag,
    }


def _part(asked: dict[bytes, str], opened: Opened) -> Part | None:
    """The part that is asked for, if the client speaks of the file that we have."""
    if asked.get(b"if-range", opened.tag) != opened.tag:
        return None
    return part_from_range(asked.get(b"range", ""), opened.size)


async def _stream(send: Send, stream: IO[bytes], part: Part) -> None:
    await asyncio.to_thread(stream.seek, part.start)
    left = part.length
    while left > 0:
        piece = await asyncio.to_thread(stream.read, min(PIECE, left))
        if not piece:
            raise OSError("the file became shorter while it was given")
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
    if part.length == 0:
        await send({"type": "http.response.body", "body": b""})


async def _say_error(send: Send, error: MediaError) -> None:
    if error.again:
        later = {"retry-after": "10"}
        return await _say(send, HTTPStatus.SERVICE_UNAVAILABLE, str(error), later)
    return await _say(send, STATUS[error.code], str(error))


async def _say(
    send: Send, status: HTTPStatus, sentence: str, headers: dict[str, str] | None = None
) -> None:
    """Answer with one plain sentence."""
    body = f"{sentence}\n".encode()
    plain = {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
    }
    await _start(send, status, plain | (headers or {}))
    await send({"type": "http.response.body", "body": body})


async def _respond(send: Send, status: HTTPStatus, headers: dict[str, str]) -> None:
    """Answer without a body."""
    await _start(send, status, headers)
    await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, status: HTTPStatus, headers: dict[str, str]) -> None:
    listed = [
        (name.encode(), value.encode("latin-1")) for name, value in (headers | ALWAYS).items()
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": listed})
