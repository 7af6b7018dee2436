"""The web platform: the ASGI application of one socket of a chat.

A socket says who it is and where it stands (``hello``), is shown what it missed, is let into the
crowd of its chat, and then speaks: each of its messages is recorded before it is answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery.server import Arrival, Entry, Port
from gateway.vocabulary.errors import LedgerAway, RoomError
from gateway.vocabulary.events import Event, kind_of
from protocols.websocket import translate
from protocols.websocket.crowd import Crowd, Crowds
from protocols.websocket.guests import Guest, extensions, facts_from_key, guest_from_scope
from protocols.websocket.outlets import Outlet, PlainOutlet, WireOutlet
from protocols.websocket.said import (
    BadFrame,
    Said,
    delivery_from_said,
    event_from_said,
    said_from_text,
)
from protocols.websocket.visitors import set_cookie_from_visitor

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PAGE = 50
"""Entries of the log that are read at a time."""
PRIVATE_HISTORY = 50
"""Past messages of a private chat that a newcomer is shown."""
CHANGES = ("edit", "delete")
FORBIDDEN = 4403
RETRY_SECONDS = 1.0
"""When a message may be tried again that the ledger did not take."""
WIRE = "gateway.wire"


class Sockets:
    """The application of every socket of the web platform."""

    def __init__(self, account: str, port: Port, crowds: Crowds) -> None:
        self._account = account
        self._port = port
        self._crowds = crowds

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if (await receive())["type"] != "websocket.connect":
            return None
        try:
            guest = guest_from_scope(self._account, scope)
        except ValueError as error:
            return await _turn_away(send, str(error))
        await send({"type": "websocket.accept", "headers": _cookie_headers(guest, scope)})
        if guest.room is not None:
            try:
                await self._port.rooms.admit(guest.room, guest.author, guest.code)
            except RoomError as error:
                return await _say_no(send, str(error))
        await self._attend(guest, scope, receive, send)
        return None

    async def _attend(
        self, guest: Guest, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        wire = scope.get("extensions", {}).get(WIRE)
        outlet: Outlet = WireOutlet(wire) if wire else PlainOutlet(send)
        try:
            with self._crowds.enter(guest.conversation) as crowd:
                socket = Socket(guest, outlet, crowd, self._port)
                try:
                    await socket.catch_up()
                    await socket.listen(receive)
                finally:
                    crowd.dismiss(outlet)
        finally:
            outlet.close()


@dataclass(slots=True)
class Pace:
    """What one socket may say: ``rate`` frames a second, ``burst`` at once."""

    rate: float = 20.0
    burst: float = 40.0
    left: float = 40.0
    at: float = field(default_factory=time.monotonic)

    def wait(self, now: float) -> float:
        """Take one frame; 0, or in how many seconds it may come."""
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return (1 - self.left) / self.rate
        self.left -= 1
        return 0.0


@dataclass(slots=True)
class Socket:
    """One socket in its chat."""

    guest: Guest
    outlet: Outlet
    crowd: Crowd
    port: Port
    pace: Pace = field(default_factory=Pace)

    async def catch_up(self) -> None:
        """Say hello, show what was missed, and be let in."""
        opening = await self.port.streams.open(self.guest.conversation)
        seen, page = await self._resumed(opening.epoch, opening.head)
        resumed = page is not None
        if page is None:
            seen = max(0, opening.head - self._history())
            page = await self._read(seen)
        self._put(self._hello(opening.head, opening.epoch, resumed))
        while True:
            seen = await self._show(page, seen)
            if len(page) < PAGE and self.crowd.admit(self.outlet, self.guest.author, seen):
                return
            page = await self._read(seen)

    async def _resumed(self, epoch: str, head: int) -> tuple[int, list[Entry] | None]:
        """Where the client left off and what came next; no entries if it cannot go on there."""
        guest = self.guest
        if guest.since is None or guest.epoch != epoch or guest.since > head:
            return 0, None
        page = await self._read(guest.since)
        pruned = page[0].seq > guest.since + 1 if page else head > guest.since
        return guest.since, None if pruned else page

    async def _read(self, after: int) -> list[Entry]:
        return await self.port.streams.read(self.guest.conversation, after, PAGE)

    async def _show(self, page: list[Entry], seen: int) -> int:
        for entry in page:
            self._put(translate.frame_from_entry(entry, self.port.media.link))
            await self.outlet.drained()
            seen = entry.seq
        return seen

    def _history(self) -> int:
        room = self.guest.room
        return PRIVATE_HISTORY if room is None else self.port.rooms.history(room)

    def _hello(self, head: int, epoch: str, resumed: bool) -> Event:
        author = self.guest.author
        return {
            "type": "hello",
            "you": {"id": author["id"], "name": author["name"]},
            "room": self.guest.room,
            "seq": head,
            "epoch": epoch,
            "resumed": resumed,
            "extensions": extensions(),
        }

    async def listen(self, receive: Receive) -> None:
        """Take what the client says, one frame after the other, until it is gone."""
        while (event := await receive())["type"] != "websocket.disconnect":
            if wait := self.pace.wait(time.monotonic()):
                self._put(translate.failed("too_fast", "slow down", _ref(event), wait))
                continue
            try:
                await self._hear(event.get("text"))
            except BadFrame as error:
                self._put(translate.failed(error.code, str(error), error.ref))

    async def _hear(self, text: str | None) -> None:
        if text is None:
            raise BadFrame("binary", "frames are text, not binary")
        said = said_from_text(text)
        if said.kind == "typing":
            self._type()
        elif said.kind in CHANGES and not await self._may_change(said.id):
            detail = "only who said a message can change it or take it away"
            raise BadFrame("forbidden", detail, said.ref)
        else:
            await self._say(said)

    async def _may_change(self, message: str) -> bool:
        """Whether the message is the guest's own."""
        found = await self.port.streams.read(self.guest.conversation, int(message) - 1, 1)
        if not found or found[0].seq != int(message) or kind_of(found[0].event) != "message":
            return False
        return bool(found[0].event["author"]["id"] == self.guest.author["id"])

    def _type(self) -> None:
        author = self.guest.author
        self.port.pass_on(self.guest.conversation, {"type": "web.typing", "author": author})
        frame = {"type": "typing", "author": translate.shown_author(author)}
        self.crowd.show(frame, but=self.outlet)

    async def _say(self, said: Said) -> None:
        guest = self.guest
        arrival = Arrival(
            guest.conversation,
            facts_from_key(guest.conversation),
            event_from_said(said, guest.author, guest.client, time.time(), guest.conversation),
            delivery_from_said(said, guest.visitor, guest.client),
        )
        try:
            await self.port.accept([arrival])
        except LedgerAway:
            detail = "the gateway cannot record messages now"
            self._put(translate.failed("unavailable", detail, said.ref, RETRY_SECONDS))
            return
        if said.ref is not None:
            self._put({"type": "sent", "ref": said.ref})

    def _put(self, frame: Event) -> None:
        self.outlet.put(translate.wire_from_frame(frame))


def _ref(event: dict[str, Any]) -> str | None:
    """The ref of a frame that is refused unread."""
    try:
        return said_from_text(event.get("text") or "").ref
    except BadFrame as error:
        return error.ref


def _cookie_headers(guest: Guest, scope: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    if guest.known:
        return []
    cookie = set_cookie_from_visitor(guest.visitor, secure=scope.get("scheme") == "wss")
    return [(b"set-cookie", cookie.encode("ascii"))]


async def _turn_away(send: Send, detail: str) -> None:
    await send({"type": "websocket.accept"})
    await _say_no(send, detail)


async def _say_no(send: Send, detail: str) -> None:
    """After accepting: a browser shows a page nothing of a handshake that was refused."""
    frame = translate.failed("forbidden", detail, None)
    await send({"type": "websocket.send", "text": translate.payload_from_frame(frame).decode()})
    await send({"type": "websocket.close", "code": FORBIDDEN, "reason": "forbidden"})
