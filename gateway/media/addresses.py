"""Which addresses the URL of a stranger may lead to. Nothing here performs I/O.

What a stranger's URL leads to must be on the public network: our own machine, our neighbours and
the metadata services of clouds answer whoever asks from where we are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_GLOBAL_V6 = ip_network("2000::/3")
_TEREDO = ip_network("2001::/32")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks that the operator allows beside the public one."""

    allowed: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def from_names(cls, names: Iterable[str]) -> Networks:
        """As the configuration has them; raises ``ValueError``."""
        return cls(tuple(ip_network(name, strict=False) for name in names))

    def own(self, address: str) -> bool:
        """Whether an address lies in an allowed network."""
        found = _plain(address)
        return any(found in network for network in self.allowed)

    def welcome(self, address: str) -> bool:
        """Whether a stranger's URL may lead to an address."""
        return self.own(address) or is_public(address)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    found = _plain(address)
    if isinstance(found, IPv4Address):
        return found.is_global and not found.is_multicast
    if inner := found.sixtofour:
        return is_public(str(inner))
    return found in _GLOBAL_V6 and found.is_global and found not in _TEREDO


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An address, freed of its zone and of what maps IPv4 into IPv6 (RFC 4291, RFC 6052)."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found in _NAT64:
            return IPv4Address(int(found) & 0xFFFFFFFF)
    return found
