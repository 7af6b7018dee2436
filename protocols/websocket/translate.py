"""Events to frames of the web platform. Nothing here performs I/O.

A frame is a JSON object in a text message; ``docs/specs/web.rst`` specifies it.
"""

from __future__ import annotations

import json
import struct
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.delivery.server import Entry
from gateway.vocabulary.events import Attachment, Author, Button, Event, kind_of
from gateway.vocabulary.words import Link

_HIDDEN = frozenset({"type", "key", "raw", "foreign", "bridged", "origin_id", "album"})


def frame_from_entry(entry: Entry, link: Link) -> Event:
    """The frame that shows an entry of a chat's log; ``link`` says where the files are."""
    event = entry.event
    body = {key: value for key, value in event.items() if key not in _HIDDEN}
    frame: Event = {"type": kind_of(event), "seq": entry.seq, "client": None, "ref": None} | body
    frame["id"] = event.get("id") or str(entry.seq)
    if "author" in frame:
        frame["author"] = shown_author(frame["author"])
    if frame.get("attachments"):
        frame["attachments"] = [_shown_file(one, link) for one in frame["attachments"]]
    if frame.get("buttons"):
        frame["buttons"] = [[_shown_button(one) for one in row] for row in frame["buttons"]]
    return frame


def _shown_file(attachment: Attachment, link: Link) -> Event:
    """An attachment with a link instead of its source, which is nobody else's business."""
    shown = {key: value for key, value in attachment.items() if key != "source"}
    return shown | {"url": link(attachment)} if "source" in attachment else shown


def _shown_button(button: Button) -> Event:
    """A button without what it means, which is the application's business."""
    return {key: value for key, value in button.items() if key != "data"}


def answer_from_event(event: Event) -> tuple[str, Event]:
    """The frame that answers a press, and the id of the person whose sockets it is for."""
    words = event["token"].rpartition("|")[2].split(" ")
    person, client, ref = ([unquote(word) for word in words] + ["", "", ""])[:3]
    frame = {"type": "answer", "client": client, "ref": ref, "text": event.get("text", "")}
    return person, frame


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
