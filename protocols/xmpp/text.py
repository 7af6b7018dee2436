"""Text to the body of a stanza and back. Nothing here performs I/O."""

from __future__ import annotations

from xml.sax.saxutils import escape

from gateway.vocabulary.text import clean

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
