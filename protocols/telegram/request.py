"""Requests to the Bot API over aiohttp, for ``telegram.Bot``; ``connections`` has the short way.

python-telegram-bot's own request class takes two thirds of a bot's time and tells neither what
the Bot API answered nor whether a request was written before the connection died. This one does,
and no text of its errors holds an address, because the address holds the token.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import aiohttp
import orjson
from telegram.error import NetworkError, TelegramError
from telegram.request import BaseRequest, RequestData

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 15.0
"""Shorter than what servers keep: a connection they have just closed makes a send uncertain."""
CONNECTIONS = 100

JSON = {"Content-Type": "application/json"}

# telegram.Bot writes its address, and with it the token, and every parameter at DEBUG.
logging.getLogger("telegram.Bot").setLevel(logging.INFO)


class ConnectFailed(NetworkError):
    """There was no connection: nothing was written."""


class AnswerLost(NetworkError):
    """The request was written, or may have been, and no answer came that can be read."""


class ApiError(TelegramError):
    """The Bot API answered with an error.

    ``code`` is the HTTP status, ``description`` its sentence, or "" where something in between
    answered (a proxy's page); ``retry_after`` and ``migrate_to_chat_id`` are its parameters.
    """

    def __init__(self, code: int, answer: dict[str, Any]) -> None:
        parameters = answer.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        self.code = code
        self.description = str(answer.get("description", ""))
        self.retry_after = _whole(parameters.get("retry_after"))
        self.migrate_to_chat_id = _whole(parameters.get("migrate_to_chat_id"))
        super().__init__(f"{code} {self.description or 'without a word of the Bot API'}")

    @property
    def credentials(self) -> bool:
        """Whether the token is at fault: 404 is the answer to one that has the wrong form.

        It is the answer to an unknown method too, and that of many a web server.
        """
        return self.code == 401 or (self.code == 404 and self.description == "Not Found")


class Request(BaseRequest):
    """A pool of connections; opened by the first request, reopened after ``shutdown``."""

    __slots__ = ("_connections", "_session")

    def __init__(self, connections: int = CONNECTIONS) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds to the end of the answer."""
        return ANSWER_SECONDS

    async def initialize(self) -> None:
        """Open the pool."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=KEEP_ALIVE_SECONDS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.USER_AGENT},
            )

    async def shutdown(self) -> None:
        """Close the pool and what is under way in it."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Carry out one request; raises ``ConnectFailed``, ``AnswerLost`` or ``ApiError``.

        Waiting for the pool counts as connecting, and everything as reading.
        """
        timeout = aiohttp.ClientTimeout(
            total=_seconds(read_timeout, ANSWER_SECONDS),
            connect=_seconds(connect_timeout, CONNECT_SECONDS),
        )
        body = _body(request_data)
        await self.initialize()
        try:
            return 200, await self._exchange(method, url, body, timeout)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectFailed(f"no connection ({words_from_error(error)})") from None
        except aiohttp.InvalidURL:
            raise ConnectFailed("no connection (api_url is not an address)") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AnswerLost(f"no answer ({words_from_error(error)})") from None

    async def _exchange(
        self, method: str, url: str, body: dict[str, Any], timeout: aiohttp.ClientTimeout
    ) -> bytes:
        assert self._session is not None
        async with self._session.request(
            method, url, **body, timeout=timeout, allow_redirects=False
        ) as response:
            payload = await response.read()
        if not 200 <= response.status < 300:
            raise ApiError(response.status, answer_from_payload(payload))
        return payload

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer as a dict with a ``result``; raises ``AnswerLost`` if it is anything else."""
        answer = answer_from_payload(payload)
        if "result" not in answer:
            raise AnswerLost("no answer (200, but not of a Bot API)")
        return answer


def answer_from_payload(payload: bytes) -> dict[str, Any]:
    """The JSON object that an answer is; empty if it is anything else."""
    try:
        answer = orjson.loads(payload)
    except ValueError:
        answer = _lenient(payload)
    return answer if isinstance(answer, dict) else {}


def _lenient(payload: bytes) -> Any:
    """Read what orjson refuses: a lone surrogate must not keep a batch out for ever."""
    try:
        return json.loads(payload.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> int | None:
    """A parameter that is a number, as it should be."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _body(data: RequestData | None) -> dict[str, Any]:
    if data is None:
        return {}
    if not data.contains_files:
        try:
            return {"data": orjson.dumps(data.parameters), "headers": JSON}
        except TypeError:
            raise ApiError(400, {"description": "Bad Request: not JSON"}) from None
    form = aiohttp.FormData(data.json_parameters)
    for name, (filename, content, content_type) in data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=content_type)
    return {"data": form}


def _seconds(given: Any, default: float) -> float:
    return default if given is BaseRequest.DEFAULT_NONE or given is None else float(given)


def words_from_error(error: Exception) -> str:
    """What went wrong, from the parts of an error that cannot hold an address."""
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
