"""Breaking an XMPP connection off."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from protocols.xmpp.settings import Settings
from protocols.xmpp.stream import Stream, Unreachable


class Transport:
    """As that of TLS in Python 3.11.2: a second end of it is an error."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        if "abort" in self.calls:
            raise AttributeError("'NoneType' object has no attribute '_abort'")
        self.calls.append("abort")


@pytest.fixture
async def stream() -> Stream:
    settings = Settings(jid="bot@example.org", password="x")
    receiver: Any = None  # nothing comes
    return Stream(settings, receiver, resource="gateway", trust=ssl.create_default_context())


async def test_a_connection_that_was_broken_off_can_be_let_go(stream: Stream) -> None:
    stream.transport = transport = Transport()
    stream.drop(Unreachable("gone"))
    stream.dispose()
    assert transport.calls == ["close", "abort"]


async def test_the_next_connection_of_a_stream_can_be_broken_off_too(stream: Stream) -> None:
    stream.transport = Transport()
    stream.abort()
    stream.transport = transport = Transport()
    stream.abort()
    assert transport.calls == ["close", "abort"]
