"""The first application that a connection meets: whose path it is, and whether it may come in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.delivery.server import Port
from gateway.media.links import PATH
from protocols.websocket.guests import cookies, is_chat
from protocols.websocket.origins import Origins

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]


class Front:
    """Uploads and mounted paths first, then the web platform's sockets, then the application.

    With ``http_only`` there is no web platform: its paths are refused.
    """

    def __init__(
        self, port: Port, sockets: Application, uploads: Application, origins: Origins
    ) -> None:
        self.http_only = False
        self._port = port
        self._sockets = with_user(sockets)
        self._uploads = with_user(uploads)
        self._origins = origins

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "websocket" and not self._welcome(scope):
            await refuse(scope, receive, send)
        else:
            await self._application(scope)(scope, receive, send)

    def _application(self, scope: dict[str, Any]) -> Application:
        path = scope["path"]
        if path == PATH and scope.get("method") == "POST" and not self.http_only:
            return self._uploads
        mounted = [prefix for prefix in self._port.mounts if path.startswith(prefix)]
        if mounted:
            return self._port.mounts[max(mounted, key=len)]
        if scope["type"] == "websocket" and is_chat(path):
            return refuse if self.http_only else self._sockets
        return self._port.application

    def _welcome(self, scope: dict[str, Any]) -> bool:
        headers = dict(scope["headers"])
        origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
        if self._origins.welcome(origin if b"origin" in headers else None, host):
            return True
        logger.warning(
            "refused a WebSocket origin=%.200r host=%.200r; if that page is yours,"
            " set public_url or [ws] origins",
            origin,
            host,
        )
        return False


async def refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuse a WebSocket in its handshake (HTTP 403)."""
    await receive()
    await send({"type": "websocket.close"})


def with_user(application: Application) -> Application:
    """Give an application ``scope["user"]``; only a session's cookie costs a database query."""
    stack: list[Application] = []

    async def choose(scope: dict[str, Any], receive: Any, send: Any) -> None:
        from django.conf import settings

        if settings.SESSION_COOKIE_NAME not in cookies(scope):
            return await application(scope, receive, send)
        if not stack:
            from channels.auth import AuthMiddlewareStack

            stack.append(AuthMiddlewareStack(application))
        return await stack[0](scope, receive, send)

    return choose
