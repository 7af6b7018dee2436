"""What messages carry besides words, both ways.

The opaque half of a ``source`` is Telegram's file_id, which is good for the same bot only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.vocabulary.events import Attachment
from gateway.vocabulary.text import clean
from protocols.telegram.authors import Identity, name_from
from protocols.telegram.reading import known, or_none, string

MAX_UPLOAD = 50 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
"""Bytes that a bot can send (Bot API, Sending files)."""

MAX_CAPTION = 1024
"""UTF-16 code units of the text beside a file."""

FILES = {
    "photo": ("photo", "image/jpeg", "photo.jpg"),
    "animation": ("animation", "video/mp4", "animation.mp4"),
    "video": ("video", "video/mp4", "video.mp4"),
    "audio": ("audio", "audio/mpeg", "audio.mp3"),
    "voice": ("voice", "audio/ogg", "voice.ogg"),
    "document": ("document", "", "file"),
    "sticker": ("sticker", "image/webp", "sticker.webp"),
    "video_note": ("video", "video/mp4", "video.mp4"),
}
"""Fields of a Message that hold a file: our kind, and its type and name if they are not told."""

FIELDS = (
    "photo",
    "animation",
    "venue",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "video_note",
    "story",
    "paid_media",
    "contact",
    "location",
    "poll",
    "dice",
    "game",
    "checklist",
    "invoice",
    "giveaway",
)
"""What can be in a Message.

An animation comes with a document and a venue with a location, for old clients: the first that is
there says what the message is.
"""


def field_of(message: Mapping[str, Any]) -> str | None:
    """The field that says what a message carries; None if it is words only, or nothing."""
    return next((field for field in FIELDS if field in message), None)


def attachments_from_message(message: Mapping[str, Any], us: Identity) -> list[Attachment] | None:
    """What a message carries besides words; None if it carries neither: a service message."""
    if "text" in message:
        return []
    field = field_of(message)
    if field is None:
        return [] if "caption" in message else None
    if field in FILES:
        return [attachment_from_file(field, message[field], us)]
    attachment: Attachment = {"kind": "location" if field == "venue" else field}
    if "location" in message:
        place = known(message["location"], latitude=float, longitude=float)
        attachment |= place  # type: ignore[typeddict-item]
    if words := or_none(WORDS[field], message[field]) if field in WORDS else "":
        attachment["text"] = clean(words)
    return [attachment]


def attachment_from_file(field: str, file: Any, us: Identity) -> Attachment:
    """Translate a file; of a photograph's sizes the last is the largest."""
    if isinstance(file, list):
        file = file[-1] if file else {}
    kind, media_type, name = FILES[field]
    if field == "sticker" and file.get("is_video"):
        media_type, name = "video/webm", "sticker.webm"
    elif field == "sticker" and file.get("is_animated"):
        media_type, name = "application/x-tgsticker", "sticker.tgs"
    told = known(file, file_id=str, file_name=str, mime_type=str, file_size=int, duration=int)
    attachment: Attachment = {"kind": kind, "name": told.get("file_name", name)}
    if "file_id" in told:
        attachment["source"] = f"telegram:{us.account}/{told['file_id']}"
    if found := told.get("mime_type", media_type):
        attachment["type"] = found
    if "file_size" in told:
        attachment["size"] = told["file_size"]
    if "duration" in told:
        attachment["duration"] = float(told["duration"])
    attachment |= known(file, width=int, height=int)  # type: ignore[typeddict-item]
    if words := _words_from_file(field, file):
        attachment["text"] = words
    return attachment


def _words_from_file(field: str, file: Mapping[str, Any]) -> str:
    if field == "sticker":
        return str(known(file, emoji=str).get("emoji", ""))
    if field == "audio":
        return " - ".join(known(file, performer=str, title=str).values())
    return ""


# In words


def _contact(contact: Mapping[str, Any]) -> str:
    return f"{name_from(contact)}, {string(contact['phone_number'])}"


def _poll(poll: Mapping[str, Any]) -> str:
    choices = " / ".join(string(option["text"]) for option in poll["options"])
    return f"{string(poll['question'])} ({choices})"


def _dice(dice: Mapping[str, Any]) -> str:
    return f"{string(dice['emoji'])} {dice['value']}"


def _venue(venue: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (string(venue["title"]), string(venue["address"]))))


def _titled(thing: Mapping[str, Any]) -> str:
    return str(known(thing, title=str).get("title", ""))


def _checklist(checklist: Mapping[str, Any]) -> str:
    tasks = " / ".join(string(task["text"]) for task in checklist["tasks"])
    return f"{string(checklist['title'])} ({tasks})"


WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "contact": _contact,
    "poll": _poll,
    "dice": _dice,
    "venue": _venue,
    "game": _titled,
    "invoice": _titled,
    "checklist": _checklist,
}
"""What can be said of things that are no files."""


# Out


def own_file_id(source: str, account: str) -> str | None:
    """The file_id behind a source of the same bot; None for every other source."""
    prefix = f"telegram:{account}/"
    return source[len(prefix) :] if source.startswith(prefix) else None


TYPES = {
    "photo": ("image/jpeg", "image/png", "image/webp"),
    "animation": ("image/gif", "video/mp4"),
    "video": ("video/mp4",),
    "audio": ("audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/mp3"),
    "voice": ("audio/ogg", "audio/mpeg", "audio/mp4"),
    "sticker": ("image/webp", "video/webm", "application/x-tgsticker"),
}
"""The types that Telegram shows as more than a document (Bot API, sendPhoto and the others)."""


def kind_for_upload(attachment: Attachment, *, captioned: bool) -> str:
    """How a file is sent; what Telegram would not show otherwise is a document."""
    kind, media_type = attachment["kind"], attachment.get("type", "")
    if kind == "photo" and media_type == "image/gif":
        kind = "animation"
    if kind == "voice" and media_type in ("audio/ogg; codecs=opus", "audio/opus"):
        media_type = "audio/ogg"
    if kind == "sticker" and captioned:  # a sticker has no caption
        kind = "photo"
    if kind == "photo" and attachment.get("size", 0) > MAX_PHOTO:
        return "document"
    if kind not in TYPES or (media_type and media_type not in TYPES[kind]):
        return "document"
    return kind


def measures_of(kind: str, attachment: Attachment) -> dict[str, int]:
    """What Telegram asks to be told of a file."""
    names: Sequence[str] = ()
    if kind in ("video", "animation"):
        names = ("width", "height", "duration")
    elif kind in ("audio", "voice"):
        names = ("duration",)
    given: Mapping[str, Any] = attachment
    return {name: int(given[name]) for name in names if given.get(name)}
