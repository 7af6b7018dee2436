"""The web server on real sockets: what Daphne does for us, what it is kept from, and the chats."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings as django_settings
from django.test import override_settings

from gateway.delivery.server import Arrival
from gateway.delivery.status import State
from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import RoomError, StartError
from gateway.vocabulary.events import Author
from protocols.websocket.server import Server
from protocols.websocket.settings import Settings

ROOM = "web:default:lobby"
SECONDS = 20


class LoggingPort(MemoryPort):
    """Appends what it accepts to the chat's log, as the core does."""

    def _accept(self, arrival: Arrival) -> None:
        before = len(self.accepted)
        super()._accept(arrival)
        if len(self.accepted) > before:
            self.streams.append(arrival.conversation, dict(arrival.event))

    def say(self, text: str, room: str = ROOM, **more: Any) -> None:
        """Let the bot say something."""
        bot = {"id": "bot", "name": "Bot", "handle": None, "kind": "bot", "private": None}
        self.streams.append(room, {"type": "chat.message", "text": text, "author": bot, **more})


@dataclass
class Web:
    """A running server, and clients for it."""

    server: Server
    port: LoggingPort
    http: aiohttp.ClientSession
    tabs: list[Tab] = field(default_factory=list)

    def url(self, path: str) -> str:
        assert self.server.address is not None
        host, port = self.server.address
        return f"http://{host}:{port}{path}"

    async def tab(self, path: str = "/ws/rooms/lobby/", **more: Any) -> Tab:
        """Open a chat; its ``hello`` has been read."""
        tab = Tab(await self.http.ws_connect(self.url(path), **more))
        tab.hello = await tab.next()
        self.tabs.append(tab)
        return tab

    async def raw(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self.server.address is not None
        reader, writer = await asyncio.open_connection(*self.server.address)
        writer.write(data)
        return reader, writer


@dataclass
class Tab:
    """One browser tab."""

    socket: aiohttp.ClientWebSocketResponse
    hello: dict[str, Any] = field(default_factory=dict)

    async def next(self, kind: str | None = None) -> dict[str, Any]:
        """The next frame, or the next one of a kind."""
        async with asyncio.timeout(SECONDS):
            while True:
                frame = await self.socket.receive_json()
                if kind in (None, frame["type"]):
                    return frame

    async def texts(self, count: int) -> list[str]:
        return [(await self.next("message"))["text"] for _ in range(count)]

    async def say(self, text: str, **more: Any) -> None:
        await self.socket.send_json({"type": "message", "text": text, **more})

    async def close_code(self) -> int | None:
        async with asyncio.timeout(SECONDS):
            while (await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self.socket.close_code


@asynccontextmanager
async def serving(
    application: Callable[..., Any] | None = None, **given: Any
) -> AsyncIterator[Web]:
    port = LoggingPort("web:default", application)
    listening = asyncio.Event()
    port.status.listener = lambda status: (
        listening.set() if status.state is State.CONNECTED else None
    )
    given = {"port": 0, "close_timeout": 3} | given
    server = Server("web:default", Settings(**given), port)
    running = asyncio.create_task(server.run())
    waiting = asyncio.create_task(listening.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=SECONDS)
    waiting.cancel()
    assert server.address, running.exception()
    try:
        # Clients keep cookies of an address only if told so.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            yield Web(server, port, http)
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=SECONDS)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as web:
        yield web


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - what is awaited here has no event
            await asyncio.sleep(0.01)


# The web platform.


async def test_what_one_tab_says_appears_in_the_other(web: Web) -> None:
    one, two = await web.tab(), await web.tab()
    await one.say("hello", ref="1")
    frame = await two.next("message")
    assert (frame["text"], frame["seq"], frame["id"]) == ("hello", 1, "1")


async def test_the_speaker_sees_its_message_with_its_own_client_and_ref(web: Web) -> None:
    tab = await web.tab("/ws/rooms/lobby/?client=c1")
    await tab.say("hello", ref="r1")
    frame = await tab.next("message")
    assert (frame["client"], frame["ref"]) == ("c1", "r1")


async def test_sent_names_the_ref(web: Web) -> None:
    tab = await web.tab("/ws/rooms/lobby/?client=c1")
    await tab.say("hello", ref="r1")
    assert await tab.next("sent") == {"type": "sent", "ref": "r1"}


async def test_a_repeat_is_answered_again(web: Web) -> None:
    tab = await web.tab("/ws/rooms/lobby/?client=c1")
    for _ in range(2):
        await tab.say("hello", ref="r1")
        await tab.next("sent")


async def test_a_repeat_is_recorded_once(web: Web) -> None:
    tab = await web.tab("/ws/rooms/lobby/?client=c1")
    for _ in range(2):
        await tab.say("hello", ref="r1")
        await tab.next("sent")
    assert len(web.port.accepted) == 1


async def test_a_newcomer_sees_the_last_fifty_messages(web: Web) -> None:
    for number in range(120):
        web.port.say(str(number))
    tab = await web.tab()
    assert await tab.texts(50) == [str(number) for number in range(70, 120)]


async def test_hello_says_where_the_log_stands(web: Web) -> None:
    web.port.say("one")
    tab = await web.tab()
    assert {key: tab.hello[key] for key in ("room", "seq", "epoch", "resumed")} == {
        "room": "lobby",
        "seq": 1,
        "epoch": "memory",
        "resumed": False,
    }


async def test_since_brings_exactly_what_was_missed(web: Web) -> None:
    for number in range(1, 181):
        web.port.say(str(number))
    tab = await web.tab("/ws/rooms/lobby/?since=20&epoch=memory")
    assert await tab.texts(160) == [str(number) for number in range(21, 181)]


async def test_a_resumed_socket_goes_on_with_what_is_new(web: Web) -> None:
    web.port.say("1")
    tab = await web.tab("/ws/rooms/lobby/?since=1&epoch=memory")
    web.port.say("2")
    assert (tab.hello["resumed"], await tab.texts(1)) == (True, ["2"])


async def test_another_epoch_is_said_and_shown_as_to_a_newcomer(web: Web) -> None:
    web.port.say("1")
    tab = await web.tab("/ws/rooms/lobby/?since=1&epoch=another")
    assert (tab.hello["resumed"], await tab.texts(1)) == (False, ["1"])


async def test_messages_during_catching_up_come_once_and_in_order(web: Web) -> None:
    for number in range(1, 300):
        web.port.say(str(number))
    opening = asyncio.create_task(web.tab("/ws/rooms/lobby/?since=0&epoch=memory"))
    for number in range(300, 400):
        web.port.say(str(number))
        await asyncio.sleep(0)
    tab = await opening
    assert await tab.texts(399) == [str(number) for number in range(1, 400)]


async def test_a_visitor_is_known_again_by_its_cookie(web: Web) -> None:
    first = await web.tab()
    second = await web.tab()
    assert first.hello["you"]["id"] == second.hello["you"]["id"]


async def test_a_forged_cookie_makes_a_new_visitor(web: Web) -> None:
    forged = {"Cookie": "gateway_visitor=0123456789abcdef:forged"}
    tab = await web.tab(headers=forged)
    assert tab.hello["you"]["id"] != "web:~0123456789abcdef"


async def test_a_private_chat_is_the_visitors_own(web: Web) -> None:
    tab = await web.tab("/ws/chat/")
    await tab.say("hello")
    arrival = (await web.port.wait_for(1))[0]
    assert arrival.conversation == f"web:default:{tab.hello['you']['id'].removeprefix('web:')}"


async def test_two_tabs_of_a_visitor_are_one_person(web: Web) -> None:
    await web.tab()
    await web.tab()
    await until(lambda: len(web.port.people.get(ROOM, [])) == 1)


async def test_nobody_is_present_when_the_last_tab_is_closed(web: Web) -> None:
    tab = await web.tab()
    await until(lambda: web.port.people.get(ROOM))
    await tab.socket.close()
    await until(lambda: web.port.people[ROOM] == [])


async def test_a_chosen_name_is_shown_without_tricks(web: Web) -> None:
    tab = await web.tab("/ws/rooms/lobby/?name=Ada%0A%E2%80%AELovelace")
    assert tab.hello["you"]["name"] == "Ada Lovelace"


async def test_text_that_is_no_json_is_a_message(web: Web) -> None:
    tab = await web.tab()
    await tab.socket.send_str("just text")
    assert await tab.texts(1) == ["just text"]


async def test_a_bad_frame_is_named_and_the_connection_stays(web: Web) -> None:
    tab = await web.tab()
    await tab.socket.send_json({"type": "dance", "ref": "r1"})
    failed = await tab.next("failed")
    await tab.say("still here")
    assert (failed["code"], failed["ref"], await tab.texts(1)) == (
        "unknown_type",
        "r1",
        ["still here"],
    )


async def test_a_binary_frame_is_refused_by_name(web: Web) -> None:
    tab = await web.tab()
    await tab.socket.send_bytes(b"\x00")
    assert (await tab.next("failed"))["code"] == "binary"


async def test_a_message_that_is_not_recorded_is_not_answered_as_sent(web: Web) -> None:
    tab = await web.tab()
    web.port.away = True
    await tab.say("hello", ref="r1")
    frame = await tab.next()
    assert (frame["code"], frame["ref"]) == ("unavailable", "r1")


async def test_who_talks_too_fast_is_told(web: Web) -> None:
    tab = await web.tab()
    for number in range(300):  # what a slow machine takes in is less than this, too
        await tab.say(str(number), ref=str(number))
    assert (await tab.next("failed"))["code"] == "too_fast"


async def test_messages_of_one_tab_keep_their_order(web: Web) -> None:
    tab = await web.tab()
    for number in range(30):
        await tab.say(str(number))
    assert await tab.texts(30) == [str(number) for number in range(30)]


async def test_typing_is_shown_to_the_other_tabs(web: Web) -> None:
    one, two = await web.tab(), await web.tab()
    await one.say("first")
    await two.next("message")
    await one.socket.send_json({"type": "typing"})
    assert (await two.next())["type"] == "typing"


async def test_typing_of_an_application_is_shown(web: Web) -> None:
    tab = await web.tab()
    web.port.say("first")
    await tab.next("message")
    await web.server.deliver(ROOM, web.server.facts(ROOM), {"type": "chat.typing"})
    assert (await tab.next("typing"))["author"]["name"] == "gateway"


async def test_who_may_not_enter_is_told_why(web: Web) -> None:
    async def admit(room: str, author: Author, code: str | None) -> None:
        raise RoomError("this room is for members")

    web.port.rooms.admit = admit  # type: ignore[method-assign]
    tab = await web.tab()
    assert (tab.hello["code"], tab.hello["detail"], await tab.close_code()) == (
        "forbidden",
        "this room is for members",
        4403,
    )


async def test_without_chat_the_chat_paths_are_refused(web: Web) -> None:
    web.server.http_only = True
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await web.tab()


async def test_a_foreign_origin_is_refused(web: Web) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await web.tab(origin="https://evil.example")
    assert refused.value.status == 403


async def test_the_null_origin_is_refused(web: Web) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await web.tab(origin="null")
    assert refused.value.status == 403


async def test_our_own_origin_is_welcome(web: Web) -> None:
    tab = await web.tab(origin=web.url(""))
    assert tab.hello["type"] == "hello"


# Any ASGI application.


class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A plain Channels consumer, without a channel layer."""

    channel_layer_alias = None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data, bytes_data=bytes_data)


@pytest.fixture
async def echo() -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with serving(Echo.as_asgi()) as web:
        yield await web.http.ws_connect(web.url("/ws/echo/"))


async def test_an_empty_text_message_passes(echo: aiohttp.ClientWebSocketResponse) -> None:
    await echo.send_str("")
    assert await echo.receive_str(timeout=SECONDS) == ""


async def test_an_empty_binary_message_passes(echo: aiohttp.ClientWebSocketResponse) -> None:
    await echo.send_bytes(b"")
    assert await echo.receive_bytes(timeout=SECONDS) == b""


async def test_a_message_at_the_limit_passes(echo: aiohttp.ClientWebSocketResponse) -> None:
    await echo.send_bytes(bytes(1024 * 1024))
    assert len(await echo.receive_bytes(timeout=SECONDS)) == 1024 * 1024


HANDSHAKE = (
    b"GET /ws/echo/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def masked(opcode: int, payload: bytes, first: int = 0x80) -> bytes:
    """A client's frame, masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + struct.pack("!Q", size)
    return bytes([first | opcode]) + length + bytes(4) + payload


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(masked(1, b"\xff\xfe"), 1007, id="text that is no UTF-8"),
        pytest.param(masked(1, b"a", first=0xC0), 1002, id="a reserved bit"),
        pytest.param(masked(3, b""), 1002, id="a reserved opcode"),
        pytest.param(b"\x81\x01a", 1002, id="a frame without a mask"),
        pytest.param(masked(2, bytes(1024 * 1024 + 1)), 1009, id="a message over the limit"),
    ],
)
async def test_an_offence_is_answered_with_its_close_code(frame: bytes, code: int) -> None:
    async with serving(Echo.as_asgi()) as web:
        reader, writer = await web.raw(HANDSHAKE)
        async with asyncio.timeout(SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame)
            head = await reader.readexactly(4)
        writer.close()
    assert (head[0], struct.unpack("!H", head[2:])[0]) == (0x88, code)


