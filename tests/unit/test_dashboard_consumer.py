"""The dashboard's socket: whom it lets in, what it shows, what it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connections
from django.test import Client

from consumers.dashboard import (
    MAX_TEXT,
    SHOWN_TEXT,
    SIGNED_OUT,
    BadCommand,
    Dashboard,
    command_from_frame,
    frame_from_message,
    frame_from_text,
    shown_room,
)
from dashboard_stand_in import Running, running

SECONDS = 20


@pytest.fixture(scope="module", autouse=True)
def _database() -> Iterator[None]:
    call_command("migrate", verbosity=0, interactive=False)
    yield
    connections.close_all()


@pytest.fixture
def key() -> Iterator[str]:
    """The key of a session of a member of the staff."""
    users = get_user_model().objects
    client = Client()
    client.force_login(users.create_user("sam", is_staff=True))
    yield client.session.session_key or ""
    users.all().delete()


@pytest.fixture
def gateway_() -> Iterator[Running]:
    with running() as stand_in:
        yield stand_in


def socket_of(key: str | None) -> WebsocketCommunicator:
    socket = WebsocketCommunicator(Dashboard.as_asgi(), "/ws/dashboard/")
    socket.scope["session"] = SessionStore(key)
    return socket


@pytest_asyncio.fixture
async def board(key: str, gateway_: Running) -> AsyncIterator[WebsocketCommunicator]:
    """An open dashboard whose state was read."""
    socket = socket_of(key)
    await socket.connect(SECONDS)
    await socket.receive_json_from(SECONDS)
    yield socket
    await socket.disconnect(timeout=SECONDS)


async def answer(board: WebsocketCommunicator, frame: Any) -> Any:
    await board.send_json_to(frame)
    return await board.receive_json_from(SECONDS)


async def spread(event: dict[str, Any]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send("dashboard", event)


async def test_a_stranger_is_shown_the_door() -> None:
    socket = socket_of(None)
    await socket.connect(SECONDS)
    assert await socket.receive_output(SECONDS) == {
        "type": "websocket.close",
        "code": SIGNED_OUT,
        "reason": "You are signed out.",
    }


@pytest.mark.usefixtures("gateway_")
async def test_staff_are_shown_the_state(key: str) -> None:
    socket = socket_of(key)
    await socket.connect(SECONDS)
    state = await socket.receive_json_from(SECONDS)
    assert (state["type"], state["statuses"][0]["state"]) == ("state", "connected")
    await socket.disconnect(timeout=SECONDS)


async def test_what_is_said_is_told_in_the_users_name(
    board: WebsocketCommunicator, gateway_: Running
) -> None:
    await answer(board, {"type": "say", "room": "lobby", "text": "Hello", "ref": "1"})
    room, text, author = gateway_.told[0]
    assert (room, text, author["name"], author["kind"]) == ("lobby", "Hello", "sam", "person")


async def test_what_was_told_is_confirmed(board: WebsocketCommunicator) -> None:
    frame = {"type": "say", "room": "lobby", "text": "Hello", "ref": "1"}
    assert await answer(board, frame) == {"type": "sent", "ref": "1"}


async def test_a_room_that_is_not_there_is_an_answer(board: WebsocketCommunicator) -> None:
    failed = await answer(board, {"type": "say", "room": "attic", "text": "Hello", "ref": "2"})
    assert (failed["type"], failed["ref"], failed["detail"]) == (
        "failed",
        "2",
        "There is no room 'attic'.",
    )


@pytest.mark.parametrize("frame", [None, 1, [], {}, {"type": "say"}, {"type": "stop"}])
async def test_a_bad_frame_is_an_answer(board: WebsocketCommunicator, frame: Any) -> None:
    assert (await answer(board, frame))["type"] == "failed"


async def test_bytes_are_an_answer(board: WebsocketCommunicator) -> None:
    await board.send_to(bytes_data=b"\x00")
    assert (await board.receive_json_from(SECONDS))["type"] == "failed"


async def test_a_command_after_signing_out_is_not_carried_out(
    board: WebsocketCommunicator, key: str, gateway_: Running
) -> None:
    await SessionStore(key).adelete()
    await board.send_json_to({"type": "say", "room": "lobby", "text": "Hello", "ref": "1"})
    assert (await board.receive_output(SECONDS))["code"] == SIGNED_OUT
    assert gateway_.told == []


async def test_a_change_of_state_is_shown(board: WebsocketCommunicator) -> None:
    await spread({"type": "dashboard.status", "status": {"account": "a:b", "state": "refused"}})
    shown = await board.receive_json_from(SECONDS)
    assert shown == {"type": "status", "status": {"account": "a:b", "state": "refused"}}


async def test_a_message_is_shown(board: WebsocketCommunicator) -> None:
    event = {"type": "room.message", "text": "Hi", "author": None}
    await spread(
        {"type": "dashboard.message", "room": "lobby", "direction": "room", "event": event}
    )
    assert (await board.receive_json_from(SECONDS))["event"]["text"] == "Hi"


async def test_changes_of_presence_are_shown_together(board: WebsocketCommunicator) -> None:
    for _ in range(20):
        await spread({"type": "dashboard.presence", "conversation": "c", "people": []})
    await board.receive_json_from(SECONDS)
    assert await board.receive_nothing()


def test_a_frame_that_is_no_object_is_empty() -> None:
    assert frame_from_text("[1]") == {}


def test_a_deep_frame_is_empty() -> None:
    assert frame_from_text("[" * 100_000) == {}


@pytest.mark.parametrize("text", ["", " \n", "x" * (MAX_TEXT + 1), None])
def test_what_cannot_be_said(text: Any) -> None:
    with pytest.raises(BadCommand):
        command_from_frame({"type": "say", "room": "lobby", "text": text})


def test_what_no_network_can_carry_is_replaced() -> None:
    command = command_from_frame({"type": "say", "room": "lobby", "text": "a\x00b"})
    assert command == ("lobby", "a\ufffdb")


def test_a_passing_message_is_shown_without_what_is_inside() -> None:
    author = {"id": "telegram:7", "name": "Ann", "private": "telegram:default:7"}
    event = {"type": "telegram.message", "text": "Hi", "author": author, "raw": {"token": "x"}}
    shown = frame_from_message({"conversation": "c", "direction": "in", "event": event})
    assert "telegram:default:7" not in str(shown)
    assert "raw" not in shown["event"]


def test_of_a_long_message_the_beginning_is_shown() -> None:
    event = {"type": "room.message", "text": "x" * (SHOWN_TEXT + 1)}
    shown = frame_from_message({"room": "lobby", "direction": "room", "event": event})
    assert len(shown["event"]["text"]) == SHOWN_TEXT + 1
    assert shown["event"]["text"].endswith("…")


async def test_of_many_people_the_first_are_shown() -> None:
    [room] = await Running().overview()
    shown = shown_room(room)
    assert (len(shown["people"]), shown["count"]) == (12, 20)
    assert "secret" not in str(shown)
