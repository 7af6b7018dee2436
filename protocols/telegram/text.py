"""Spans to the entities of a message and back (Bot API, MessageEntity). Nothing here performs I/O.

Entities count in UTF-16 code units, spans in code points.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from gateway.vocabulary.events import Span
from gateway.vocabulary.nesting import FLOWING, are_apart, at, few, nested, touches, united
from gateway.vocabulary.spans import clean_spans, scheme_of

MOST_ENTITIES = 100
"""Entities of one message; of more, Telegram shows the first."""

SCHEMES = ("http", "https")
"""Schemes of the links that Telegram shows; it leaves others out without a word."""

_STYLES = {
    "bold": "bold",
    "italic": "italic",
    "underline": "underline",
    "strikethrough": "strike",
    "spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "quote",
    "expandable_blockquote": "quote",
    "text_link": "link",
    "url": "link",
    "email": "link",
    "phone_number": "link",
    "mention": "mention",
    "text_mention": "mention",
    "custom_emoji": "emoji",
}
_TYPES = {
    "bold": "bold",
    "italic": "italic",
    "underline": "underline",
    "strike": "strikethrough",
    "spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "quote": "blockquote",
    "link": "text_link",
    "mention": "text_mention",
    "emoji": "custom_emoji",
}
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# An identifier is a signed number of 64 bits; a longer one is an error to Telegram.
_NUMBER = re.compile(r"[0-9]{1,19}")


def spans_from_entities(text: str, entities: Any) -> list[Span]:
    """Translate the entities of ``text`` as it came; what is no entity is left out.

    An entity that begins or ends within a character is over the whole of it.
    """
    if not entities or not isinstance(entities, list):
        return []
    places = _places_by_units(text)
    found = [_span(text, places, entity) for entity in entities if isinstance(entity, Mapping)]
    return clean_spans(text, [span for span in found if span is not None])


def _places_by_units(text: str) -> Sequence[int]:
    """For each UTF-16 unit of a text, which of its characters it belongs to."""
    if _ASTRAL.search(text) is None:
        return range(len(text))
    return [
        place for place, character in enumerate(text) for _ in range(1 + (character > "\uffff"))
    ]


def _span(text: str, places: Sequence[int], entity: Mapping[str, Any]) -> dict[str, Any] | None:
    kind, offset, length = entity.get("type"), entity.get("offset"), entity.get("length")
    style = _STYLES.get(kind) if isinstance(kind, str) else None
    if style is None or type(offset) is not int or type(length) is not int:
        return None
    first, past = max(0, offset), min(len(places), offset + length)
    if first >= past:
        return None
    start, end = places[first], places[past - 1] + 1
    span = {"style": style, "start": start, "end": end}
    return span | _more_from_entity(str(kind), entity, text[start:end])


def _more_from_entity(kind: str, entity: Mapping[str, Any], words: str) -> dict[str, Any]:
    """What an entity says besides its type; of the wrong type, it is left out later."""
    match kind:
        case "text_link":
            return {"url": entity.get("url")}
        case "url":
            return {"url": words if _SCHEME.match(words) else f"https://{words}"}
        case "email":
            return {"url": f"mailto:{words}"}
        case "phone_number":
            return {"url": "tel:" + re.sub(r"[^\d+]", "", words)}
        case "pre":
            return {"language": entity.get("language")}
        case "custom_emoji":
            return {"id": entity.get("custom_emoji_id")}
        case "text_mention":
            user = entity.get("user")
            number = user.get("id") if isinstance(user, Mapping) else None
            return {"user": f"telegram:{number}"} if type(number) is int else {}
        case _:
            return {}


def entities_from_spans(text: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Translate spans to at most as many entities as Telegram shows, nested as it permits.

    Nothing lies in ``code`` and ``pre``, and no quote in a quote. Where that is not so what cannot
    be is cut or left out, but never a spoiler.
    """
    if not spans:
        return []
    units = _units_by_places(text)
    found = _permitted([span for span in spans if _can_be_shown(span)])
    return [_entity(span, units) for span in found]


def _units_by_places(text: str) -> Callable[[int], int]:
    """How many UTF-16 units stand before a place."""
    if _ASTRAL.search(text) is None:
        return int
    units = [0, *accumulate(1 + (character > "\uffff") for character in text)]
    return units.__getitem__


def _can_be_shown(span: Span) -> bool:
    match span["style"]:
        case "link":
            return scheme_of(span["url"]) in SCHEMES
        case "mention":
            return _number_of(span.get("user", "")) is not None
        case "emoji":
            return _identifier(span.get("id", "")) is not None
        case _:
            return True


def _number_of(user: str) -> int | None:
    protocol, _, number = user.partition(":")
    return _identifier(number) if protocol == "telegram" else None


def _identifier(digits: str) -> int | None:
    number = int(digits) if _NUMBER.fullmatch(digits) else 0
    return number if 0 < number < 2**63 else None


def _permitted(spans: Sequence[Span]) -> list[Span]:
    if len(spans) <= MOST_ENTITIES and are_apart(spans):
        return list(spans)
    hidden = few(spans, "spoiler", MOST_ENTITIES // 2)
    others = [span for span in spans if span["style"] != "spoiler"][: 2 * MOST_ENTITIES]
    while len(found := _nested(hidden, others)) > MOST_ENTITIES:
        others = others[: len(others) * 3 // 4]
    return found


def _nested(hidden: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Spans in each other as Telegram permits; what is hidden is not shown as code instead."""
    covers = united(hidden, "spoiler")
    shown = [
        span for span in others if not (span["style"] in ("code", "pre") and touches(span, covers))
    ]
    quotes = few(shown, "quote", len(shown))
    blocks = [span for span in shown if span["style"] not in (*FLOWING, "quote")]
    apart = nested([*quotes, *blocks])
    codes = united(apart, "code", "pre")
    flowing = [
        piece
        for style in FLOWING
        for span in few([*hidden, *shown], style, 3 * MOST_ENTITIES)
        for piece in _outside(span, codes)
    ]
    return nested([*apart, *flowing])


def _outside(span: Span, ranges: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The parts of a span that are outside of ranges."""
    start = span["start"]
    for first, past in ranges:
        if start < first < span["end"]:
            yield at(span, start, first)
        if first < span["end"]:
            start = max(start, past)
    if start < span["end"]:
        yield at(span, start, span["end"])


def _entity(span: Span, units: Callable[[int], int]) -> dict[str, Any]:
    offset = units(span["start"])
    entity: dict[str, Any] = {
        "type": _TYPES[span["style"]],
        "offset": offset,
        "length": units(span["end"]) - offset,
    }
    match span["style"]:
        case "link":
            entity["url"] = span["url"]
        case "pre" if "language" in span:
            entity["language"] = span["language"]
        case "mention":
            entity["user"] = {"id": _number_of(span["user"])}
        case "emoji":
            entity["custom_emoji_id"] = span["id"]
    return entity
