"""Who a client behind a reverse proxy is. Nothing here performs I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""

    networks: tuple[IPv4Network | IPv6Network, ...] = field(default=())

    @classmethod
    def from_names(cls, names: Iterable[str]) -> Proxies:
        """Addresses and networks, as the configuration has them."""
        return cls(tuple(ip_network(name, strict=False) for name in names))

    def trusts(self, address: str) -> bool:
        """Whether an address is one of the proxies; what is no IP address is none."""
        try:
            found = ip_address(address.strip())
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    def client(self, peer: str, headers: Sequence[Header]) -> str:
        """The address nearest to us that is no proxy of ours.

        Read from the right: what stands further left was written by the client itself.
        """
        hops = [
            hop.strip() for hop in _value(headers, b"x-forwarded-for").split(",") if hop.strip()
        ]
        while hops and self.trusts(peer):
            peer = hops.pop()
        return peer

    def secure(self, peer: str, headers: Sequence[Header]) -> bool:
        """Whether the client came to the nearest proxy over TLS."""
        if not self.trusts(peer):
            return False
        return _value(headers, b"x-forwarded-proto").rpartition(",")[2].strip() in ("https", "wss")


def _value(headers: Sequence[Header], name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in headers if key == name)
