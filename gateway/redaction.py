"""Taking secrets out of what people and machines read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

MASK = "•••"

SHORTEST_SECRET = 4
"""Masking what is shorter would garble every line and hide nothing."""

_BOT_TOKEN = re.compile(r"(?<!\d)\d{6,}(:|%3A)[A-Za-z0-9_-]{30,}")


class Redaction:
    """Replaces known secrets, and what is shaped like a bot token."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {form for secret in secrets for form in _spellings(secret)}
        # The longest first, so that a secret within a secret leaves no rest.
        ordered = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _BOT_TOKEN.sub(MASK, text)


def _spellings(secret: str) -> Iterable[str]:
    """A secret as it may stand in a line: itself, quoted by ``repr``, escaped in JSON."""
    if len(secret) < SHORTEST_SECRET:
        return ()
    quoted = (repr(secret), json.dumps(secret), json.dumps(repr(secret)[1:-1]))
    return (secret, *(form[1:-1] for form in quoted))
