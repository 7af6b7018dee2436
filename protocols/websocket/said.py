"""What a frame of a browser says. Nothing here performs I/O.

A frame is a JSON object in a text message; ``docs/specs/web.rst`` specifies it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from gateway.media.sources import upload_id
from gateway.vocabulary.events import Attachment, Author, Event, Span
from gateway.vocabulary.spans import clean_styled

MAX_TEXT = 65_536
"""The longest text of a message, in code points."""
MAX_REFERENCE = 128
"""The longest ``ref``, ``client``, ``reply_to`` or ``id``, in code points."""
MAX_FILES = 10
"""Files of one message."""
MAX_REACTIONS = 10
"""Reactions of one person to one message."""

_REFERENCE = re.compile(rf"[!-~]{{1,{MAX_REFERENCE}}}")
_SEQ = re.compile(r"[0-9]{1,18}")
_BUTTON = re.compile(r"[0-9]{1,2}")
_EMOJI = re.compile(r"\S{1,32}")


class BadFrame(ValueError):
    """A frame that cannot be taken; ``code`` is for programs, the text for people."""

    def __init__(self, code: str, detail: str, ref: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.ref = ref


@dataclass(frozen=True, slots=True)
class Said:
    """What a frame of a browser says; what its kind does not have is empty."""

    kind: str
    text: str = ""
    ref: str | None = None
    reply_to: str | None = None
    id: str = ""
    spans: list[Span] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    emoji: list[str] = field(default_factory=list)
    button: str = ""


def said_from_text(text: str) -> Said:
    """Read a text message; what is no JSON object is itself the text. Raises ``BadFrame``."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, dict):
        return Said("message", _styled({"text": text}, None)[0])
    ref = _reference(frame, "ref")
    kind = frame.get("type")
    if kind is None:
        raise BadFrame("no_type", f'a frame needs a "type": {_KNOWN}', ref)
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise BadFrame("unknown_type", f'the "type" of a frame is one of {_KNOWN}', ref)
    return read(frame, ref)


def _message(frame: dict[str, Any], ref: str | None) -> Said:
    attachments = _attachments(frame, ref)
    text, spans = _styled(frame, ref, needed=not attachments)
    reply_to = _reference(frame, "reply_to", ref)
    return Said("message", text, ref, reply_to, spans=spans, attachments=attachments)


def _edit(frame: dict[str, Any], ref: str | None) -> Said:
    text, spans = _styled(frame, ref)
    return Said("edit", text, ref, id=_id(frame, ref), spans=spans)


def _delete(frame: dict[str, Any], ref: str | None) -> Said:
    return Said("delete", ref=ref, id=_id(frame, ref))


def _reaction(frame: dict[str, Any], ref: str | None) -> Said:
    emoji = frame.get("emoji")
    if not isinstance(emoji, list) or len(emoji) > MAX_REACTIONS or not all(map(_is_emoji, emoji)):
        raise BadFrame("bad_emoji", f'"emoji" is a list of at most {MAX_REACTIONS} emoji', ref)
    return Said("reaction", ref=ref, id=_id(frame, ref), emoji=list(dict.fromkeys(emoji)))


def _is_emoji(emoji: Any) -> bool:
    return isinstance(emoji, str) and _EMOJI.fullmatch(emoji) is not None and not emoji.isalnum()


def _action(frame: dict[str, Any], ref: str | None) -> Said:
    button = frame.get("button")
    if not isinstance(button, str) or not _BUTTON.fullmatch(button):
        raise BadFrame("bad_button", '"button" is the number of a button, a string', ref)
    return Said("action", ref=ref, id=_id(frame, ref), button=button)


def _typing(frame: dict[str, Any], ref: str | None) -> Said:
    return Said("typing", ref=ref)


_READERS: dict[str, Callable[[dict[str, Any], str | None], Said]] = {
    "message": _message,
    "edit": _edit,
    "delete": _delete,
    "reaction": _reaction,
    "action": _action,
    "typing": _typing,
}
_KNOWN = ", ".join(_READERS)


def _styled(
    frame: dict[str, Any], ref: str | None, *, needed: bool = True
) -> tuple[str, list[Span]]:
    text = frame.get("text", "" if not needed else None)
    if not isinstance(text, str):
        raise BadFrame("bad_text", 'a message needs a "text", a string', ref)
    if len(text) > MAX_TEXT:
        raise BadFrame("too_long", f"a message has at most {MAX_TEXT} characters", ref)
    if needed and not text.strip():
        raise BadFrame("empty", "a message needs some text", ref)
    return clean_styled(text, frame.get("spans"))


def _attachments(frame: dict[str, Any], ref: str | None) -> list[Attachment]:
    given = frame.get("attachments") or []
    if not isinstance(given, list) or len(given) > MAX_FILES or not all(map(_is_upload, given)):
        detail = f'"attachments" are at most {MAX_FILES} of the answers to uploads'
        raise BadFrame("bad_attachments", detail, ref)
    return [_attachment(one) for one in given]


def _is_upload(given: Any) -> bool:
    return isinstance(given, dict) and upload_id(str(given.get("source"))) is not None


def _attachment(given: dict[str, Any]) -> Attachment:
    """Of what comes back of the answer to an upload, that which may be believed or does no harm."""
    words = ("kind", "source", "name", "type")
    found: dict[str, Any] = {
        name: clean_styled(given[name], None)[0][:255]
        for name in words
        if isinstance(given.get(name), str)
    }
    if type(given.get("size")) is int and 0 <= given["size"] < 2**53:
        found["size"] = given["size"]
    return {"kind": "document", **found}  # type: ignore[typeddict-item]


def _id(frame: dict[str, Any], ref: str | None) -> str:
    value = frame.get("id")
    if isinstance(value, str) and _SEQ.fullmatch(value):
        return value
    raise BadFrame("bad_id", 'the "id" is that of a message of this chat', ref)


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


def event_from_said(
    said: Said, author: Author, client: str | None, at: float, conversation: str
) -> Event:
    """The event that a frame of a browser is."""
    event: Event = {
        "type": f"web.{said.kind}",
        "author": author,
        "at": at,
        "client": client,
        "ref": said.ref,
    }
    if said.kind != "message":
        event["id"] = said.id
    if said.kind in ("message", "edit"):
        event |= {"text": said.text, "attachments": said.attachments}
        if said.spans:
            event["spans"] = said.spans
    if said.kind == "message":
        event["reply_to"] = said.reply_to
    if said.kind == "reaction":
        event["emoji"] = said.emoji
    if said.kind == "action":
        event["button"] = said.button
        event["token"] = token_of(conversation, author["id"], client, said.ref)
    return event


def token_of(conversation: str, person: str, client: str | None, ref: str | None) -> str:
    """What an answer to a press names: the chat, then who pressed, with which client, as what."""
    words = " ".join(quote(word or "", safe="") for word in (person, client, ref))
    return f"{conversation}|{words}"


def delivery_from_said(said: Said, visitor: str, client: str | None) -> str | None:
    """What names the message when it is sent again, or None."""
    if client is None or said.ref is None:
        return None
    return f"{visitor} {client} {said.ref}"