async def test_a_consumer_that_raises_closes_with_1011(web: Web) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise RuntimeError("broken on purpose")

    web.port.application = broken
    socket = await web.http.ws_connect(web.url("/ws/any/"))
    await socket.receive(timeout=SECONDS)
    assert socket.close_code == 1011


async def test_headers_of_an_accept_reach_the_client(web: Web) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-one", b"1"), (b"x-one", b"2")]})
        await receive()

    web.port.application = application
    socket = await web.http.ws_connect(web.url("/ws/any/"))
    assert socket._response.headers.getall("x-one") == ["1", "2"]


async def test_sending_to_a_client_known_to_be_gone_raises_an_oserror(web: Web) -> None:
    raised: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except OSError:
            raised.set_result(True)

    web.port.application = application
    socket = await web.http.ws_connect(web.url("/ws/any/"))
    await socket.close()
    assert await asyncio.wait_for(raised, SECONDS)


async def test_a_slow_application_holds_its_client_back(web: Web) -> None:
    go_on = asyncio.Event()
    sizes: list[int] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (event := await receive())["type"] == "websocket.receive":
            sizes.append(len(event["bytes"]))

    web.port.application = application
    socket = await web.http.ws_connect(web.url("/ws/any/"))
    sending = asyncio.create_task(_send_many(socket, 400))
    done, _ = await asyncio.wait({sending}, timeout=0.5)
    go_on.set()
    await asyncio.wait_for(sending, SECONDS)
    await until(lambda: len(sizes) == 400)
    assert not done


