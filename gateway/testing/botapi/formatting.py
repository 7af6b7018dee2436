"""The text of a message with its entities, as HTML; whatever anybody wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.testing.botapi.messages import Json, units, utf16

MOST_ENTITIES = 100
"""As many does Telegram show; the depth of the HTML is bounded by it."""

SCHEMES = ("http", "https", "mailto", "tel", "tg", "ton")
"""What a link may lead to."""

TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote",
}
BLOCKS = ("pre", "blockquote", "expandable_blockquote")
"""What has lines of its own: the line end after it would be another, empty one."""
LIKE_LINKS = ("mention", "text_mention", "hashtag", "cashtag", "bot_command", "phone_number")


@dataclass(frozen=True, slots=True)
class Piece:
    """What an entity covers, from and to, in UTF-16 code units."""

    start: int
    end: int
    entity: Json


def html_from_text(text: str, entities: Iterable[Json] = ()) -> SafeString:
    """The HTML of a text; entities that overlap are split, as Telegram does."""
    pieces = [
        Piece(entity["offset"], entity["offset"] + entity["length"], entity) for entity in entities
    ]
    return _html(text, 0, units(text), pieces[:MOST_ENTITIES])


def _html(text: str, start: int, end: int, pieces: list[Piece]) -> SafeString:
    parts: list[str] = []
    while pieces:
        first, *others = sorted(pieces, key=lambda piece: (piece.start, -piece.end))
        stop = min(first.end, end)
        inside = [replace(o, end=min(o.end, stop)) for o in others if o.start < stop]
        parts.append(_part(text, start, first.start))
        parts.append(_wrapped(first.entity, _html(text, first.start, stop, inside), text))
        pieces = [replace(o, start=max(o.start, stop)) for o in others if o.end > stop]
        start = stop + (first.entity["type"] in BLOCKS and _part(text, stop, stop + 1) == "\n")
    parts.append(_part(text, start, end))
    return format_html_join("", "{}", ((part,) for part in parts))


def _part(text: str, start: int, end: int) -> str:
    return utf16(text)[start * 2 : end * 2].decode("utf-16-le", "replace")


def _wrapped(entity: Json, inner: SafeString, text: str) -> SafeString:
    match entity["type"]:
        case kind if tag := TAGS.get(kind):
            return format_html("<{0}>{1}</{0}>", SafeString(tag), inner)
        case "pre":
            return format_html('<pre title="{}">{}</pre>', entity.get("language", ""), inner)
        case "spoiler":
            return format_html('<span class="spoiler" tabindex="0">{}</span>', inner)
        case "text_link":
            return link(str(entity.get("url", "")), inner)
        case "url":
            start = entity["offset"]
            return link(_part(text, start, start + entity["length"]), inner)
        case kind if kind in LIKE_LINKS:
            return format_html('<span class="link">{}</span>', inner)
    return inner


def link(url: str, shown: str) -> SafeString:
    """A link, if it leads where links may; else what it shows."""
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        scheme = "none"
    if scheme in SCHEMES:
        return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', url, shown)
    return format_html('<span class="link">{}</span>', shown)
