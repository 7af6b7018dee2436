"""Text that every platform, database and XML stream can hold, cut where a platform needs it.

Lengths are in code points unless a measure says otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

REPLACEMENT = "\ufffd"

_FOREIGN = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n?")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_ZERO_WIDTH_JOINER = "\u200d"


def clean(text: str) -> str:
    """Return ``text`` with what XML 1.0 cannot hold replaced by U+FFFD, and line ends as ``\\n``.

    A NUL breaks PostgreSQL, a control character the XMPP stream, a lone surrogate UTF-8; a
    carriage return does not survive an XML parser (XML 1.0, sections 2.2 and 2.11).
    """
    if text.isascii() and text.isprintable():
        return text
    return _FOREIGN.sub(REPLACEMENT, _LINE_END.sub("\n", text))


def clean_name(name: str, limit: int = 64) -> str:
    """Return a displayed name on one line, without control and bidirectional characters."""
    flat = " ".join(_UNPRINTABLE.sub(" ", name).split())
    return clean(flat)[:limit].strip()


def code_points(text: str) -> int:
    """The length of ``text`` in code points."""
    return len(text)


def utf16_units(text: str) -> int:
    """The length of ``text`` in UTF-16 code units, as the Bot API counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    """The length of ``text`` in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


MEASURES: dict[str, Callable[[str], int]] = {
    "codepoints": code_points,
    "utf16": utf16_units,
    "bytes": utf8_bytes,
}
"""The units in which a chat's ``max_text`` may be given."""


def split(text: str, limit: int, measure: Callable[[str], int] = code_points) -> Iterator[str]:
    """Cut ``text`` into pieces of at most ``limit``; joined, they are the text again.

    Cuts after a line end if one is near, else after a space, else between graphemes; a grapheme
    longer than the limit is cut all the same.
    """
    while measure(text) > limit:
        end = _cut(text, _longest(text, limit, measure))
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def _longest(text: str, limit: int, measure: Callable[[str], int]) -> int:
    """The number of leading code points that fit; at least one, so that cutting ends."""
    low, high = 1, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, end: int) -> int:
    for separator in ("\n", " "):
        found = text.rfind(separator, end // 2, end)
        if found != -1:
            return found + 1
    start = end
    while start > 1 and _joined(text[start - 1], text[start]):
        start -= 1
    return start if start > end // 2 else end


def _joined(before: str, after: str) -> bool:
    """Whether two neighbours belong to one grapheme (after UAX 29, without Hangul syllables)."""
    return (
        before == _ZERO_WIDTH_JOINER
        or after == _ZERO_WIDTH_JOINER
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
