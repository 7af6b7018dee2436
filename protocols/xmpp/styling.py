"""Message styling to spans and back (XEP-0393 1.1). Nothing here performs I/O.

A text without spans is sent as it is; if a client could take what was typed for styling, the
message says that it is unstyled. A text with spans has its directives around them. The XEP has no
way to escape: what was typed there and would be taken for a directive gets a word joiner (U+2060)
before it, which nobody sees and which is taken out again here. A span that directives cannot
express (they stand between words, within a line) is left out; the text is always right.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from gateway.vocabulary.events import Span
from gateway.vocabulary.nesting import DEEPEST, nested, order
from gateway.vocabulary.spans import Styled, edit, join, line_breaks, lines_of, shift

STYLES = ("bold", "italic", "strike", "code", "pre", "quote")
"""What can be styled."""

TRIES = 24
"""Spans of one line that are tried one by one, if they cannot be expressed together."""

_STYLES = {"*": "bold", "_": "italic", "~": "strike", "`": "code"}
_MARKS = {style: mark for mark, style in _STYLES.items()}
_FENCE = "```"
_JOINER = "\u2060"
_MARK = re.compile(r"[*_~`]")
_ARMED = re.compile(f"{_JOINER}(?=[*_~`>])")
_ARMING = re.compile(f"[*_~`]|{_JOINER}(?=[*_~`>])")
_LANGUAGE = re.compile(r"[\w+#.-]{0,64}\s*")


def is_styled(text: str) -> bool:
    """Whether a client would take something in a plain text for styling."""
    return _may_be_styled(text) and text_and_spans_from_styling(text) != (text, [])


def _may_be_styled(text: str) -> bool:
    return _MARK.search(text) is not None or text.startswith(">") or "\n>" in text


# Receiving


def text_and_spans_from_styling(body: str) -> Styled:
    """Read a body: its text without directives, and the spans that they mean.

    Fences, marks and the signs before quoted lines are left out only where they mean something, so
    that a text that is not empty stays so; quotes deeper than ``DEEPEST`` are text.
    """
    if not _may_be_styled(body):
        return body, []
    if "\n" not in body and not body.startswith((">", _FENCE)):
        return _read_line(body)
    return _read_blocks(body.split("\n"), 0)


def _read_blocks(lines: Sequence[str], depth: int) -> Styled:
    blocks: list[Styled] = []
    index = 0
    while index < len(lines):
        past = _past_quote(lines, index)
        if past > index:
            blocks += _read_quote(lines[index:past], depth)
        elif (past := _past_fence(lines, index)) > index:
            blocks.append(_read_pre(lines[index:past]))
        else:
            past = index + 1
            blocks.append(_read_line(lines[index]))
        index = past
    return _join_lines(blocks)


def _join_lines(lines: Sequence[Styled]) -> Styled:
    parts = [part for line in lines for part in (line, ("\n", list[Span]()))]
    return join(*parts[:-1])


def _past_quote(lines: Sequence[str], index: int) -> int:
    while index < len(lines) and lines[index].startswith(">"):
        index += 1
    return index


def _read_quote(lines: Sequence[str], depth: int) -> Iterator[Styled]:
    inner = [line[2:] if line[1:2].isspace() else line[1:] for line in lines]
    if depth == DEEPEST or not any(line.strip() for line in inner):
        yield from map(_read_line, lines)
        return
    text, spans = _read_blocks(inner, depth + 1)
    yield text, [_span("quote", 0, len(text)), *spans]


def _past_fence(lines: Sequence[str], index: int) -> int:
    """Where a preformatted block ends; ``index`` if none begins there."""
    first = lines[index]
    if not first.startswith(_FENCE) or _LANGUAGE.fullmatch(first, len(_FENCE)) is None:
        return index
    past = index + 1
    while past < len(lines) and lines[past].rstrip() != _FENCE:
        past += 1
    if not any(line.strip() for line in lines[index + 1 : past]):
        return index
    return min(past + 1, len(lines))


def _read_pre(lines: Sequence[str]) -> Styled:
    closed = lines[-1].rstrip() == _FENCE
    text = "\n".join(lines[1 : -1 if closed else None])
    span = _span("pre", 0, len(text))
    if language := lines[0][len(_FENCE) :].strip():
        span["language"] = language
    return text, [span]


def _read_line(line: str) -> Styled:
    """Read the spans of one line; a directive closes at the first that can close it."""
    if _MARK.search(line) is None:
        return _ARMED.sub("", line), []
    closing: dict[str, list[int]] = {mark: [] for mark in _STYLES}
    for found in _MARK.finditer(line, 1):
        if not line[found.start() - 1].isspace():
            closing[found[0]].append(found.start())
    text, spans = _read_range(line, 0, len(line), closing)
    return text, sorted(spans, key=order)


def _read_range(line: str, start: int, end: int, closing: dict[str, list[int]]) -> Styled:
    pieces, spans, length, done = list[str](), list[Span](), 0, start
    found = _MARK.search(line, start, end)
    while found is not None:
        place, mark = found.start(), found[0]
        close = _closes(line, place, start, end, closing[mark])
        if close:
            pieces += _ARMED.sub("", line[done:place]), ""
            length += len(pieces[-2])
            if mark == "`":
                pieces[-1], inner = line[place + 1 : close], list[Span]()
            else:
                pieces[-1], inner = _read_range(line, place + 1, close, closing)
            spans.append(_span(_STYLES[mark], length, length + len(pieces[-1])))
            spans += shift(inner, length)
            length += len(pieces[-1])
            done = close + 1
        found = _MARK.search(line, max(done, place + 1), end)
    pieces.append(_ARMED.sub("", line[done:end]))
    return "".join(pieces), spans


def _closes(line: str, place: int, start: int, end: int, closing: Sequence[int]) -> int:
    """Where the span ends that a directive at a place opens; 0 if it opens none."""
    if place > start and not line[place - 1].isspace():
        return 0
    if place + 1 >= end or line[place + 1].isspace() or line[place + 1] == line[place]:
        return 0
    index = bisect_right(closing, place + 1)
    return closing[index] if index < len(closing) and closing[index] < end else 0


def _span(style: str, start: int, end: int) -> Span:
    return cast(Span, {"style": style, "start": start, "end": end})


# Sending


def styling_from_text(text: str, spans: Sequence[Span]) -> tuple[str, bool]:
    """Write a body, and say whether the message has to bear ``<unstyled/>``.

    Other styles than ``STYLES`` are left out; what they hide or tell has to be said by the text
    already. A quote and a block of code become lines of their own.
    """
    shown = [span for span in spans if span["style"] in STYLES]
    if shown:
        lines, ranges = _in_lines(text, nested(shown))
        body = "\n".join(_write_lines(lines, ranges))
        read, found = text_and_spans_from_styling(body)
        if found and read == lines:
            return body, False
    return text, is_styled(text)


def _in_lines(text: str, spans: Sequence[Span]) -> Styled:
    """Put blocks on lines of their own; one that cannot be a block is left out."""
    found = [_without_line_ends(text, span) for span in spans]
    found = [span for span in found if _can_be_written(text, span)]
    blocks = [(span["start"], span["end"]) for span in found if span["style"] in ("quote", "pre")]
    if not blocks:
        return text, found
    return edit(text, found, [(at, at, "\n") for at in sorted(line_breaks(text, blocks))])


def _without_line_ends(text: str, span: Span) -> Span:
    if span["style"] not in ("quote", "pre"):
        return span
    return span | {"end": lines_of(text, span)[1]}


def _can_be_written(text: str, span: Span) -> bool:
    words = text[span["start"] : span["end"]]
    fenced = span["style"] == "pre" and any(line.rstrip() == _FENCE for line in words.split("\n"))
    return bool(words.strip()) and not fenced


def _write_lines(text: str, spans: Sequence[Span]) -> Iterator[str]:
    quotes = [span for span in spans if span["style"] == "quote"]
    starts = sorted(span["start"] for span in quotes)
    ends = sorted(span["end"] for span in quotes)
    blocks = iter([span for span in spans if span["style"] == "pre"])
    inline = _Near(span for span in spans if span["style"] in _MARKS)
    block = next(blocks, None)
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        before = "> " * (bisect_right(starts, start) - bisect_right(ends, start))
        while block is not None and block["end"] < start:
            block = next(blocks, None)
        if block is not None and block["start"] <= start:
            if block["start"] == start:
                yield f"{before}{_FENCE}{block.get('language', '')}"
            yield before + line
            if block["end"] == end:
                yield before + _FENCE
        else:
            yield before + _write_line(line, _in_line(line, inline.between(start, end), start, end))
        start = end + 1


class _Near:
    """The spans of one line after the other, without looking at all of them each time."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._coming = deque(spans)
        self._open: list[Span] = []

    def between(self, start: int, end: int) -> list[Span]:
        """Those that touch a range; ``start`` never goes back."""
        while self._coming and self._coming[0]["start"] < end:
            self._open.append(self._coming.popleft())
        self._open = [span for span in self._open if span["end"] > start]
        return self._open


