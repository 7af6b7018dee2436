"""Spans over ranges: which touch, which lie in each other, and in which order.

Spans are shown by marks around a text, so that none may cross another's border.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import cast

from gateway.vocabulary.events import Span

DEEPEST = 8
"""Quotes in each other; what is quoted deeper is shown as the last of them."""

FLOWING = ("bold", "italic", "underline", "strike", "spoiler")
"""Styles that may begin and end anywhere; two of one kind that touch are one."""

STYLES = ("quote", "pre", *reversed(FLOWING), "link", "mention", "emoji", "code")
"""All styles; of two over the same range, the first of these is around the second."""

_RANK = {style: rank for rank, style in enumerate(STYLES)}


def order(span: Span) -> tuple[int, int, int]:
    """Where a span comes among others: an outer before its inner."""
    return span["start"], -span["end"], _RANK[span["style"]]


def at(span: Span, start: int, end: int) -> Span:
    """The same span elsewhere."""
    return span | {"start": start, "end": end}


def few(spans: Iterable[Span], style: str, most: int) -> list[Span]:
    """Cover the ranges of a style by at most so many spans; the last covers what is too many."""
    ranges = united(spans, style)
    if len(ranges) > most:
        ranges = [*ranges[: most - 1], (ranges[most - 1][0], ranges[-1][1])]
    return [cast(Span, {"style": style, "start": start, "end": end}) for start, end in ranges]


def united(spans: Iterable[Span], *styles: str) -> list[tuple[int, int]]:
    """The ranges that spans of these styles cover, sorted, none touching another."""
    ranges: list[tuple[int, int]] = []
    for start, end in sorted(
        (span["start"], span["end"]) for span in spans if span["style"] in styles
    ):
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))
    return ranges


def touches(span: Span, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether a span has a character in common with ranges that are sorted and apart."""
    index = bisect_left(ranges, (span["end"],)) - 1
    return index >= 0 and span["start"] < ranges[index][1]


def are_apart(spans: Sequence[Span]) -> bool:
    """Whether no span is empty, and each ends before the next begins, as most do."""
    return all(span["start"] < span["end"] for span in spans) and all(
        span["end"] < after["start"] for span, after in pairwise(spans)
    )


def nested(spans: Sequence[Span]) -> list[Span]:
    """Show the same by spans of which none crosses another's border, an outer before its inner.

    What can be cut is cut: a ``quote`` and a ``pre`` stay around what begins before them and ends
    in them. No two of ``code``, ``pre``, ``link``, ``mention`` and ``emoji`` are in each other:
    the first stays.
    """
    if len(spans) < 2 or are_apart(spans):
        return list(spans)
    found: list[Span] = []
    opened: list[tuple[int, Span]] = []
    for span in laid_out(spans):
        _close(opened, span["start"], found)
        depth = len(opened)
        if span["style"] in ("quote", "pre"):
            depth = sum(each["style"] in ("quote", "pre") for _, each in opened)
            found += [at(each, since, span["start"]) for since, each in opened[depth:]]
            opened[depth:] = [(span["start"], each) for _, each in opened[depth:]]
        opened.insert(depth, (span["start"], span))
    _close(opened, None, found)
    return sorted((span for span in found if span["start"] < span["end"]), key=order)


def _close(opened: list[tuple[int, Span]], place: int | None, found: list[Span]) -> None:
    """Close what ends up to a place, the last opened first; what has to stay open is cut."""
    while ends := [span["end"] for _, span in opened if place is None or span["end"] <= place]:
        end = min(ends)
        lowest = next(depth for depth, (_, span) in enumerate(opened) if span["end"] == end)
        found += [at(span, since, end) for since, span in opened[lowest:]]
        opened[lowest:] = [(end, span) for _, span in opened[lowest:] if span["end"] > end]


def laid_out(spans: Iterable[Span]) -> list[Span]:
    """Flowing styles united, quotes in each other, all else apart; sorted."""
    spans = sorted(spans, key=order)
    laid = [span for style in FLOWING for span in few(spans, style, len(spans))]
    quotes: list[int] = []
    past = 0
    block = 0
    for span in spans:
        if span["style"] in FLOWING:
            continue
        if span["style"] == "quote":
            quotes = [end for end in quotes if end > span["start"]]
            end = min([span["end"], *quotes])
            if len(quotes) >= DEEPEST or span["start"] < block:
                continue
            quotes.append(end)
            laid.append(at(span, span["start"], end))
        elif span["start"] >= past:
            past = span["end"]
            block = past if span["style"] == "pre" else block
            laid.append(span)
    return sorted(laid, key=order)
