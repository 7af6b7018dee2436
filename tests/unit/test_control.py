"""The control socket: questions and answers, bounds, and who may have it."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.control import LINE_LIMIT, ControlServer, ask
from gateway.vocabulary.errors import GatewayError, RoomError


async def echo(*, text: str) -> str:
    return text


async def refuse() -> None:
    raise RoomError("there is no room den")


async def stumble() -> None:
    raise ZeroDivisionError


VERBS: dict[str, Any] = {"echo": echo, "refuse": refuse, "stumble": stumble}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.sock"


@pytest.fixture
async def server(path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, VERBS)
    assert await server.start()
    yield server
    await server.close()


def mode(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def asked(path: Path, verb: str, **arguments: Any) -> Any:
    return await asyncio.to_thread(lambda: ask(path, verb, **arguments))


async def test_a_verb_is_answered(server: ControlServer, path: Path) -> None:
    assert await asked(path, "echo", text="héllo\n") == "héllo\n"


async def test_many_verbs_are_answered_side_by_side(server: ControlServer, path: Path) -> None:
    answers = await asyncio.gather(*(asked(path, "echo", text=str(n)) for n in range(40)))
    assert answers == [str(n) for n in range(40)]


async def test_a_connection_may_ask_more_than_once(server: ControlServer, path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    question = b'{"verb": "echo", "arguments": {"text": "a"}}\n'
    writer.write(question * 2)
    answers = [json.loads(await reader.readline()) for _ in range(2)]
    writer.close()
    assert answers == [{"ok": True, "result": "a"}] * 2


async def test_a_refusal_is_its_sentence(server: ControlServer, path: Path) -> None:
    with pytest.raises(GatewayError, match=r"^there is no room den$"):
        await asked(path, "refuse")


async def test_an_unknown_verb_is_refused(server: ControlServer, path: Path) -> None:
    with pytest.raises(GatewayError, match="there is no verb 'ecko'; known are echo, refuse"):
        await asked(path, "ecko")


async def test_wrong_arguments_are_refused(server: ControlServer, path: Path) -> None:
    with pytest.raises(GatewayError, match="echo: missing a required"):
        await asked(path, "echo")


async def test_a_failure_within_is_not_told_outside(server: ControlServer, path: Path) -> None:
    with pytest.raises(GatewayError, match="ZeroDivisionError: the gateway's log says more"):
        await asked(path, "stumble")


@pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b'{"verb": 1}\n', b'{"verb": "a", '])
async def test_what_is_no_question_is_refused(
    server: ControlServer, path: Path, line: bytes
) -> None:
    assert (await server.answer(line))["ok"] is False


async def test_a_question_has_a_bound(server: ControlServer, path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"x" * (LINE_LIMIT + 2))
    answer = json.loads(await reader.readline())
    writer.close()
    assert answer == {"ok": False, "error": f"a question is at most {LINE_LIMIT} bytes"}


def test_a_question_over_the_bound_is_not_asked(path: Path) -> None:
    with pytest.raises(GatewayError, match="too long"):
        ask(path, "echo", text="x" * LINE_LIMIT)


async def test_the_socket_is_its_owners_alone(server: ControlServer, path: Path) -> None:
    assert mode(path) == 0o600


async def test_the_socket_is_gone_afterwards(path: Path) -> None:
    server = ControlServer(path, VERBS)
    await server.start()
    await server.close()
    assert mode(path) is None


def test_without_a_gateway_the_sentence_says_so(path: Path) -> None:
    expected = "no gateway is running here .no answer at .*; start one with gateway serve"
    with pytest.raises(GatewayError, match=expected):
        ask(path, "echo")


def test_a_socket_that_was_left_behind_is_no_gateway(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(GatewayError, match="no gateway is running here"):
        ask(path, "echo")


async def test_a_socket_that_was_left_behind_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    server = ControlServer(path, VERBS)
    assert await server.start()
    await server.close()


async def test_a_second_gateway_leaves_the_socket_alone(server: ControlServer, path: Path) -> None:
    second = ControlServer(path, {})
    assert not await second.start()
    await second.close()
    assert await asked(path, "echo", text="a") == "a"


async def test_a_second_gateway_takes_over(path: Path) -> None:
    first, second = ControlServer(path, {}), ControlServer(path, VERBS, takeover_seconds=0.01)
    await first.start()
    running = asyncio.create_task(second.run())
    await first.close()
    async with asyncio.timeout(20):
        await second.opened.wait()
    answer = await asked(path, "echo", text="a")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert answer == "a"


async def test_a_deep_directory_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    server = ControlServer(deep / "gateway.sock", VERBS)
    await server.start()
    answer = await asked(deep / "gateway.sock", "echo", text="a")
    await server.close()
    assert answer == "a"
