"""Parts of a file that a client asks for (RFC 9110, section 14). Nothing here performs I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from ``start`` up to, not including, ``end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.start


class Unsatisfiable(ValueError):
    """The file has no such bytes (416)."""


def part_from_range(header: str, size: int) -> Part | None:
    """The part that a ``Range`` names; None if the whole file answers it.

    Several ranges at once are answered with the whole, as a server may. Raises ``Unsatisfiable``.
    """
    found = _ONE.fullmatch(header)
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        return _last(int(found[2]), size)
    start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    if end <= start and found[2]:
        return None
    if start >= size:
        raise Unsatisfiable(header)
    return Part(start, min(end, size))


def _last(count: int, size: int) -> Part:
    if count == 0 or size == 0:
        raise Unsatisfiable("the last 0 bytes")
    return Part(max(0, size - count), size)
