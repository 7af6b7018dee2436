"""Text to the body of a stanza and back. Nothing here performs I/O."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from gateway.vocabulary.events import Span
from gateway.vocabulary.spans import Styled, clean_styled, join, replace
from gateway.vocabulary.text import clean
from protocols.xmpp.markup import (
    spans_from_markup,
    text_and_spans_from_xhtml,
    without_quote_signs,
)
from protocols.xmpp.styling import text_and_spans_from_styling

UNSTYLED = "<unstyled xmlns='urn:xmpp:styling:0'/>"
"""Says that nothing in a body is styling (XEP-0393, 6)."""

_QUOTES = {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\t": "&#9;"}


def body_from_text(text: str) -> str:
    """Escape text for the inside of an element; what XML cannot hold is replaced."""
    return escape(clean(text))


def attribute_from_text(text: str) -> str:
    """Escape text for the inside of a quoted attribute; white space survives."""
    return escape(clean(text), _QUOTES)


def text_from_body(body: str) -> str:
    """Take over the text of an element; parsed XML holds no characters that XML cannot hold."""
    return clean(body)


def without(text: str, start: int, end: int) -> str:
    """Take a fallback out of a body (XEP-0428; the range counts code points)."""
    if 0 <= start < end <= len(text):
        return text[:start] + text[end:]
    return text


def text_and_spans_from_body(
    body: str,
    *,
    markup: Element | None = None,
    xhtml: Element | None = None,
    unstyled: bool = False,
    spoiler: str | None = None,
    fallbacks: Sequence[tuple[int, int]] = (),
) -> Styled:
    """Read what a message says and how it is shown.

    ``markup`` (XEP-0394) goes before ``xhtml`` (XEP-0071), which counts only if it says the same
    as the body; else the body is read as styling (XEP-0393), unless it is ``unstyled``. All of a
    message with a ``spoiler`` (XEP-0382; its hint, perhaps empty) is one. ``fallbacks`` are ranges
    of the body to leave out (XEP-0428), sorted and apart.
    """
    text, spans = _text_and_spans(body, markup, xhtml, unstyled, fallbacks)
    if spoiler is None or not text:
        return text, spans
    hint, hidden = clean(spoiler.strip()), Span(style="spoiler", start=0, end=len(text))
    return join((f"{hint}\n" if hint else "", []), (text, [hidden, *spans]))


def _text_and_spans(
    body: str,
    markup: Element | None,
    xhtml: Element | None,
    unstyled: bool,
    fallbacks: Sequence[tuple[int, int]],
) -> Styled:
    styled: Styled = body, spans_from_markup(body, markup) if markup is not None else []
    for start, end in reversed(fallbacks):
        if 0 <= start < end <= len(body):
            styled = replace(*styled, start, end, "")
    text, spans = clean_styled(*styled)
    if markup is not None:
        return without_quote_signs(text, spans)
    plain = (text, list[Span]()) if unstyled else text_and_spans_from_styling(text)
    if xhtml is not None:
        shown = clean_styled(*text_and_spans_from_xhtml(xhtml))
        if _words(shown[0]) in (_words(text), _words(plain[0])):
            return shown
    return clean_styled(*plain) if plain[1] else plain


def _words(text: str) -> list[str]:
    return text.split()
