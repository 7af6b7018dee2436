"""The ASGI application that is served: the gateway's own paths first, then the author's.

Applications are loaded by name; the core knows none of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from channels.auth import AuthMiddlewareStack
from django.core.asgi import get_asgi_application

from gateway.vocabulary.errors import ConfigurationError

Application = Callable[..., Awaitable[None]]

OWN_PATHS = ("/rooms/", "/dashboard/", "/healthz", "/readyz", "/metrics", "/static/", "/api/")
"""Paths of our HTTP application, beside ``/`` itself."""

DASHBOARD_PATH = "/ws/dashboard/"
DASHBOARD = "consumers.dashboard:Dashboard"


def load_application(name: str) -> Any:
    """The object that ``module:Name`` names; raises ``ConfigurationError`` in one sentence."""
    module, _, attribute = name.partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{module}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"{name}: {module} needs {error.name}, which is not there"
            ) from error
        raise ConfigurationError(
            f"{name}: there is no module {error.name!r} here; is it in this directory?"
        ) from error
    except Exception as error:
        raise ConfigurationError(f"{name}: {module} cannot be loaded: {error!r}") from error
    try:
        return getattr(found, attribute)
    except AttributeError:
        raise ConfigurationError(f"{name}: {module} has no {attribute!r}") from None


class Routes:
    """What an author's application answers, around it our own paths."""

    def __init__(self, application: Application) -> None:
        self.application = application
        mapping: Mapping[str, Any] | None = getattr(application, "application_mapping", None)
        self.types = None if mapping is None else frozenset(mapping)
        """The scope types it routes; None for a bare callable, which is asked everything."""
        self._django: Application = get_asgi_application()
        self._dashboard: Application = AuthMiddlewareStack(load_application(DASHBOARD).as_asgi())

    def routes(self, kind: str) -> bool:
        """Whether the application answers a scope type."""
        return self.types is None or kind in self.types

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        await self._choose(scope)(scope, receive, send)

    def _choose(self, scope: dict[str, Any]) -> Application:
        kind, path = scope["type"], scope.get("path", "")
        if kind == "websocket":
            if path == DASHBOARD_PATH:
                return self._dashboard
            return self.application if self.routes(kind) else _refuse
        if kind == "http" and (not self.routes(kind) or path == "/" or path.startswith(OWN_PATHS)):
            return self._django
        return self.application


async def _refuse(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """There is nothing at this path."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})
