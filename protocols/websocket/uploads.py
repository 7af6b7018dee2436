"""Uploads: ``POST /media/`` with the file as the body, by a visitor of the page.

``?name=`` is the file's, ``?room=`` (and ``?code=``) the chat that it is for; without a room it is
for the private chat with the bot. The answer is an attachment, or ``code`` and ``detail``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.delivery.server import Port
from gateway.media.words import too_large
from gateway.vocabulary.errors import MediaError, RoomError
from gateway.vocabulary.events import Author
from protocols.websocket.guests import author_from_scope
from protocols.websocket.origins import Origins

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SECONDS = 900
"""How long an upload may take."""

STATUS = {
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "gone": HTTPStatus.BAD_REQUEST,
    "refused": HTTPStatus.FORBIDDEN,
}


class Uploads:
    """The application that takes files in."""

    def __init__(self, account: str, port: Port, origins: Origins) -> None:
        self._account = account
        self._port = port
        self._origins = origins

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI, HTTP only."""
        try:
            async with asyncio.timeout(SECONDS):
                attachment = await self._kept(scope, receive)
        except MediaError as error:
            status = HTTPStatus.TOO_MANY_REQUESTS if error.again else STATUS[error.code]
            await _answer(send, status, {"code": error.code, "detail": str(error)})
        except TimeoutError:
            slow = {"code": "refused", "detail": f"An upload may take {SECONDS // 60} minutes."}
            await _answer(send, HTTPStatus.REQUEST_TIMEOUT, slow)
        else:
            await _answer(send, HTTPStatus.CREATED, attachment)

    async def _kept(self, scope: dict[str, Any], receive: Receive) -> Any:
        query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=16)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        author = await self._admitted(scope, headers, query)
        length = headers.get(b"content-length")
        if length == "0":
            raise MediaError("refused", "The file is empty.")
        if int(length or 0) > self._port.media.most:
            raise too_large(self._port.media.most)
        name, announced = _first(query, "name"), headers.get(b"content-type", "")
        return await self._port.media.keep(_pieces(receive), author["id"], name, announced)

    async def _admitted(
        self, scope: dict[str, Any], headers: dict[bytes, str], query: dict[str, list[str]]
    ) -> Author:
        """Who uploads; raises ``MediaError`` if that is nobody whom the chat would hear."""
        if not self._origins.welcome(headers.get(b"origin"), headers.get(b"host", "")):
            logger.warning("refused an upload origin=%.200r", headers.get(b"origin"))
            raise MediaError("refused", "This page may not upload here.")
        author = author_from_scope(self._account, scope)
        if author is None:
            raise MediaError("refused", "Open the chat first: only its visitors upload files.")
        if room := _first(query, "room"):
            try:
                await self._port.rooms.admit(room, author, _first(query, "code") or None)
            except RoomError as error:
                raise MediaError("refused", str(error)) from error
        return author


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes; raises ``MediaError`` if the client goes before its end."""
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise MediaError("gone", "The file did not come to its end.")
        if event.get("body"):
            yield event["body"]
        more = event.get("more_body", False)


async def _answer(send: Send, status: HTTPStatus, body: Any) -> None:
    text = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _first(query: dict[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]
