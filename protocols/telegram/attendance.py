"""Who came and who went, told once.

An administrator hears of it by ``chat_member`` and, in a small group, by a service message too.
"""

from __future__ import annotations

from time import monotonic

from gateway.delivery.server import Arrival

SECONDS = 10.0
"""How long after the first word a second one can come."""

MOST = 10_000
"""People who are remembered; the oldest are forgotten."""

NOTICES = ("telegram.join", "telegram.leave")


class Attendance:
    """The last that was heard of people."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], tuple[str, str | None, float]] = {}

    def is_new(self, arrival: Arrival) -> bool:
        """Whether an arrival says something else than the one before; notes it.

        The same update again is as new as it was.
        """
        name = arrival.event["type"]
        if name not in NOTICES:
            return True
        person = (arrival.facts["chat"]["id"], arrival.event["author"]["id"])
        before, now = self._heard.get(person, ("", None, 0.0)), monotonic()
        if before[:2] == (name, arrival.delivery):
            return True
        if before[0] == name and now - before[2] < SECONDS:
            return False
        self._heard.pop(person, None)
        self._heard[person] = (name, arrival.delivery, now)
        if len(self._heard) > MOST:
            del self._heard[next(iter(self._heard))]
        return True
