"""Frames of the web platform <-> events. Nothing here performs I/O.

A frame is a JSON object in a text message; ``docs/specs/web.rst`` specifies it.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.delivery.server import Entry
from gateway.vocabulary.events import Author, Event, kind_of
from gateway.vocabulary.text import clean

MAX_TEXT = 65_536
"""The longest text of a message, in code points."""
MAX_REFERENCE = 128
"""The longest ``ref``, ``client`` or ``reply_to``, in code points."""

_REFERENCE = re.compile(rf"[!-~]{{1,{MAX_REFERENCE}}}")
_HIDDEN = frozenset({"type", "key", "raw", "foreign"})


class BadFrame(ValueError):
    """A frame that cannot be taken; ``code`` is for programs, the text for people."""

    def __init__(self, code: str, detail: str, ref: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.ref = ref


@dataclass(frozen=True, slots=True)
class Said:
    """What a frame of a browser says."""

    kind: Literal["message", "typing"]
    text: str = ""
    ref: str | None = None
    reply_to: str | None = None


def said_from_text(text: str) -> Said:
    """Read a text message; what is no JSON object is itself the text. Raises ``BadFrame``."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        return Said("message", _text(text, None))
    return _said_from_frame(frame)


def _said_from_frame(frame: dict[str, Any]) -> Said:
    ref = _reference(frame, "ref")
    match frame.get("type"):
        case "message":
            reply_to = _reference(frame, "reply_to", ref)
            return Said("message", _text(frame.get("text"), ref), ref, reply_to)
        case "typing":
            return Said("typing", ref=ref)
        case None:
            raise BadFrame("no_type", 'a frame needs a "type": message or typing', ref)
        case _:
            raise BadFrame("unknown_type", 'the "type" of a frame is message or typing', ref)


def _text(text: Any, ref: str | None) -> str:
    if not isinstance(text, str):
        raise BadFrame("bad_text", 'a message needs a "text", a string', ref)
    if len(text) > MAX_TEXT:
        raise BadFrame("too_long", f"a message has at most {MAX_TEXT} characters", ref)
    if not text.strip():
        raise BadFrame("empty", "a message needs some text", ref)
    return clean(text)


def _reference(frame: dict[str, Any], name: str, ref: str | None = None) -> str | None:
    value = frame.get(name)
    if value is None:
        return None
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return value
    raise BadFrame(
        f"bad_{name}", f'"{name}" is a string of 1 to {MAX_REFERENCE} visible ASCII characters', ref
    )


def client_from_query(value: str) -> str | None:
    """The name a client gives itself (``?client=``), or None if it is none."""
    return value if _REFERENCE.fullmatch(value) else None


def event_from_said(said: Said, author: Author, client: str | None, at: float) -> Event:
    """The event that a message of a browser is."""
    return {
        "type": "web.message",
        "text": said.text,
        "author": author,
        "attachments": [],
        "reply_to": said.reply_to,
        "at": at,
        "client": client,
        "ref": said.ref,
    }


def delivery_from_said(said: Said, visitor: str, client: str | None) -> str | None:
    """What names the message when it is sent again, or None."""
    if client is None or said.ref is None:
        return None
    return f"{visitor} {client} {said.ref}"


def frame_from_entry(entry: Entry) -> Event:
    """The frame that shows an entry of a chat's log."""
    event = entry.event
    body = {key: value for key, value in event.items() if key not in _HIDDEN}
    frame: Event = {"type": kind_of(event), "seq": entry.seq, "client": None, "ref": None} | body
    frame["id"] = str(entry.seq)
    if "author" in frame:
        frame["author"] = shown_author(frame["author"])
    return frame


def shown_author(author: Author) -> dict[str, Any]:
    """An author without the key of the private conversation, which is nobody else's business."""
    return {key: value for key, value in author.items() if key != "private"}


def failed(code: str, detail: str, ref: str | None, retry_after: float | None = None) -> Event:
    """The frame that says that a frame was not taken."""
    return {
        "type": "failed",
        "code": code,
        "detail": detail,
        "ref": ref,
        "retry_after": retry_after,
    }


def payload_from_frame(frame: Event) -> bytes:
    """A frame as UTF-8 JSON; whatever an application put into it."""
    try:
        return orjson.dumps(frame)
    except TypeError:
        return json.dumps(frame, default=str).encode()


def wire_from_payload(payload: bytes, opcode: int = 1) -> bytes:
    """A whole server frame of RFC 6455, section 5.2: final, not masked."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, length)
    elif length < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, length)
    return head + payload


def payload_from_wire(wire: bytes) -> bytes:
    """The payload of a frame that ``wire_from_payload`` made."""
    return wire[{126: 4, 127: 10}.get(wire[1], 2) :]


def wire_from_frame(frame: Event) -> bytes:
    """The bytes of a frame as they go to every socket."""
    return wire_from_payload(payload_from_frame(frame))
