"""A running gateway as the pages see it, for tests of the pages alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway.delivery import process
from gateway.vocabulary.errors import RoomError

PERSON = {"id": "telegram:7", "name": "Ann", "handle": None, "kind": "person", "private": "secret"}


class Running:
    """Has one account, one room, and the tokens it is given; remembers what was told."""

    def __init__(self, *tokens: str, ready: bool = True) -> None:
        self.ready = ready
        self.tokens = set(tokens)
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.rooms = self

    def statuses(self) -> list[dict[str, Any]]:
        state = "connected" if self.ready else "refused"
        return [
            {
                "account": "web:default",
                "state": state,
                "detail": "inside",
                "error": "secret",
                "since": 1.0,
            }
        ]

    async def overview(self) -> list[dict[str, Any]]:
        members = [{"conversation": "web:default:lobby", "title": "lobby"}]
        room = {"name": "lobby", "title": "", "access": "open"}
        return [room | {"members": members, "people": [PERSON] * 20}]

    async def tell(self, room: str, text: str, author: dict[str, Any]) -> None:
        if room != "lobby":
            raise RoomError(f"There is no room {room!r}.")
        self.told.append((room, text, author))

    def sign_in(self, token: str) -> bool:
        if token not in self.tokens:
            return False
        self.tokens.remove(token)
        return True


@contextmanager
def running(*tokens: str, ready: bool = True) -> Iterator[Running]:
    """Let a stand-in be what runs."""
    stand_in = Running(*tokens, ready=ready)
    process.use(stand_in)  # type: ignore[arg-type]
    try:
        yield stand_in
    finally:
        process.use(None)
