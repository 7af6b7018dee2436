"""Styled texts for property tests: any, and such as people write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from gateway.vocabulary.nesting import STYLES
from gateway.vocabulary.spans import clean_spans

ALPHABET = "ab *_~`>\n\u2060é😀"
MORE = {
    "link": ("url", ["https://e.org/x", "mailto:a@e.org"]),
    "pre": ("language", ["python"]),
    "mention": ("user", ["telegram:7"]),
    "emoji": ("id", ["5368324170671202286"]),
}


def span(style: str, start: int, end: int, **more: str) -> dict[str, Any]:
    return {"style": style, "start": start, "end": end, **more}


@st.composite
def styled(
    draw: st.DrawFn,
    alphabet: str = ALPHABET,
    styles: Sequence[str] = STYLES,
    most: int = 6,
) -> tuple[str, list[Any]]:
    """Any text with any spans over it."""
    text = draw(st.text(alphabet, max_size=60))
    place = st.integers(0, len(text))
    spans = [
        _any(draw, draw(st.sampled_from(styles)), *sorted((draw(place), draw(place))))
        for _ in range(draw(st.integers(0, most)))
    ]
    return text, list(clean_spans(text, spans))


@st.composite
def worded(
    draw: st.DrawFn, styles: Sequence[str] = STYLES, lines: bool = False
) -> tuple[str, list[Any]]:
    """Words with spaces between, and spans over whole words that are apart."""
    words = draw(st.lists(st.text("abé😀", min_size=1, max_size=9), min_size=1, max_size=12))
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word) + 1
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=8)))
    spans = [
        _any(
            draw,
            draw(st.sampled_from(styles)),
            starts[first],
            starts[last - 1] + len(words[last - 1]),
        )
        for first, last in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return " ".join(words), list(clean_spans(" ".join(words), spans))


def _any(draw: st.DrawFn, style: str, start: int, end: int) -> dict[str, Any]:
    key, choices = MORE.get(style, ("", []))
    more = {key: draw(st.sampled_from(choices))} if choices else {}
    return span(style, start, end, **more)


def coverage(spans: Iterable[Any], style: str) -> set[int]:
    """The places that a style covers."""
    return {
        place
        for each in spans
        if each["style"] == style
        for place in range(each["start"], each["end"])
    }


def looks(text: str, spans: Iterable[Any]) -> list[tuple[str, frozenset[Any]]]:
    """Each character with how it is shown: what two styled texts that look the same share."""
    found: list[set[Any]] = [set() for _ in text]
    for each in spans:
        more = tuple((key, each[key]) for key in each if key not in ("start", "end"))
        for place in range(each["start"], each["end"]):
            found[place].add(more)
    return [(character, frozenset(shown)) for character, shown in zip(text, found, strict=True)]
