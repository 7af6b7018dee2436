"""What a running gateway answers to the verbs of the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from gateway.answers.broadcast import Broadcast
from gateway.answers.dead import DeadLetters
from gateway.answers.queue import Queue
from gateway.delivery.rooms import SYSTEM
from gateway.delivery.switchboard import Switchboard
from gateway.vocabulary.errors import GatewayError


class Answers:
    """Verbs by name, for the control socket."""

    def __init__(self, switchboard: Switchboard, page: Callable[[], str]) -> None:
        self._switchboard = switchboard
        self._rooms = switchboard.rooms
        self._page = page

    def verbs(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Every verb."""
        names = ("status", "rooms", "create_room", "link", "unlink", "invite", "send")
        found = {name: getattr(self, name) for name in names}
        for more in (DeadLetters, Queue, Broadcast):
            found |= more(self._switchboard).verbs()
        return found

    async def status(self) -> dict[str, Any]:
        """The accounts, and how much waits."""
        board = self._switchboard
        waiting = {account: outbox.waiting for account, outbox in board.outboxes.items()}
        found: dict[str, Any] = {
            "accounts": board.statuses(),
            "ready": board.ready,
            "conversations awake": len(board.conversations),
            "waiting to be sent": sum(waiting.values()),
        }
        if board.journal.away:
            found["ledger"] = board.journal.away
        if page := self._page():
            found["dashboard"] = sign_in_address(board, page)
        return found

    async def rooms(self) -> list[dict[str, Any]]:
        """The rooms and their members."""
        return [
            {"name": room.name, "access": room.access, "members": self._rooms.members(room.name)}
            for room in self._rooms.rooms.values()
        ]

    async def create_room(self, name: str, access: str) -> None:
        """Make a room."""
        await self._rooms.create(name, access)

    async def link(self, room: str, conversation: str) -> None:
        """Make a conversation a member."""
        if not conversation.startswith("room:"):
            await self._switchboard.facts(conversation)
        await self._rooms.link(room, conversation)

    async def unlink(self, conversation: str) -> None:
        """Take a conversation out of its room."""
        await self._rooms.unlink(conversation)

    async def invite(self, room: str) -> str:
        """An invitation to a room: an address if there is a page, else the code."""
        code = await self._rooms.invite(room)
        page = self._page()
        return f"{page}/rooms/{quote(room)}/?code={code}" if page else code

    async def send(self, to: str, text: str) -> str:
        """Say something into a room as the operator, or to a conversation as the bot."""
        if ":" not in to:
            return await self._switchboard.tell(to, text, SYSTEM)
        await self._switchboard.facts(to)
        if not text.strip():
            raise GatewayError("there is nothing to send: the text is empty")
        record = self._switchboard.conversations.record
        await record.said(to, None, 0, {"type": "chat.message", "text": text})
        return to


def sign_in_address(switchboard: Switchboard, page: str) -> str:
    """A new one-time link to the dashboard."""
    return f"{page}/dashboard/sign-in/?token={switchboard.sign_in_link()}"
