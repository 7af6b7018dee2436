"""Failed sign-ins, so that nobody can try passwords for long. Nothing here performs I/O."""

from __future__ import annotations

from collections import OrderedDict, deque

FAILURES = 5
"""How many failures an address has within ``SECONDS``."""

SECONDS = 60.0

ADDRESSES = 10_000
"""How many addresses are remembered; the one that failed longest ago is forgotten first."""


class Attempts:
    """Counts failures per address; times are the caller's, in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def pause(self, address: str, now: float) -> float:
        """How many seconds the address has to wait before it may try again; 0: not at all."""
        failures = self._failures.get(address)
        if failures is None or len(failures) < FAILURES:
            return 0.0
        return max(0.0, failures[0] + SECONDS - now)

    def failed(self, address: str, now: float) -> None:
        """Remember a failure."""
        self._failures.setdefault(address, deque(maxlen=FAILURES)).append(now)
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        self._failures.pop(address, None)