def _in_line(line: str, spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """The parts of spans that lie in a line, without the white space at their ends."""
    found = []
    for span in spans:
        first, past = max(span["start"], start) - start, min(span["end"], end) - start
        words = line[first:past]
        first += len(words) - len(words.lstrip())
        past = first + len(words.strip())
        if first < past:
            found.append(_span(span["style"], first, past))
    return sorted(found, key=order)


def _write_line(line: str, spans: Sequence[Span]) -> str:
    """Write a line with as many of its spans as directives can express."""
    if not spans and _ARMING.search(line) is None and not line.startswith(">"):
        return line
    written = _marked(line, spans)
    if _read_line(written) == (line, list(spans)):
        return written
    kept: list[Span] = []
    written = _marked(line, kept)
    for span in spans[:TRIES]:
        tried = _marked(line, [*kept, span])
        if _read_line(tried) == (line, [*kept, span]):
            kept.append(span)
            written = tried
    return written


def _marked(line: str, spans: Sequence[Span]) -> str:
    """Put directives around spans, and a joiner before what would be taken for one."""
    marks: list[tuple[int, int, int, str]] = []
    for depth, span in enumerate(spans):
        mark = _MARKS[span["style"]]
        marks += (span["start"], 1, depth, mark), (span["end"], 0, -depth, mark)
    pieces, opening, own, done = list[str](), set[int](), set[int](), 0
    length = 0
    for place, opens, _, mark in sorted(marks):
        pieces += line[done:place], mark
        length += place - done
        (opening if opens else own).add(length)
        done, length = place, length + 1
    pieces.append(line[done:])
    return _armed("".join(pieces), opening, own | opening)


def _armed(line: str, opening: set[int], own: set[int]) -> str:
    """Put a joiner before what is not one of our own directives and could be taken for one."""
    if len(_ARMING.findall(line)) == len(own) and not line.startswith(">"):
        return line
    places = {0} if line.startswith((">", _FENCE)) and 0 not in own else set[int]()
    last = {mark: _last_closing(line, mark) for mark in _STYLES}
    in_code = False
    for found in _ARMING.finditer(line):
        place, mark = found.start(), found[0]
        if place in own:
            in_code ^= mark == "`"
        elif in_code:
            continue
        elif mark == _JOINER or (
            (place - 1 in opening or _begins(line, place))
            and _closes(line, place, place, len(line), [last[mark]])
        ):
            places.add(place)
    return edit(line, [], [(place, place, _JOINER) for place in sorted(places)])[0]


def _begins(line: str, place: int) -> bool:
    return place == 0 or line[place - 1].isspace()


def _last_closing(line: str, mark: str) -> int:
    place = line.rfind(mark)
    while place > 0 and line[place - 1].isspace():
        place = line.rfind(mark, 0, place)
    return max(place, 0)
