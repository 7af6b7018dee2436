"""Where a stranger's URL may lead: the public network, and nowhere near us."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.addresses import Networks, is_public
from gateway.media.urls import checked_url
from gateway.vocabulary.errors import MediaError

NEAR = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/29",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]


def in_one_of(names: list[str]) -> st.SearchStrategy[IPv4Address]:
    networks = [ip_network(name) for name in names]
    return st.one_of(
        st.integers(int(net.network_address), int(net.broadcast_address)).map(IPv4Address)
        for net in networks
    )


@given(in_one_of(NEAR))
def test_no_near_address_is_public(address: IPv4Address) -> None:
    assert not is_public(str(address))


@pytest.mark.parametrize(
    "wrapping",
    [
        0xFFFF << 32,  # mapped, RFC 4291
        0x64_FF9B << 96,  # NAT64, RFC 6052
        0,  # compatible, RFC 4291
    ],
)
@given(address=in_one_of(NEAR))
def test_no_near_address_becomes_public_in_an_ipv6_one(wrapping: int, address: IPv4Address) -> None:
    assert not is_public(str(IPv6Address(wrapping | int(address))))


@given(in_one_of(NEAR), st.integers(0, 2**80 - 1))
def test_no_near_address_becomes_public_by_6to4(address: IPv4Address, rest: int) -> None:
    assert not is_public(str(IPv6Address(0x2002 << 112 | int(address) << 80 | rest)))


@given(st.integers(0, 2**125 - 1))
def test_ipv6_outside_of_global_unicast_is_not_public(rest: int) -> None:
    address = IPv6Address(0x7 << 125 | rest)  # link-local, site-local, unique local, multicast
    assert not is_public(str(address))


@pytest.mark.parametrize(
    "address",
    ["::1", "::", "fe80::1%eth0", "2001:db8::1", "2001::1", "fd00::1", "ff02::1", "::127.0.0.1"],
)
def test_a_near_ipv6_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_an_allowed_network_is_welcome() -> None:
    networks = Networks.from_names(["127.0.0.0/8"])
    assert networks.welcome("127.0.0.1")
    assert networks.welcome("::ffff:127.0.0.1")
    assert not networks.welcome("10.0.0.1")


def test_nothing_but_an_allowed_network_is_ones_own() -> None:
    assert not Networks.from_names(["127.0.0.0/8"]).own("9.9.9.9")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a",
        "http://example.org:5280/a?b=c",
        "https://[2620:fe::fe]/x",
        "https://bücher.example/x",
    ],
)
def test_an_address_of_the_web_is_taken(url: str) -> None:
    assert checked_url(url).host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://:secret@example.org/",
        "https://example.org:22/",
        "https://example.org:25/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1/",
        "/relative",
        "https://example.org/" + "x" * 3000,
    ],
)
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(MediaError) as caught:
        checked_url(url)
    assert (caught.value.code, caught.value.again) == ("refused", False)


@given(st.text())
def test_no_text_breaks_the_check(text: str) -> None:
    with contextlib.suppress(MediaError):
        assert checked_url(f"https://{text}").host
