"""Markup beside a body to spans: XEP-0394 and XHTML-IM (XEP-0071). Nothing here performs I/O."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from gateway.vocabulary.spans import Styled, clean_spans, edit

MARKUP = "{urn:xmpp:markup:0}"
XHTML = "{http://jabber.org/protocol/xhtml-im}"

DEEPEST_ELEMENT = 24
"""Elements in each other that are understood; what lies deeper is text."""

_MARKED = {"emphasis": "italic", "strong": "bold", "code": "code", "deleted": "strike"}
_BLOCKS = {"bcode": "pre", "bquote": "quote"}

_STYLES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "cite": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strike",
    "del": "strike",
    "strike": "strike",
    "code": "code",
    "tt": "code",
    "kbd": "code",
    "samp": "code",
    "pre": "pre",
    "blockquote": "quote",
    "q": "quote",
}
_LINES = re.compile(
    "address|blockquote|body|div|d[dlt]|h[1-6r]|li|ol|p|pre|q|table|tr|ul",
)
_SILENT = re.compile("head|iframe|object|script|style|template|title")
_PROPERTIES = (
    ("bold", re.compile(r"font-weight\s*:\s*(?:bold|bolder|[6-9]00)\b", re.IGNORECASE)),
    ("italic", re.compile(r"font-style\s*:\s*(?:italic|oblique)\b", re.IGNORECASE)),
    ("underline", re.compile(r"text-decoration\s*:[^;]*\bunderline\b", re.IGNORECASE)),
    ("strike", re.compile(r"text-decoration\s*:[^;]*\bline-through\b", re.IGNORECASE)),
)
_DIGITS = re.compile(r"[0-9]{1,8}")
_SPACE = re.compile(r"[ \t\r\n]+")


# XEP-0394


def spans_from_markup(body: str, markup: Element) -> list[Any]:
    """Translate markup, which counts the code points of ``body`` as it came."""
    found = []
    for child in markup:
        name = child.tag.removeprefix(MARKUP)
        start, end = _number(child.get("start")), _number(child.get("end"))
        if name == "span":
            styles = [_MARKED.get(each.tag.removeprefix(MARKUP)) for each in child]
        else:
            styles = [_BLOCKS.get(name)]
        for style in styles:
            span = {"style": style, "start": start, "end": end}
            if style == "pre" and (language := child.get("language")):
                span["language"] = language
            found.append(span)
    return clean_spans(body, found)


def _number(digits: str | None) -> int | None:
    return int(digits) if digits and _DIGITS.fullmatch(digits) else None


def without_quote_signs(text: str, spans: Sequence[Any]) -> Styled:
    """Take out the ``>`` before the lines of quotes: the span says it already."""
    quotes = [span for span in spans if span["style"] == "quote"]
    if not quotes:
        return text, list(spans)
    starts = sorted(span["start"] for span in quotes)
    ends = sorted(span["end"] for span in quotes)
    edits = []
    for line in re.finditer("^>.*", text, re.MULTILINE):
        depth = bisect_right(starts, line.start()) - bisect_right(ends, line.start())
        past = line.start()
        while depth > 0 and text.startswith(">", past):
            depth, past = depth - 1, past + 1 + text.startswith(" ", past + 1)
        edits.append((line.start(), past, ""))
    return edit(text, spans, edits)


# XHTML-IM


def text_and_spans_from_xhtml(html: Element) -> Styled:
    """Read the text of an ``<html/>`` and its spans; white space is as a browser shows it.

    Whether it says the same as the body is for the caller to see: nobody checks it on the way.
    """
    page = _Page()
    for body in html:
        if _name(body) == "body":
            page.read(body, 0)
            break
    return page.done()


def _name(element: Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


class _Page:
    """A text that grows; the white space behind it waits until it is known to be inside."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._pending = ""
        self._spans: list[dict[str, Any]] = []
        self._verbatim = 0

    def read(self, element: Element, depth: int) -> None:
        """Read an element and what is in it."""
        name = _name(element)
        if _SILENT.fullmatch(name):
            return
        if depth > DEEPEST_ELEMENT:
            self.say("".join(element.itertext()))
            return
        lines = _LINES.fullmatch(name) is not None
        if lines:
            self.break_line()
        before = self._length
        self._verbatim += name == "pre"
        self._say_own(name, element)
        for child in element:
            self.read(child, depth + 1)
            self.say(child.tail or "")
        self._verbatim -= name == "pre"
        self._style(name, element, before)
        if lines:
            self.break_line()

    def _say_own(self, name: str, element: Element) -> None:
        if name == "br":
            self._pending = self._pending.replace(" ", "") + "\n"
        elif name == "img":
            self.say(element.get("alt") or "")
        elif name == "li":
            self.say("\u2022 ")
        self.say(element.text or "")

    def say(self, text: str) -> None:
        """Add text; outside of ``pre`` any white space is one space."""
        if self._verbatim:
            self._add(text)
            return
        words = _SPACE.split(text)
        for number, word in enumerate(words):
            if number and not self._pending:
                self._pending = " "
            self._add(word)

    def break_line(self) -> None:
        """Let what comes be on a line of its own."""
        if "\n" not in self._pending:
            self._pending = "\n"

    def _add(self, words: str) -> None:
        if words:
            pending = self._pending if self._length else ""
            self._pieces += pending, words
            self._length += len(pending) + len(words)
            self._pending = ""

    def _style(self, name: str, element: Element, start: int) -> None:
        styles = [_STYLES[name]] if name in _STYLES else []
        declared = element.get("style") or ""
        styles += [style for style, found in _PROPERTIES if found.search(declared)]
        for style in styles:
            self._spans.append({"style": style, "start": start, "end": self._length})
        if name == "a":
            span = {"style": "link", "start": start, "end": self._length}
            self._spans.append(span | {"url": element.get("href")})

    def done(self) -> Styled:
        """The text and its spans, without white space at the ends of these."""
        text = "".join(self._pieces)
        spans = []
        for span in self._spans:
            words = text[span["start"] : span["end"]]
            start = span["start"] + len(words) - len(words.lstrip())
            spans.append(span | {"start": start, "end": start + len(words.strip())})
        return text, clean_spans(text, spans)
