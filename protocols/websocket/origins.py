"""Which pages may open a WebSocket here. Nothing here performs I/O.

A browser sends cookies with a WebSocket handshake whatever page opened it, so the page's origin
is checked (RFC 6455, section 10.2). Clients that are no browsers send no ``Origin``: they have no
cookies of somebody else either, and are let in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.http.request import validate_host

PORTS = {"http": 80, "https": 443}

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that are ours by configuration, and the hosts that we are known as.

    A name that we do not know may be somebody's who lets it point at us (DNS rebinding), so a
    page of the same host is our own only if Django would serve it under that name.
    """

    allowed: frozenset[tuple[str, str, int]]
    hosts: tuple[str, ...]

    @classmethod
    def from_settings(cls, origins: Iterable[str], hosts: Iterable[str]) -> Origins:
        """``origins`` are believed as they are (empty ones are none); ``hosts``: ALLOWED_HOSTS."""
        known = [urlsplit(origin) for origin in origins if origin]
        return cls(frozenset((parts.scheme, *_place(parts)) for parts in known), tuple(hosts))

    def welcome(self, origin: str | None, host: str) -> bool:
        """Whether a handshake with these headers may go on."""
        if origin is None:
            return True
        parts = _split(origin)
        if parts is None:
            return False
        place = _place(parts)
        if (parts.scheme, *place) in self.allowed:
            return True
        return place == _place_of_host(host, parts.scheme) and self._ours(place[0])

    def _ours(self, host: str) -> bool:
        return bool(validate_host(f"[{host}]" if ":" in host else host, self.hosts))


def _split(origin: str) -> SplitResult | None:
    try:
        parts = urlsplit(origin)
        return parts if parts.hostname and parts.scheme in PORTS and _place(parts) else None
    except ValueError:
        return None


def _place(parts: SplitResult) -> Place:
    return (parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))


def _place_of_host(host: str, scheme: str) -> Place | None:
    parts = _split(f"{scheme}://{host}")
    return None if parts is None else _place(parts)
