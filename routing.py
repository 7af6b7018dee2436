"""The composition root: which application answers which kind of traffic."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

from consumers.dashboard import Dashboard


def bot_from_path(name: str) -> Any:
    """The ASGI application of a consumer named as ``module:Class``."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute).as_asgi()


def application_for(bot: Any) -> ProtocolTypeRouter:
    """The gateway's own routes around one bot."""
    return ProtocolTypeRouter(
        {
            "telegram": bot,
            "xmpp": bot,
            "web": bot,
            "room": bot,
            "websocket": AuthMiddlewareStack(
                URLRouter([path("ws/dashboard/", Dashboard.as_asgi())])
            ),
            "http": get_asgi_application(),
        }
    )
