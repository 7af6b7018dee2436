"""Whom the web server lets in and believes: origins, proxies, visitors, guests, paces."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.delivery.server import Entry
from gateway.testing.port import MemoryPort
from gateway.vocabulary.events import Author
from protocols.websocket.crowd import Crowds
from protocols.websocket.guests import facts_from_key, guest_from_scope, is_chat
from protocols.websocket.inbox import OVERHEAD, Inbox
from protocols.websocket.origins import Origins
from protocols.websocket.proxies import Proxies
from protocols.websocket.sockets import Pace
from protocols.websocket.visitors import (
    cookie_from_visitor,
    new_visitor,
    set_cookie_from_visitor,
    visitor_from_cookie,
)

ORIGINS = Origins.from_settings(
    ["https://chat.example.org", "http://other.org:8080"], ["localhost", "127.0.0.1", "[::1]"]
)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        pytest.param(None, "127.0.0.1:8000", id="no browser"),
        pytest.param("http://127.0.0.1:8000", "127.0.0.1:8000", id="an address"),
        pytest.param("http://[::1]:8000", "[::1]:8000", id="an IPv6 address"),
        pytest.param("http://localhost:8000", "localhost:8000", id="localhost"),
        pytest.param("https://chat.example.org", "backend:8000", id="the public URL"),
        pytest.param("http://other.org:8080", "127.0.0.1:8000", id="a configured origin"),
    ],
)
def test_an_own_origin_is_welcome(origin: str | None, host: str) -> None:
    assert ORIGINS.welcome(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        pytest.param("https://evil.example", "127.0.0.1:8000", id="another site"),
        pytest.param("null", "127.0.0.1:8000", id="a sandboxed page"),
        pytest.param("", "127.0.0.1:8000", id="an empty one"),
        pytest.param("http://127.0.0.1:9000", "127.0.0.1:8000", id="another port"),
        pytest.param("http://evil.example:8000", "evil.example:8000", id="a rebound name"),
        pytest.param("https://chat.example.org.evil.example", "x", id="a longer name"),
        pytest.param("http://other.org", "127.0.0.1:8000", id="a configured host's other port"),
        pytest.param("file://127.0.0.1:8000", "127.0.0.1:8000", id="another scheme"),
        pytest.param("http://[", "[", id="nonsense"),
        pytest.param("http://127.0.0.1:99999", "127.0.0.1:99999", id="no port"),
    ],
)
def test_a_foreign_origin_is_not_welcome(origin: str, host: str) -> None:
    assert not ORIGINS.welcome(origin, host)


PROXIES = Proxies.from_names(["10.0.0.0/8", "::1"])


def forwarded(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", value), (b"x-forwarded-proto", b"https")]


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("203.0.113.7", b"6.6.6.6", "203.0.113.7"),
        ("10.0.0.1", b"203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", b"6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", b"203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"unknown", "unknown"),
    ],
)
def test_the_client_is_the_hop_before_our_proxies(peer: str, header: bytes, client: str) -> None:
    assert PROXIES.client(peer, forwarded(header)) == client


def test_only_a_trusted_proxy_says_https() -> None:
    assert not PROXIES.secure("203.0.113.7", forwarded(b""))


def test_a_trusted_proxy_says_https() -> None:
    assert PROXIES.secure("::1", forwarded(b""))


def test_a_visitor_is_known_by_its_cookie() -> None:
    visitor = new_visitor()
    assert visitor_from_cookie(cookie_from_visitor(visitor)) == visitor


@pytest.mark.parametrize("value", [None, "", "0123456789abcdef", "0123456789abcdef:x", "\x00:y"])
def test_a_cookie_that_is_not_ours_is_nobodys(value: str | None) -> None:
    assert visitor_from_cookie(value) is None


def test_a_signed_value_that_is_no_visitor_is_nobodys() -> None:
    assert visitor_from_cookie(cookie_from_visitor("~:evil")) is None


def test_scripts_cannot_read_the_cookie() -> None:
    assert "HttpOnly; SameSite=Lax; Secure" in set_cookie_from_visitor("a", secure=True)


def scope(path: str, query: str = "", **more: Any) -> dict[str, Any]:
    return {"path": path, "query_string": query.encode(), "headers": [], **more}


@pytest.mark.parametrize("path", ["/ws/chat/", "/ws/chat", "/ws/rooms/lobby/", "/ws/rooms/a b"])
def test_the_paths_of_chats(path: str) -> None:
    assert is_chat(path)


@pytest.mark.parametrize("path", ["/ws/", "/ws/rooms/", "/ws/rooms/a/b/", "/ws/dashboard/"])
def test_other_paths_are_not(path: str) -> None:
    assert not is_chat(path)


def test_a_room_is_the_conversation_of_its_name() -> None:
    guest = guest_from_scope("web:default", scope("/ws/rooms/caf\u00e9/"))
    assert guest.conversation == "web:default:caf\u00e9"


@pytest.mark.parametrize("room", ["~abc", "a#b", "x" * 65, " a"])
def test_what_cannot_be_a_room_is_refused(room: str) -> None:
    with pytest.raises(ValueError, match="cannot be a room's name"):
        guest_from_scope("web:default", scope(f"/ws/rooms/{room}/"))


def test_a_guest_is_reached_in_private_by_its_visitor() -> None:
    guest = guest_from_scope("web:default", scope("/ws/rooms/lobby/"))
    assert guest.author["private"] == f"web:default:~{guest.visitor}"


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 16, "\u0663"])
def test_a_since_that_is_no_number_is_none(since: str) -> None:
    query = f"since={since}".encode("utf-8", "replace").decode("latin-1")
    assert guest_from_scope("web:default", scope("/ws/chat/", query)).since is None


def test_a_name_is_bounded() -> None:
    guest = guest_from_scope("web:default", scope("/ws/chat/", "name=" + "x" * 500))
    assert len(guest.author["name"]) == 64


def test_a_private_chat_knows_its_person() -> None:
    facts = facts_from_key("web:default:~0123456789abcdef")
    assert (facts["chat"]["kind"], facts["user"] and facts["user"]["name"]) == (
        "private",
        "visitor-0123",
    )


def test_a_room_is_a_group_of_its_name() -> None:
    assert facts_from_key("web:default:lobby")["chat"] == {
        "id": "lobby",
        "kind": "group",
        "title": "lobby",
    }


def test_a_burst_is_free_and_then_it_costs_time() -> None:
    pace = Pace(rate=10, burst=2, left=2, at=0)
    assert [pace.wait(0), pace.wait(0), pace.wait(0), pace.wait(0.1)] == [0, 0, 0.1, 0]


class Tap:
    """Notes whether it is read from."""

    reading = True

    def stop_reading(self) -> None:
        self.reading = False

    def start_reading(self) -> None:
        self.reading = True


def test_a_full_inbox_stops_reading() -> None:
    tap = Tap()
    Inbox(tap, OVERHEAD).put_nowait({"type": "websocket.receive", "text": "x"})
    assert not tap.reading


async def test_an_emptied_inbox_reads_on() -> None:
    tap = Tap()
    inbox = Inbox(tap, OVERHEAD)
    inbox.put_nowait({"type": "websocket.receive", "text": "x"})
    await inbox.get()
    assert tap.reading


async def test_an_inbox_knows_when_the_end_was_told() -> None:
    inbox = Inbox(None, 1)
    inbox.put_nowait({"type": "websocket.disconnect"})
    before = inbox.told
    await inbox.get()
    assert (before, inbox.told) == (False, True)


class Kept:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.wires: list[bytes] = []

    def put(self, wire: bytes) -> None:
        self.wires.append(wire)

    async def drained(self) -> None: ...

    def close(self) -> None: ...


ADA: Author = {"id": "a", "name": "Ada", "handle": None, "kind": "person", "private": None}


def logged(port: MemoryPort, count: int) -> list[Entry]:
    return [port.streams.append("web:d:x", {"type": "chat.message"}) for _ in range(count)]


async def test_everybody_gets_the_same_bytes() -> None:
    port = MemoryPort("web:d")
    one, two = Kept(), Kept()
    with Crowds(port).enter("web:d:x") as crowd:
        crowd.admit(one, ADA, 0)
        crowd.admit(two, ADA, 0)
        logged(port, 1)
    assert one.wires[0] is two.wires[0]


async def test_who_is_behind_is_not_let_in() -> None:
    port = MemoryPort("web:d")
    with Crowds(port).enter("web:d:x") as crowd:
        logged(port, 2)
        assert not crowd.admit(Kept(), ADA, 1)


async def test_who_read_ahead_sees_nothing_twice() -> None:
    port = MemoryPort("web:d")
    ahead, other = Kept(), Kept()
    with Crowds(port).enter("web:d:x") as crowd:
        crowd.admit(ahead, ADA, 2)
        crowd.admit(other, ADA, 0)
        logged(port, 3)
    assert (len(ahead.wires), len(other.wires)) == (1, 3)


async def test_the_last_to_leave_ends_the_following() -> None:
    port = MemoryPort("web:d")
    crowds = Crowds(port)
    with crowds.enter("web:d:x"):
        pass
    assert (port.streams.listeners["web:d:x"], crowds.find("web:d:x")) == ([], None)


async def test_a_broken_outlet_does_not_stop_the_others() -> None:
    class Broken(Kept):
        def put(self, wire: bytes) -> None:
            raise RuntimeError("broken on purpose")

    port = MemoryPort("web:d")
    other = Kept()
    with Crowds(port).enter("web:d:x") as crowd:
        crowd.admit(Broken(), ADA, 0)
        crowd.admit(other, ADA, 0)
        logged(port, 1)
    assert len(other.wires) == 1
