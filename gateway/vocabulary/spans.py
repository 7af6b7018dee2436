"""How parts of a text are shown: spans over its code points, which move along when it changes.

A styled text is a pair, the text and its spans. Nothing here changes what it is given. A spoiler
is never lost on the way: what has to be left out is left out elsewhere.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, cast

from gateway.vocabulary.events import Span
from gateway.vocabulary.nesting import STYLES, at, few, laid_out, order, touches, united
from gateway.vocabulary.text import Measure, clean, code_points, cut

Styled = tuple[str, list[Span]]
"""A text and its spans."""

Edit = tuple[int, int, str]
"""A range of a text, and what stands there instead."""

MOST = 1000
"""Spans of one text; of more, the later ones are left out."""

LONGEST = 2048
"""Code points of an address, an identifier, a language."""

SCHEMES = ("http", "https", "mailto", "tel", "xmpp")
"""Of the addresses that a link may have (the last is RFC 5122)."""

COVER = "\u2588"
"""What stands for each character of a spoiler where it cannot be hidden otherwise."""

TELLING = ("link", "mention", "emoji")
"""Styles that say more than the text does."""

_PAGE = re.compile(r"https?://[^/]", re.IGNORECASE)
_UNSAFE = re.compile("[\\s\x00-\x20\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LANGUAGE = re.compile(r"[\w+#.-]{1,64}")
_OBVIOUS = re.compile(f"(?:{'|'.join(SCHEMES)}):(?://)?", re.IGNORECASE)


# What may stand in a message


def clean_spans(text: str, spans: Any) -> list[Span]:
    """Return of anything the spans that ``text`` can have: sorted, within it, known, not too many.

    What is out of bounds is cut off; what is then empty, or a link with an unknown scheme, is left
    out.
    """
    if not spans or not isinstance(spans, list | tuple):
        return []
    found = {_identity(span): span for each in spans if (span := _span(each, len(text)))}
    return _bounded(sorted(found.values(), key=order))


def clean_styled(text: str, spans: Any) -> Styled:
    """Clean a text and its spans; these are given for the text as it was, and move along."""
    cleaned = clean(text)
    found = clean_spans(text, spans)
    if not found or len(cleaned) == len(text):
        return cleaned, found
    ends = [(each.start(), each.end() - 1, "") for each in re.finditer("\r\n", text)]
    return cleaned, edit(text, found, ends)[1]


def _span(given: Any, length: int) -> Span | None:
    if not isinstance(given, dict) or given.get("style") not in STYLES:
        return None
    start, end = given.get("start"), given.get("end")
    if type(start) is not int or type(end) is not int:
        return None
    start, end = max(0, start), min(length, end)
    if start >= end:
        return None
    span = {"style": given["style"], "start": start, "end": end}
    return _with_more(span, given)


def _with_more(span: dict[str, Any], given: dict[str, Any]) -> Span | None:
    match span["style"]:
        case "link":
            if not is_address(given.get("url")):
                return None
            span["url"] = given["url"]
        case "pre":
            language = given.get("language")
            if isinstance(language, str) and _LANGUAGE.fullmatch(language):
                span["language"] = language
        case "mention" | "emoji" as style:
            key = "user" if style == "mention" else "id"
            named = given.get(key)
            if isinstance(named, str) and 0 < len(named) <= LONGEST and clean(named) == named:
                span[key] = named
    return cast(Span, span)


def is_address(url: Any) -> bool:
    """Whether something is an address that a link may have."""
    if not isinstance(url, str) or len(url) > LONGEST or _UNSAFE.search(url):
        return False
    scheme = scheme_of(url)
    if scheme not in SCHEMES or len(url) == len(scheme) + 1 or clean(url) != url:
        return False
    return not scheme.startswith("http") or _PAGE.match(url) is not None


def scheme_of(url: str) -> str:
    """The scheme of an address, in small letters; "" without one."""
    scheme, colon, _ = url.partition(":")
    return scheme.lower() if colon else ""


def _identity(span: Span) -> tuple[Any, ...]:
    return tuple(span.values())


def _bounded(spans: list[Span]) -> list[Span]:
    if len(spans) <= MOST:
        return spans
    hidden = few(spans, "spoiler", MOST // 2)
    others = [span for span in spans if span["style"] != "spoiler"]
    return sorted([*hidden, *others[: MOST - len(hidden)]], key=order)


# Putting together and taking apart


def shift(spans: Iterable[Span], by: int) -> list[Span]:
    """Move spans by a number of code points."""
    return [at(span, span["start"] + by, span["end"] + by) for span in spans]


def join(*parts: tuple[str, Sequence[Span]]) -> Styled:
    """Put styled texts one after the other."""
    length, spans = 0, list[Span]()
    for text, own in parts:
        spans += shift(own, length) if length else own
        length += len(text)
    return "".join(text for text, _ in parts), spans


def part(text: str, spans: Iterable[Span], start: int, end: int) -> Styled:
    """The part of a styled text from ``start`` up to, not including, ``end``."""
    inside = [
        at(span, max(span["start"], start) - start, min(span["end"], end) - start)
        for span in spans
        if span["start"] < end and start < span["end"]
    ]
    return text[start:end], sorted(inside, key=order)


def replace(
    text: str, spans: Sequence[Span], start: int, end: int, by: str, its: Sequence[Span] = ()
) -> Styled:
    """Put another styled text in the place of a range.

    Spans around the range are around what replaces it; spans within it go with it.
    """
    replaced, moved = edit(text, spans, [(start, end, by)])
    return replaced, sorted([*moved, *shift(its, start)], key=order)


def edit(text: str, spans: Iterable[Span], edits: Sequence[Edit]) -> Styled:
    """Make many changes to a text at once, its spans moving along.

    The changes are sorted and do not overlap. What is inserted where a span begins or ends is
    outside of it.
    """
    if not edits:
        return text, list(spans)
    pieces, done, length = list[str](), 0, 0
    new: list[tuple[int, int]] = []
    for start, end, by in edits:
        pieces += text[done:start], by
        length += start - done
        new.append((length, length + len(by)))
        done, length = end, length + len(by)
    pieces.append(text[done:])
    places = [
        (span, _start(span["start"], edits, new), _end(span["end"], edits, new)) for span in spans
    ]
    return "".join(pieces), [at(span, start, end) for span, start, end in places if start < end]


def _start(place: int, edits: Sequence[Edit], new: Sequence[tuple[int, int]]) -> int:
    """Where a span begins after changes."""
    index = bisect_right(edits, place, key=lambda edit: edit[0]) - 1
    if index < 0:
        return place
    start, end, _ = edits[index]
    if start == place < end:
        return new[index][0]
    return new[index][1] + max(0, place - end)


def _end(place: int, edits: Sequence[Edit], new: Sequence[tuple[int, int]]) -> int:
    """Where a span ends after changes."""
    index = bisect_left(edits, place, key=lambda edit: edit[0]) - 1
    if index < 0:
        return place
    end = edits[index][1]
    return new[index][0] if place < end else new[index][1] + place - end


def split(
    text: str, spans: Sequence[Span], limit: int, measure: Measure = code_points
) -> Iterator[Styled]:
    """Cut a styled text into pieces of at most ``limit``; joined, they are the text again.

    Cuts where a text alone is cut, but a span of at most half the limit stays whole unless a word
    would be cut instead; a longer one goes on in the next piece.
    """
    while measure(text) > limit:
        end = cut(text, limit, measure, _short(text, spans, limit, measure))
        yield part(text, spans, 0, end)
        text, spans = part(text, spans, end, len(text))
    if text:
        yield text, list(spans)


def _short(text: str, spans: Sequence[Span], limit: int, measure: Measure) -> list[tuple[int, int]]:
    """The ranges near the first cut that should stay whole."""
    most = limit // 2
    near = [
        span
        for span in spans
        if span["start"] < limit
        and span["end"] - span["start"] <= most
        and measure(text[span["start"] : span["end"]]) <= most
    ]
    ranges = list[tuple[int, int]]()
    for span in near:
        start, end = span["start"], span["end"]
        if ranges and start < ranges[-1][1]:
            start, end = ranges[-1][0], max(end, ranges.pop()[1])
        ranges.append((start, end))
    return ranges


# What a target can show


def without_styles(
    text: str,
    spans: Sequence[Span],
    styles: Collection[str],
    schemes: Collection[str] | None = None,
) -> Styled:
    """Say by text what a target that has only these styles cannot show by them.

    What a spoiler hides is covered, and so is all that a span over it would tell. A link that says
    something else than its address has it in brackets behind it (one whose scheme is not in
    ``schemes``, too); the lines of a quote begin with ``>``. Other styles are left out.
    """
    if not spans:
        return text, []
    if "spoiler" not in styles:
        text, spans = _covered(text, spans)
    shown = [span for span in spans if span["style"] in styles and _can_be_followed(span, schemes)]
    if len(shown) == len(spans):
        return text, shown
    edits = _addresses(text, spans, shown)
    if "quote" not in styles:
        edits += quote_marks(text, spans)
    return edit(text, shown, sorted(edits, key=lambda edit: edit[0]))


def without_spoilers(text: str, spans: Sequence[Span]) -> str:
    """The text alone; what spoilers hide is covered."""
    return _covered(text, spans)[0]


def _covered(text: str, spans: Sequence[Span]) -> Styled:
    covers = united(spans, "spoiler")
    if not covers:
        return text, list(spans)
    pieces, done = list[str](), 0
    for start, end in covers:
        pieces += text[done:start], re.sub("[^\n]", COVER, text[start:end])
        done = end
    left = [
        span
        for span in spans
        if span["style"] != "spoiler" and not (span["style"] in TELLING and touches(span, covers))
    ]
    return "".join([*pieces, text[done:]]), left


def _can_be_followed(span: Span, schemes: Collection[str] | None) -> bool:
    return span["style"] != "link" or schemes is None or scheme_of(span["url"]) in schemes


def _addresses(text: str, spans: Sequence[Span], shown: Sequence[Span]) -> list[Edit]:
    """The addresses to write out; that of a link in a spoiler would tell what is hidden."""
    kept = {id(span) for span in shown}
    hidden = united(spans, "spoiler")
    return [
        (span["end"], span["end"], f" ({span['url']})")
        for span in spans
        if span["style"] == "link"
        and id(span) not in kept
        and not says(text[span["start"] : span["end"]], span["url"])
        and not touches(span, hidden)
    ]


def says(text: str, url: str) -> bool:
    """Whether a text is an address already, perhaps without its scheme."""
    if url.lower().startswith("tel:"):
        return re.sub(r"[^\d+]", "", text) == re.sub(r"[^\d+]", "", url)
    return _bare(text) == _bare(url)


def _bare(url: str) -> str:
    return _OBVIOUS.sub("", url.strip(), count=1).removesuffix("/").lower()


def quote_marks(text: str, spans: Iterable[Span]) -> list[Edit]:
    """What to insert so that quotes are lines of their own that begin with ``>``, sorted."""
    quotes = [lines_of(text, span) for span in laid_out(spans) if span["style"] == "quote"]
    quotes = [(start, end) for start, end in quotes if start < end]
    if not quotes:
        return []
    breaks = line_breaks(text, quotes)
    starts, ends = sorted(start for start, _ in quotes), sorted(end for _, end in quotes)
    lines = {0, *breaks, *(found.end() for found in re.finditer("\n", text))}
    marks = (
        (
            place,
            place,
            "\n" * (place in breaks)
            + "> " * (bisect_right(starts, place) - bisect_right(ends, place)),
        )
        for place in sorted(lines)
    )
    return [mark for mark in marks if mark[2]]


def lines_of(text: str, span: Span) -> tuple[int, int]:
    """The range of a span without the ends of lines behind it."""
    start, end = span["start"], span["end"]
    return start, start + len(text[start:end].rstrip("\n"))


def line_breaks(text: str, blocks: Iterable[tuple[int, int]]) -> set[int]:
    """Where lines have to be broken so that blocks are lines of their own."""
    starts = {start for start, _ in blocks if start > 0 and text[start - 1] != "\n"}
    return starts | {end for _, end in blocks if end < len(text) and text[end] != "\n"}
