"""The short way of a call to the Bot API, against servers that answer in many ways."""

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest

from prosody import write_certificate
from protocols.telegram.connections import Connections, NotPlain
from protocols.telegram.request import AnswerLost, ApiError, ConnectFailed

ANSWER = b'{"ok":true,"result":"well"}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


class Api:
    """Answers each request with the next of some bytes: an empty one hangs up, None waits."""

    def __init__(self, *answers, close=False):
        self.answers = list(answers)
        self.requests = []
        self.close = close
        self.connections = 0
        self.tasks = []
        self.gate = asyncio.Event()
        """Nothing is answered while it is not set."""
        self.gate.set()

    async def serve(self, reader, writer):
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                await self.gate.wait()
                answer = self.answers.pop(0)
                if answer is None:
                    await reader.read()  # until the caller hangs up
                    break
                writer.write(answer)
                if not answer or self.close:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def calling(api, *, login="", tls=None):
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    place = f"https://localhost:{port}" if tls else f"http://{login}127.0.0.1:{port}"
    connections = Connections(f"{place}/bot1:x/")
    try:
        yield connections
    finally:
        await connections.close()
        server.close()
        await asyncio.gather(*api.tasks)


@pytest.fixture
def tls(tmp_path):
    """A server's TLS and the file of its certificate, which no authority has signed."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(certificate, key, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, certificate


async def ask(connections, seconds=20, **parameters):
    return await connections.ask("sendMessage", parameters, seconds)


async def test_result_is_returned():
    async with calling(Api(PLAIN)) as connections:
        assert await ask(connections, chat_id=1) == "well"


async def test_parameters_are_sent_as_json_without_those_that_are_none():
    api = Api(PLAIN)
    async with calling(api) as connections:
        await ask(connections, chat_id=1, reply=None)
    head, _, body = api.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /bot1:x/sendMessage HTTP/1.1\r\nHost: 127.0.0.1:")
    assert body == b'{"chat_id":1}'


async def test_connection_is_kept():
    api = Api(PLAIN, PLAIN, PLAIN)
    async with calling(api) as connections:
        for _ in range(3):
            await ask(connections)
    assert api.connections == 1


async def test_connection_that_the_server_closes_is_not_used_again():
    closing = PLAIN.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    api = Api(closing, PLAIN)
    async with calling(api) as connections:
        assert [await ask(connections) for _ in range(2)] == ["well", "well"]
    assert api.connections == 2


async def test_connection_closed_while_it_rested_is_not_used_again():
    api = Api(PLAIN, PLAIN, close=True)
    async with calling(api) as connections:
        await ask(connections)
        async with asyncio.timeout(20):
            while connections._idle[0].usable:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert await ask(connections) == "well"


async def test_chunked_answer_is_read():
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (ANSWER[:5], ANSWER[5:]))
    api = Api(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    async with calling(api) as connections:
        assert await ask(connections) == "well"


async def test_answer_without_a_length_ends_with_the_connection():
    api = Api(b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER, close=True)
    async with calling(api) as connections:
        assert await ask(connections) == "well"


async def test_answer_is_awaited_behind_one_that_announces_it():
    api = Api(b"HTTP/1.1 103 Early Hints\r\n\r\n" + PLAIN)
    async with calling(api) as connections:
        assert await ask(connections) == "well"


async def test_error_tells_what_the_bot_api_says():
    body = b'{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":7}}'
    api = Api(b"HTTP/1.1 429 Slow\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    async with calling(api) as connections:
        with pytest.raises(ApiError) as raised:
            await ask(connections)
    assert (raised.value.code, raised.value.retry_after) == (429, 7)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        PLAIN[:-1],
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"no http\r\n\r\n",
        PLAIN[:-27] + b"x" * 27,
    ],
)
async def test_answer_that_cannot_be_read_is_lost(answer):
    async with calling(Api(answer, close=True)) as connections:
        with pytest.raises(AnswerLost):
            await ask(connections)


async def test_answer_that_does_not_come_is_given_up():
    async with calling(Api(None)) as connections:
        with pytest.raises(AnswerLost, match="timeout"):
            await ask(connections, seconds=0.05)


async def test_connection_with_an_unfinished_exchange_is_not_used_again():
    api = Api(None, PLAIN)
    async with calling(api) as connections:
        with pytest.raises(AnswerLost):
            await ask(connections, seconds=0.05)
        assert await ask(connections) == "well"
    assert api.connections == 2


async def test_call_that_was_cancelled_leaves_no_answer_to_another():
    api = Api(None, PLAIN)
    async with calling(api) as connections:
        call = asyncio.create_task(ask(connections))
        async with asyncio.timeout(20):
            while not api.requests:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert not connections._idle


@contextlib.asynccontextmanager
async def call_under_way(api):
    """A call that the server has got, and the connections."""
    async with calling(api) as connections:
        call = asyncio.create_task(ask(connections))
        async with asyncio.timeout(20):
            while not api.requests:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        yield call, connections


async def test_closing_ends_calls_that_are_not_answered():
    async with call_under_way(Api(None)) as (call, connections):
        await connections.close()
        with pytest.raises(AnswerLost):
            await call


async def test_closing_lets_a_call_under_way_be_answered():
    api = Api(PLAIN)
    api.gate.clear()
    async with call_under_way(api) as (call, connections):
        closing = asyncio.create_task(connections.close())
        await asyncio.sleep(0)
        api.gate.set()
        assert await call == "well"
        await closing


async def test_nobody_there_means_that_nothing_was_written():
    async with calling(Api()) as connections:
        pass
    with pytest.raises(ConnectFailed):
        await ask(connections)


async def test_login_in_the_address_is_sent():
    api = Api(PLAIN)
    async with calling(api, login="tom:a%20b@") as connections:
        await ask(connections)
    assert b"\r\nAuthorization: Basic dG9tOmEgYg==\r\n" in api.requests[0]


@pytest.mark.parametrize("text", [object(), "\ud800"])
async def test_what_json_cannot_hold_is_not_sent(text):
    api = Api(PLAIN)
    async with calling(api) as connections:
        with pytest.raises(NotPlain):
            await ask(connections, text=text)
    assert api.requests == []


async def test_name_of_a_method_cannot_smuggle_headers():
    async with calling(Api(PLAIN)) as connections:
        with pytest.raises(NotPlain):
            await connections.ask("getMe HTTP/1.1\r\nX: ", {}, 20)


async def test_certificate_that_nobody_vouches_for_is_refused(tls):
    api = Api(PLAIN)
    async with calling(api, tls=tls[0]) as connections:
        with pytest.raises(ConnectFailed):
            await ask(connections)
    assert api.requests == []


async def test_certificate_that_is_trusted_is_used(tls, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    async with calling(Api(PLAIN), tls=tls[0]) as connections:
        assert await ask(connections) == "well"


async def test_resolver_that_does_not_answer_keeps_nobody_else_waiting(monkeypatch):
    found = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found.wait() and [])
    connections = Connections("http://bot-api.invalid/")
    asking = [asyncio.create_task(connections.ask("getMe", {}, 1)) for _ in range(64)]
    try:
        await asyncio.sleep(0)  # all of them have begun
        assert await asyncio.wait_for(asyncio.to_thread(str, "somebody else"), 20)
    finally:
        found.set()
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await connections.close()
