"""What was missed in one archive, as far as it is taken: the newest of it, and how much was not.

Nothing here performs I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gateway.delivery.server import Arrival
from gateway.vocabulary.events import kind_of
from protocols.xmpp.intake import Unreadable
from protocols.xmpp.past import Place

Item = Arrival | Unreadable | None
"""What a message of an archive is to us; None: nothing."""


REMEMBERED = 5000
"""Messages passed over that are known again."""


class Gap:
    """Takes messages of the past, oldest first, and keeps the last ``most`` that are something."""

    def __init__(self, most: int) -> None:
        self.skipped = 0
        """Messages of people that were passed over."""
        self.passed: Place | None = None
        """The last that was."""
        self.deliveries: deque[str] = deque(maxlen=REMEMBERED)
        """What they would be known by if they came once more."""
        self.last: Place | None = None
        """The end of what was missed."""
        self._most = most
        self._kept: deque[tuple[Place, Arrival | Unreadable]] = deque()

    def take(self, place: Place, item: Item) -> None:
        """Keep a message; the oldest gives way if there are too many."""
        self.last = place
        if item is not None:
            self._kept.append((place, item))
        if len(self._kept) > self._most:
            self.pass_over(*self._kept.popleft())

    def pass_over(self, place: Place, item: Item) -> None:
        """Count a message that is not taken."""
        self.passed = place
        if isinstance(item, Arrival) and kind_of(item.event) == "message":
            self.skipped += 1
            self.deliveries.append(item.delivery or "")

    def portions(self, size: int) -> Iterator[tuple[Place, list[Arrival | Unreadable]]]:
        """What is kept, so much at a time, and the place where each portion ends."""
        while self._kept:
            count = min(size, len(self._kept))
            portion = [self._kept.popleft() for _ in range(count)]
            yield portion[-1][0], [item for _, item in portion]
