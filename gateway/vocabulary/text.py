"""Text that every platform, database and XML stream can hold, cut where a platform needs it.

Lengths are in code points unless a measure says otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

REPLACEMENT = "\ufffd"

_FOREIGN = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n?")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_GAPS = ("\n", " ")
_GAP = re.compile("[\n ]")

_ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA = 9  # the combining class of the signs that bind two Indic consonants
_EXTENDING = re.compile(
    "[\u200c\u200d\u0e33\u0eb3\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
_PREPENDED = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3"
    "\U0001193f\U00011941\U00011a3a\U00011a84-\U00011a89\U00011d46\U00011f02]"
)
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
_HANGUL = [
    (
        re.compile("[\u1100-\u115f\ua960-\ua97c]"),
        re.compile("[\u1100-\u11a7\ua960-\ua97c\uac00-\ud7c6]"),
    ),
    (re.compile("[\u1160-\u11a7\uac00-\ud7c6]"), re.compile("[\u1160-\u11ff\ud7b0-\ud7fb]")),
    (re.compile("[\u11a8-\u11ff\ud7cb-\ud7fb]"), re.compile("[\u11a8-\u11ff\ud7cb-\ud7fb]")),
]
"""Which letters of a Hangul syllable go on with which."""


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


Measure = Callable[[str], int]
Ranges = Sequence[tuple[int, int]]


def split(text: str, limit: int, measure: Measure = code_points) -> Iterator[str]:
    """Cut ``text`` into pieces of at most ``limit``; joined, they are the text again."""
    while measure(text) > limit:
        end = cut(text, limit, measure)
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def cut(text: str, limit: int, measure: Measure = code_points, kept: Ranges = ()) -> int:
    """Return the length of the first piece of a text that is longer than ``limit``.

    It ends after a line if one ends near, else after a word, else between graphemes; a word is cut
    only if it is longer than the limit, and so is a grapheme. ``kept`` are ranges, sorted and
    apart, that are not cut unless a word would be.
    """
    end = _longest(text, limit, measure)
    for ranges in (kept, ()) if kept else ((),):
        place = (
            _after("\n", text, end // 2, end, ranges)
            or _after(" ", text, end // 2, end, ranges)
            or _before_what_fits(text, end, limit, measure, ranges)
        )
        if place:
            return place
    return _between_graphemes(text, end, kept)


def _longest(text: str, limit: int, measure: Measure) -> int:
    """The number of leading code points that fit; at least one, so that cutting ends."""
    low, high = 1, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _after(separator: str, text: str, low: int, high: int, kept: Ranges) -> int:
    """The last place after a separator in a part of the text; 0 if there is none."""
    while (found := text.rfind(separator, low, high)) != -1:
        around = _around(found + 1, kept)
        if around is not None:
            high = around[0]
        elif _joined(text, found + 1):
            high = found
        else:
            return found + 1
    return 0


def _around(place: int, kept: Ranges) -> tuple[int, int] | None:
    """The range that a cut at ``place`` would break."""
    index = bisect_left(kept, place, key=itemgetter(0)) - 1
    return kept[index] if index >= 0 and place < kept[index][1] else None


def _before_what_fits(text: str, end: int, limit: int, measure: Measure, kept: Ranges) -> int:
    """The last place before ``end`` where what would be cut there begins; 0 if it is too long."""
    if text[end] in _GAPS and _around(end, kept) is None and not _joined(text, end):
        return end
    place = max(_after(gap, text, 0, end, kept) for gap in _GAPS)
    past = end
    while past < len(text) and past - place <= limit:
        if (around := _around(past, kept)) is not None:
            past = around[1]
        elif text[past] in _GAPS:
            break
        else:
            found = _GAP.search(text, past, place + limit + 1)
            past = found.start() if found else min(len(text), place + limit + 1)
    return place if measure(text[place:past]) <= limit else 0


def _between_graphemes(text: str, end: int, kept: Ranges) -> int:
    around = _around(end, kept)
    start = end if around is None or around[0] == 0 else around[0]
    while start > 0 and _joined(text, start):
        start -= 1
    return start or end


def _joined(text: str, place: int) -> bool:
    """Whether the neighbours of a place belong to one grapheme.

    After UAX 29, but rather too often: whatever stands beside a joiner or after a virama is kept
    with it.
    """
    if place >= len(text):
        return False
    before, after = text[place - 1], text[place]
    if after < "\u0300" and before < "\u0300":
        return False
    if before in "\n\r" or after in "\n\r":
        return False
    if _EXTENDING.match(after) or _PREPENDED.match(before) or before == _ZERO_WIDTH_JOINER:
        return True
    if unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    if _FLAG.match(before) and _FLAG.match(after):
        return _flags_before(text, place) % 2 == 1
    return unicodedata.combining(before) == _VIRAMA or _one_syllable(before, after)


def _flags_before(text: str, place: int) -> int:
    start = place
    while start > 0 and _FLAG.match(text[start - 1]):
        start -= 1
    return place - start


def _one_syllable(before: str, after: str) -> bool:
    """Whether two Hangul letters or syllables are one (UAX 29, GB6 to GB8)."""
    return any(first.match(before) and second.match(after) for first, second in _HANGUL)
