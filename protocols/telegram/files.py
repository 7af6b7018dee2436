"""Files to and from Telegram, a piece at a time and never whole in memory.

They have connections of their own: a large file holds up no message. No error holds an address,
because the address holds the token.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from telegram.error import TelegramError

from gateway.vocabulary.errors import MediaError
from protocols.telegram.connections import Connections
from protocols.telegram.request import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    AnswerLost,
    ApiError,
    ConnectFailed,
    Request,
    answer_from_payload,
    words_from_error,
)

AT_ONCE = 4
"""Files on their way at the same time."""

SLOWEST = 32 * 1024
"""Bytes a second; a file that takes longer is given up."""

SILENCE = 30.0
"""Seconds without a piece of a file that is fetched."""

PIECE = 64 * 1024


FileAbout = tuple[str, str]
"""The name and the type of a file that is sent."""


class Reading(BufferedReader):
    """A file on its way out, that knows how far it was read."""

    position = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on."""
        data = super().read(size)
        self.position = self.tell()
        return data


class Files:
    """The files of one bot."""

    def __init__(self, connections: Connections, api_url: str, token: str) -> None:
        self._connections = connections
        self._methods = f"{api_url}/bot{token}/"
        self._files = f"{api_url}/file/bot{token}/"
        self._session: aiohttp.ClientSession | None = None

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": Request.USER_AGENT},
            )
        return self._session

    async def close(self) -> None:
        """Give up what is under way."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def upload(
        self, method: str, parameters: Mapping[str, Any], field: str, path: Path, about: FileAbout
    ) -> Any:
        """Call a method with a file; raises ``ConnectFailed``, ``AnswerLost`` or ``ApiError``.

        ``ConnectFailed`` also if the connection died before all of the file was written: nothing
        can have come of it.
        """
        file, size = await asyncio.to_thread(_opened, path)
        # Telegram reads names as they are, not percent-encoded.
        form = aiohttp.FormData(quote_fields=False)
        for name, value in parameters.items():
            form.add_field(name, _field(value))
        form.add_field(field, file, filename=about[0], content_type=about[1])
        try:
            return await self._post(method, form, ANSWER_SECONDS + size / SLOWEST)
        except AnswerLost as error:
            if file.position < size:
                raise ConnectFailed(f"not sent ({error})") from None
            raise
        finally:
            file.close()

    async def _post(self, method: str, form: aiohttp.FormData, seconds: float) -> Any:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        try:
            async with self._ready().post(
                self._methods + method, data=form, timeout=timeout, allow_redirects=False
            ) as response:
                payload = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectFailed(f"no connection ({words_from_error(error)})") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AnswerLost(f"no answer ({words_from_error(error)})") from None
        if not 200 <= response.status < 300:
            raise ApiError(response.status, answer_from_payload(payload))
        return Request.parse_json_payload(payload)["result"]

    async def pieces(self, file_id: str) -> AsyncIterator[bytes]:
        """Fetch a file; raises ``MediaError``."""
        path = await self._path(file_id)
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=SILENCE)
        url = self._files + quote(path)
        try:
            async with self._ready().get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    again = response.status >= 500 or response.status == 429
                    words = f"Telegram does not give the file ({response.status})."
                    raise MediaError("gone", words, again=again)
                async for piece in response.content.iter_chunked(PIECE):
                    yield piece
        except (aiohttp.ClientError, OSError) as error:
            words = f"Telegram does not give the file ({words_from_error(error)})."
            raise MediaError("gone", words, again=True) from None

    async def _path(self, file_id: str) -> str:
        try:
            file = await self._connections.ask("getFile", {"file_id": file_id}, ANSWER_SECONDS)
        except TelegramError as error:
            raise media_error_from(error) from None
        path = file.get("file_path") if isinstance(file, dict) else None
        if not isinstance(path, str) or path.startswith("/"):
            # A Bot API server in local mode names a path of its own machine.
            raise MediaError("gone", "Telegram does not say where the file is.")
        return path


def _opened(path: Path) -> tuple[Reading, int]:
    file = Reading(FileIO(path))
    return file, os.fstat(file.fileno()).st_size


def _field(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def media_error_from(error: TelegramError) -> MediaError:
    """Translate what a question for a file met with."""
    if isinstance(error, ApiError) and error.code == 400:
        if "too big" in error.description:
            return MediaError("too_large", "Telegram gives a bot files of at most 20 MB.")
        return MediaError("gone", f"Telegram does not give the file ({error.description}).")
    return MediaError("gone", "Telegram does not give the file now.", again=True)
