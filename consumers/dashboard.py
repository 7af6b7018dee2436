"""The dashboard's socket: the state once, then what changes, and a voice in every room.

A stock Channels consumer in the group ``dashboard`` of the channel layer. Frames out: ``state``
{you, statuses, rooms}, ``status`` {status}, ``rooms`` {rooms}, ``message`` {room or conversation,
direction, event}, ``sent`` {ref}, ``failed`` {ref, code, detail}. Frame in: ``say`` {room, text,
ref}.
"""

from __future__ import annotations

import asyncio
import json
import time
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from gateway.delivery import process
from gateway.vocabulary.errors import GatewayError
from gateway.vocabulary.events import Author
from gateway.vocabulary.text import clean

GROUP = "dashboard"

SIGNED_OUT = 4403
"""The close code for whoever is no signed-in member of the staff, or no longer."""

MAX_TEXT = 65_536
"""The longest text an operator may say, in code points."""

SHOWN_TEXT = 4_000
"""How much of a passing text is shown, in code points."""

PASSED = ("type", "at", "origin", "code", "detail", "spans", "emoji")
"""What is shown of a passing event as it is."""

SHOWN_PEOPLE = 12
"""How many of the people of a room are shown by name."""

CHECK_SECONDS = 30.0
"""How long a session may have ended before a silent dashboard notices."""

ROOMS_SECONDS = 0.5
"""How many changes of presence are shown at once: those of so long a time."""


class BadCommand(ValueError):
    """A frame that cannot be carried out; ``code`` is for programs, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Dashboard(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """One open dashboard of one operator."""

    groups = (GROUP,)

    async def connect(self) -> None:
        """Show the state to staff. Others are let in to be told why: a browser hides a 403."""
        self._checked_at: float | None = None
        self._over = False
        self._rooms_later: asyncio.Task[None] | None = None
        await self.accept()
        if await self._may():
            await self.send_json(await self._state())

    async def disconnect(self, code: int) -> None:
        """Stop what waits to be shown."""
        if self._rooms_later is not None:
            self._rooms_later.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Carry out a command; whatever is wrong with it is an answer, never the end."""
        if not await self._may(at_once=True):
            return
        frame = frame_from_text(text_data)
        try:
            await self._say(frame)
        except BadCommand as error:
            await self._fail(frame, error.code, str(error))
        except (GatewayError, ValueError) as error:
            await self._fail(frame, "refused", str(error))
        else:
            await self.send_json({"type": "sent", "ref": frame.get("ref")})

    async def dashboard_status(self, event: dict[str, Any]) -> None:
        """A protocol server changed its state."""
        await self._show({"type": "status", "status": event["status"]})

    async def dashboard_message(self, event: dict[str, Any]) -> None:
        """Something was said."""
        await self._show(frame_from_message(event))

    async def dashboard_presence(self, event: dict[str, Any]) -> None:
        """Somebody came or went."""
        self._show_rooms_soon()

    async def dashboard_rooms(self, event: dict[str, Any]) -> None:
        """The rooms or their members changed."""
        self._show_rooms_soon()

    async def _say(self, frame: dict[str, Any]) -> None:
        room, text = command_from_frame(frame)
        running = process.current()
        if running is None:
            raise BadCommand("away", "the gateway is not running")
        await running.tell(room, text, author_from_user(self.scope["user"]))

    async def _fail(self, frame: dict[str, Any], code: str, detail: str) -> None:
        await self.send_json(
            {"type": "failed", "ref": frame.get("ref"), "code": code, "detail": detail}
        )

    async def _state(self) -> dict[str, Any]:
        running = process.current()
        return {
            "type": "state",
            "you": author_from_user(self.scope["user"]),
            "statuses": [] if running is None else running.statuses(),
            "rooms": await shown_rooms(),
        }

    async def _show(self, frame: dict[str, Any]) -> None:
        if await self._may():
            await self.send_json(frame)

    def _show_rooms_soon(self) -> None:
        if self._rooms_later is None or self._rooms_later.done():
            self._rooms_later = asyncio.create_task(self._show_rooms())

    async def _show_rooms(self) -> None:
        await asyncio.sleep(ROOMS_SECONDS)
        await self._show({"type": "rooms", "rooms": await shown_rooms()})

    async def _may(self, *, at_once: bool = False) -> bool:
        """Whether the session is still that of staff, looked up anew; if not, the end."""
        now = time.monotonic()
        if self._over:
            return False
        if not at_once and self._checked_at and now - self._checked_at < CHECK_SECONDS:
            return True
        self._checked_at = now
        self.scope["user"] = user = await user_from_session(self.scope)
        if not (user.is_active and user.is_staff):
            self._over = True
            await self.close(SIGNED_OUT, "You are signed out.")
        return not self._over


async def user_from_session(scope: dict[str, Any]) -> Any:
    """The user of a session as it is now; the scope's own copy was read when it connected."""
    key = getattr(scope.get("session"), "session_key", None)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return await get_user({"session": store(key)})


def frame_from_text(text: str | None) -> dict[str, Any]:
    """A frame, or an empty one if it is no JSON object."""
    try:
        frame = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}


def command_from_frame(frame: dict[str, Any]) -> tuple[str, str]:
    """The room and the text of a ``say`` frame; raises ``BadCommand``."""
    room, text = frame.get("room"), frame.get("text")
    if frame.get("type") != "say":
        raise BadCommand("unknown_type", 'the "type" of a frame is say')
    if not (isinstance(room, str) and isinstance(text, str)):
        raise BadCommand("bad_say", 'say needs a "room" and a "text", both strings')
    if not text.strip():
        raise BadCommand("empty", "there is nothing to say")
    if len(text) > MAX_TEXT:
        raise BadCommand("too_long", f"a message has at most {MAX_TEXT} characters")
    return room, clean(text)


def frame_from_message(event: dict[str, Any]) -> dict[str, Any]:
    """What the dashboard shows of a passing message: who, where, when, and its beginning."""
    said = event["event"]
    shown = {key: said[key] for key in PASSED if key in said}
    if said.get("attachments"):
        shown["attachments"] = [shown_file(one) for one in said["attachments"]]
    text = said.get("text") or ""
    shown["text"] = text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}…"
    shown["author"] = shown_author(said.get("author"))
    frame: dict[str, Any] = {"type": "message", "event": shown}
    return frame | {
        key: event[key] for key in ("room", "conversation", "direction") if key in event
    }


def shown_file(attachment: dict[str, Any]) -> dict[str, Any]:
    """What a file is, and not where."""
    return {key: attachment[key] for key in ("kind", "name", "text") if key in attachment}


async def shown_rooms() -> list[dict[str, Any]]:
    """The rooms as they are now."""
    running = process.current()
    return [] if running is None else [shown_room(room) for room in await running.rooms.overview()]


def shown_room(room: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of a room; of many people the first."""
    people = room["people"]
    return {key: room[key] for key in ("name", "title", "access", "members")} | {
        "people": [shown_author(person) for person in people[:SHOWN_PEOPLE]],
        "count": len(people),
    }


def shown_author(author: dict[str, Any] | None) -> dict[str, Any] | None:
    """An author without what the page does not show."""
    return author and {key: author.get(key) for key in ("id", "name", "handle", "kind")}


def author_from_user(user: Any) -> Author:
    """The author that a Django user is."""
    return {
        "id": f"user:{user.pk}",
        "name": user.get_username(),
        "handle": None,
        "kind": "person",
        "private": None,
    }
