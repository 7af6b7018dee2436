"""The webhook: an ASGI application that takes what Telegram posts.

Telegram posts the updates of one chat one at a time and repeats each until it gets a 200, so a
200 is said only when the update is on disk, and never later than that: before any handler.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.vocabulary.errors import LedgerAway
from protocols.telegram.intake import Intake
from protocols.telegram.settings import Settings

logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
"""Bytes of one update."""

SECRET_HEADER = b"x-telegram-bot-api-secret-token"

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class BodyRefused(Exception):
    """The body is too long, or its sender went away."""


class Webhook:
    """Plain ASGI, for the scope type ``http``."""

    def __init__(self, intake: Intake, secret: str) -> None:
        self.intake = intake
        self.secret = secret.encode()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer 200, or 405, 403, 413, 400, or 503 while the ledger is away."""
        status = await self._status(scope, receive)
        headers = [(b"content-length", b"0")]
        if status == 405:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _status(self, scope: dict[str, Any], receive: Receive) -> int:
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            return 405
        # Before the body is read: a stranger must not make us hold anything.
        if not hmac.compare_digest(headers.get(SECRET_HEADER, b""), self.secret):
            return 403
        if _length(headers) > MAX_BODY:
            return 413
        try:
            return await self._take(await _body(receive))
        except BodyRefused:
            return 413

    async def _take(self, body: bytes) -> int:
        try:
            update = orjson.loads(body)
        except ValueError:
            return 400
        if not isinstance(update, dict):
            return 400
        try:
            await self.intake.take([update])
        except LedgerAway as error:
            logger.warning("telegram:%s: webhook: %s", self.intake.us.account, error)
            return 503
        return 200


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BodyRefused
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            raise BodyRefused
        if not message.get("more_body", False):
            return b"".join(chunks)


def _length(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def secret_from_settings(settings: Settings) -> str:
    """The secret that Telegram sends along: the configured one, else one made from the token.

    The made one is the same in every process and after every restart, and tells nothing of the
    token.
    """
    if secret := settings.webhook_secret.get_secret_value():
        return secret
    token = settings.token.get_secret_value().encode()
    return hmac.new(token, b"the secret of our webhook", sha256).hexdigest()


def path_of(account: str) -> str:
    """Where the hook of an account is mounted."""
    return f"/hooks/telegram/{account}/"


def url_from_settings(settings: Settings, account: str) -> str:
    """The address that Telegram is given."""
    url = settings.webhook_url
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + path_of(account)