async def _send_many(socket: aiohttp.ClientWebSocketResponse, count: int) -> None:
    for _ in range(count):
        await socket.send_bytes(bytes(64 * 1024))


class Named(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Says who is signed in."""

    channel_layer_alias = None

    async def connect(self) -> None:
        await self.accept()
        await self.send(self.scope["user"].get_username())


class OneUser:
    """An authentication backend that knows one person and needs no database."""

    def get_user(self, user_id: int) -> Any:
        from django.contrib.auth.models import User

        return User(pk=user_id, username="ada")


@pytest.fixture
def session() -> Any:
    """The session cookie of somebody who is signed in."""
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.signed_cookies import SessionStore

    backend = f"{__name__}.OneUser"
    with override_settings(
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        AUTHENTICATION_BACKENDS=[backend],
    ):
        store = SessionStore()
        store["_auth_user_id"] = "7"
        store["_auth_user_backend"] = backend
        store["_auth_user_hash"] = User(pk=7, username="ada").get_session_auth_hash()
        store.save()
        yield {"Cookie": f"{django_settings.SESSION_COOKIE_NAME}={store.session_key}"}


async def test_sessions_and_users_work_for_any_consumer(session: dict[str, str]) -> None:
    async with serving(AuthMiddlewareStack(Named.as_asgi())) as web:
        socket = await web.http.ws_connect(web.url("/ws/any/"), headers=session)
        assert await socket.receive_str(timeout=SECONDS) == "ada"


async def test_somebody_signed_in_chats_under_the_own_name(
    web: Web, session: dict[str, str]
) -> None:
    tab = await web.tab("/ws/rooms/lobby/?name=Somebody", headers=session)
    assert tab.hello["you"] == {"id": "user:7", "name": "ada"}


# HTTP.


async def body_size(scope: Any, receive: Any, send: Any) -> None:
    """Answers with how many bytes came."""
    size, more = 0, True
    while more:
        event = await receive()
        size, more = size + len(event["body"]), event["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def test_http_reaches_the_application() -> None:
    async with serving(body_size) as web, web.http.post(web.url("/x"), data=b"abc") as answer:
        assert (answer.status, await answer.text()) == (200, "3")


async def test_a_mounted_path_goes_to_its_application(web: Web) -> None:
    web.port.mounts["/hooks/one/"] = body_size
    async with web.http.post(web.url("/hooks/one/"), data=b"abcd") as answer:
        assert await answer.text() == "4"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield bytes(1024)

    data = pieces() if chunked else bytes(9 * 1024)
    async with (
        serving(body_size, max_body=8 * 1024) as web,
        web.http.post(web.url("/"), data=data) as answer,
    ):
        assert answer.status == 413


async def test_an_unfinished_request_head_is_closed() -> None:
    async with serving(body_size, header_timeout=0.2) as web:
        reader, writer = await web.raw(b"GET / HTTP/1.1\r\nHost: x\r\n")
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_an_application_that_raises_answers_500(web: Web) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("broken on purpose")

    web.port.application = broken
    async with web.http.get(web.url("/")) as answer:
        assert answer.status == 500


async def client_of(web: Web) -> Any:
    seen: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        await body_size(scope, receive, send)

    web.port.application = application
    headers = {
        "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
        "X-Forwarded-Proto": "https",
        "Daphne-Root-Path": "/evil",
    }
    async with web.http.get(web.url("/"), headers=headers):
        return seen["client"][0], seen["scheme"], seen["root_path"]


async def test_forwarded_headers_of_anybody_are_not_believed(web: Web) -> None:
    assert await client_of(web) == ("127.0.0.1", "http", "")


async def test_forwarded_headers_of_a_trusted_proxy_are_believed() -> None:
    async with serving(trusted_proxies=["127.0.0.0/8"]) as web:
        assert await client_of(web) == ("203.0.113.7", "https", "")


async def test_a_long_response_waits_for_its_reader() -> None:
    sent: list[int] = []

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(2000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            sent.append(number)

    async with serving(flood, close_timeout=0.1) as web:
        _, writer = await web.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: sent)
        await asyncio.sleep(0.5)
        writer.close()
        assert len(sent) < 1000


# Slow readers, and the end.


def deaf(web: Web, path: str) -> socket.socket:
    """A client that opens a WebSocket and reads nothing."""
    assert web.server.address is not None
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(web.server.address)
    client.sendall(HANDSHAKE.replace(b"/ws/echo/", path.encode()))
    return client


TOO_SLOW = b"\x88\x0a" + struct.pack("!H", 1013) + b"too slow"


def everything_from(client: socket.socket) -> bytes:
    """What comes until the close frame, or the end."""
    data = b""
    client.settimeout(SECONDS)
    try:
        while not data.endswith(TOO_SLOW) and (piece := client.recv(1 << 20)):
            data += piece
    except ConnectionResetError:
        pass
    return data


async def test_a_reader_that_stops_is_cut_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # What it was sent before takes a while to read, and the more on a busy machine.
    monkeypatch.setattr("protocols.websocket.sites.CLOSE_SECONDS", SECONDS)
    async with serving(max_buffer=64 * 1024) as web:
        with deaf(web, "/ws/rooms/lobby/") as client:
            await until(lambda: web.port.people.get(ROOM))
            for _ in range(400):
                web.port.say("x" * 60_000)
            data = await asyncio.to_thread(everything_from, client)
    assert data.endswith(TOO_SLOW)


async def test_a_reader_that_stops_and_never_reads_on_is_dropped() -> None:
    async with serving(max_buffer=64 * 1024) as web:
        with deaf(web, "/ws/rooms/lobby/"):
            await until(lambda: web.port.people.get(ROOM))
            for _ in range(400):
                web.port.say("x" * 60_000)
            await until(lambda: web.port.people[ROOM] == [])


async def test_the_others_lose_nothing_by_a_slow_reader() -> None:
    async with serving(max_buffer=64 * 1024) as web:
        with deaf(web, "/ws/rooms/lobby/"):
            await until(lambda: web.port.people.get(ROOM))
            tab = await web.tab()
            heard = asyncio.create_task(tab.texts(400))
            for number in range(400):
                web.port.say(f"{number} " + "x" * 60_000)
                await asyncio.sleep(0)
            assert [int(text.split()[0]) for text in await heard] == list(range(400))


async def test_the_end_closes_with_1001(web: Web) -> None:
    tab = await web.tab()
    closing = asyncio.create_task(web.server.close())
    code = await tab.close_code()
    await closing
    assert code == 1001


async def test_a_running_request_is_finished_at_the_end() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        started.set()
        await go_on.wait()
        await body_size(scope, receive, send)

    async with serving(slow, close_timeout=SECONDS) as web:
        asking = asyncio.create_task(_text(web))
        await asyncio.wait_for(started.wait(), SECONDS)
        closing = asyncio.create_task(web.server.close())
        await until(lambda: web.server.address is None)
        go_on.set()
        answer = await asyncio.wait_for(asking, SECONDS)
        await closing
    assert answer == "0"


async def _text(web: Web) -> str:
    async with web.http.get(web.url("/")) as answer:
        return await answer.text()


async def test_a_taken_port_is_a_sentence(web: Web) -> None:
    assert web.server.address is not None
    port = web.server.address[1]
    second = Server("web:default", Settings(port=port), LoggingPort("web:default"))
    with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is taken by process"):
        await second.run()


async def test_check_says_that_the_port_is_taken(web: Web) -> None:
    assert web.server.address is not None
    second = Server("web:default", Settings(port=web.server.address[1]), web.port)
    assert "is taken" in (await second.check())[0]


def test_settings_refuse_what_is_no_origin() -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        Settings(origins=["example.org"])
