"""How long to stay away after a connection ended. Nothing here performs I/O."""

from __future__ import annotations

FIRST, LONGEST = 0.5, 60.0
"""Seconds between tries that failed: the first pause, and the longest."""

AT_ONCE = 20.0
"""Sessions that may end one right after the other and be followed at once."""
REFILL_SECONDS = 3.0
"""Seconds until one more may."""


class Backoff:
    """The pauses: none after a session, growing while no session comes about.

    A server that gives sessions and ends each of them soon is one that fails all the same.
    """

    def __init__(self) -> None:
        self._pause = FIRST
        self._left = AT_ONCE
        self._at = 0.0

    def after(self, *, session: bool, now: float) -> float:
        """Seconds to wait, now that a connection ended; ``session``: whether it had one."""
        self._left = min(AT_ONCE, self._left + (now - self._at) / REFILL_SECONDS)
        self._at = now
        if session and self._left >= 1:
            self._left -= 1
            self._pause = FIRST
            return 0.0
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST)
        return pause
