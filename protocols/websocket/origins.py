"""Which pages may open a WebSocket here. Nothing here performs I/O.

A browser sends cookies with a WebSocket handshake whatever page opened it, so the page's origin
is checked (RFC 6455, section 10.2). Clients that are no browsers send no ``Origin``: they have no
cookies of somebody else either, and are let in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that are ours by configuration, and the hosts that we are known as."""

    allowed: frozenset[tuple[str, str, int]]
    hosts: frozenset[str]

    @classmethod
    def from_settings(cls, host: str, public_url: str, origins: Sequence[str]) -> Origins:
        """``public_url`` and ``origins`` are believed as they are."""
        known = [urlsplit(url) for url in (public_url, *origins) if url]
        allowed = frozenset((parts.scheme, *_place(parts)) for parts in known)
        return cls(allowed, frozenset({host, *(parts.hostname or "" for parts in known)}))

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
        """Whether a page from this host can only be our own.

        A name that we do not know may be somebody's who lets it point at us (DNS rebinding);
        an address may not.
        """
        if host in self.hosts or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True


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
