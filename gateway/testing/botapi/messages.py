"""What messages are made of, as the Bot API checks and shows them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gateway.testing.botapi.errors import bad_request

Json = dict[str, Any]

MAX_TEXT = 4096
MAX_CAPTION = 1024
"""UTF-16 code units."""
MAX_BYTES = 32768

ABOUT = frozenset(
    (
        "message_id",
        "date",
        "edit_date",
        "chat",
        "from",
        "sender_chat",
        "message_thread_id",
        "is_topic_message",
        "reply_to_message",
        "external_reply",
        "quote",
        "forward_origin",
        "media_group_id",
        "reply_markup",
    )
)
"""What a forwarded message does not bring along."""


def utf16(text: str) -> bytes:
    """The text as the Bot API counts it: two bytes a unit."""
    return text.encode("utf-16-le", "surrogatepass")


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(utf16(text)) // 2


def checked_text(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """The text of a message and its entities, as they are kept; raises the 400s."""
    if not text:
        raise bad_request("message text is empty")
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise bad_request("text is too long")
    text, entities = stripped(text, entities)
    if not text:
        raise bad_request("text must be non-empty")
    if units(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return text, entities


def checked_caption(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """The same of a caption, which may be empty."""
    text, entities = stripped(text, entities)
    if units(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text, entities


def stripped(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Take away white space at both ends; the entities move along. Raises the 400s."""
    for entity in entities:
        _check_entity(text, entity)
    front = units(text) - units(text.lstrip())
    text = text.strip()
    moved = (_moved(entity, front, units(text)) for entity in entities)
    return text, [entity for entity in moved if entity is not None]


def _moved(entity: Json, front: int, length: int) -> Json | None:
    start = max(entity["offset"] - front, 0)
    end = min(entity["offset"] + entity["length"] - front, length)
    return entity | {"offset": start, "length": end - start} if start < end else None


def _check_entity(text: str, entity: Any) -> None:
    try:
        kind, start, length = entity["type"], entity["offset"], entity["length"]
    except (TypeError, LookupError):
        raise bad_request("can't parse MessageEntity: no type, offset or length") from None
    if not isinstance(kind, str) or start < 0 or length <= 0:
        raise bad_request("can't parse MessageEntity")
    for word, place in (("begins", start), ("ends", start + length)):
        if place > units(text):
            raise bad_request(f"entity {word} after the end of the text at UTF-16 offset {place}")
        if 0xDC00 <= int.from_bytes(utf16(text)[place * 2 : place * 2 + 2], "little") < 0xE000:
            raise bad_request(f"entity {word} in a middle of a UTF-16 symbol at offset {place}")


def origin_of(message: Mapping[str, Any], *, hidden: bool = False) -> Json:
    """The MessageOrigin of what is forwarded; ``hidden``: its author shows the name only."""
    if "forward_origin" in message:
        return dict(message["forward_origin"])
    origin: Json = {"date": message["date"]}
    speaker = message.get("sender_chat")
    if message["chat"]["type"] == "channel":
        number = message["message_id"]
        return origin | {"type": "channel", "chat": message["chat"], "message_id": number}
    if speaker is not None:
        return origin | {"type": "chat", "sender_chat": speaker}
    if hidden:
        name = message["from"]["first_name"]
        return origin | {"type": "hidden_user", "sender_user_name": name}
    return origin | {"type": "user", "sender_user": message["from"]}


def content_of(message: Mapping[str, Any]) -> Json:
    """What of a message can be forwarded."""
    return {name: value for name, value in message.items() if name not in ABOUT}


def answered(message: Mapping[str, Any]) -> Json:
    """A message as ``reply_to_message`` shows it: without what it answers itself."""
    return {name: value for name, value in message.items() if name != "reply_to_message"}


def now() -> int:
    """A date of the Bot API."""
    return int(time.time())
