"""Which protocols there are: a name of the entry-point group ``gateway.protocols`` is a package.

The package holds ``settings.Settings`` (light; its section of the configuration) and
``server.Server`` (heavy; imported only for the protocols that are served).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gateway.vocabulary.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

GROUP = "gateway.protocols"
OWN_SCOPE = "web"
"""The scope of our own platform, which also serves HTTP."""


@cache
def packages() -> Mapping[str, str]:
    """The package of each protocol, by name; installed distributions do not change under us."""
    found = {point.name: point.value for point in entry_points(group=GROUP)}
    return MappingProxyType(dict(sorted(found.items())))


def names() -> tuple[str, ...]:
    """The names of all installed protocols, as ``--protocols`` takes them."""
    return tuple(packages())


def settings_class(name: str) -> type[BaseModel]:
    """The class of a protocol's section; raises ``ConfigurationError`` if there is no such one."""
    settings: type[BaseModel] = _member(name, "settings", "Settings")
    return settings


def server_class(name: str) -> type[Any]:
    """The class of a protocol's server; imports the protocol's libraries."""
    server: type[Any] = _member(name, "server", "Server")
    return server


def scope_of(name: str) -> str:
    """The scope type (and prefix of conversation keys) of a protocol."""
    return str(settings_class(name).scope)  # type: ignore[attr-defined]


def own_platform() -> str | None:
    """The name of the protocol that is our own platform, if it is installed."""
    return next((name for name in names() if scope_of(name) == OWN_SCOPE), None)


def _member(name: str, module: str, member: str) -> Any:
    try:
        package = packages()[name]
    except KeyError:
        known = ", ".join(names()) or "none"
        raise ConfigurationError(f"there is no protocol {name!r}; installed are {known}") from None
    try:
        return getattr(import_module(f"{package}.{module}"), member)
    except ImportError as error:
        raise ConfigurationError(f"protocol {name!r} cannot be loaded: {error}") from error
