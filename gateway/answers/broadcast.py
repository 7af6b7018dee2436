"""Saying something to all the members of a room, and how far it has come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.delivery.line import BROADCASTER
from gateway.delivery.rooms import SYSTEM
from gateway.delivery.switchboard import Switchboard
from gateway.ledger.models import QUEUED, SENT
from gateway.ledger.queries import dead, waiting
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import GatewayError
from gateway.vocabulary.events import Author
from gateway.vocabulary.ids import account_of, room_key
from gateway.vocabulary.refs import key_of_send, made_ref

AUTHOR: Author = {**SYSTEM, "id": BROADCASTER}

ORDINALS = range(4)
"""What a member said first when it was shown a message is how it showed it."""

FAILURES = 10_000
"""Dead letters that are looked through."""


class Broadcast:
    """The verb ``gateway broadcast``."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def verbs(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Every verb."""
        return {name: getattr(self, name) for name in ("broadcast", "progress")}

    async def broadcast(self, room: str, text: str) -> str:
        """Say something into a room, behind all answers; the message's id."""
        if not text.strip():
            raise GatewayError("there is nothing to say: the text is empty")
        return await self._switchboard.tell(room, text, AUTHOR)

    async def progress(self, message: str) -> dict[str, Any]:
        """How many members have a room's message, will not get it, or wait for it, and where."""
        room, seq = _place(message)
        members = self._switchboard.rooms.members(self._switchboard.rooms.get(room).name)
        stream = room_key(room)
        first = self._switchboard.names.first
        keys = {key: member for member in members for key in _keys(first(member), message)}

        def found(rows: Rows) -> tuple[set[str], set[str]]:
            at = waiting.said_at(rows, stream, seq)
            if at is None:
                raise GatewayError(f"there is no message {message}")
            return _fates(rows, keys, stream, seq, at)

        late, failed = await self._switchboard.journal.read(found)
        return {
            "id": message,
            "members": len(members),
            "have": len(members) - len(late | failed),
            "failed": len(failed),
            "accounts": sorted({account_of(conversation) for conversation in late}),
        }


def _place(message: str) -> tuple[str, int]:
    room, _, seq = message.rpartition("#")
    if not room or not seq.isdecimal() or len(seq) > 18:
        raise GatewayError(f"{message!r} is no id of a room's message; it would be like lobby#7")
    return room, int(seq)


def _fates(
    rows: Rows, keys: dict[str, str], stream: str, seq: int, at: float
) -> tuple[set[str], set[str]]:
    """Members that will have a message later, and members that will not, by their sends' keys."""
    members = set(keys.values())
    message = f"{stream.split(':', 2)[2]}#{seq}"
    late = waiting.behind(rows, members, stream, seq)
    failed = dead.failures(rows, message, at, FAILURES) & members
    for key, state in waiting.fates(rows, keys).items():
        if state == QUEUED:
            late.add(keys[key])
        elif state != SENT:
            failed.add(keys[key])
    return late, failed - late


def _keys(member: str, message: str) -> list[str]:
    """The keys of what a member says when it is shown a message; said again they are the same."""
    made = [made_ref(member, message, ordinal) for ordinal in ORDINALS]
    return [key_of_send(member, message, ref) for ref in made]
