"""Token buckets: how long to wait so that a network's limits are kept.

The arithmetic is pure: time is an argument, in seconds of any one clock.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.delivery.server import Limits, Rate

CHATS = 10_000
"""Chats whose buckets are kept; the longest unused are forgotten (they are full anyway)."""


@dataclass(slots=True)
class Bucket:
    """At most ``rate.count`` in ``rate.seconds`` in the long run, ``rate.burst`` at once."""

    rate: Rate
    tokens: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> Bucket:
        """A bucket that nothing was taken from."""
        return cls(rate, rate.burst or rate.count, now)

    def wait(self, now: float) -> float:
        """Seconds until one may be taken."""
        self._fill(now)
        return max(0.0, (1 - self.tokens) * self.rate.seconds / self.rate.count)

    def take(self, now: float) -> None:
        """Take one."""
        self._fill(now)
        self.tokens -= 1

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self.at) * self.rate.count / self.rate.seconds
        self.tokens = min(self.rate.burst or self.rate.count, self.tokens + gained)
        self.at = max(self.at, now)


class Pace:
    """The buckets of one account, and what its network asked for by name (``retry_after``)."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.until = 0.0
        """Nothing of the account goes out before this time."""
        self._clock = clock
        self._account = Bucket.full(limits.account, clock()) if limits.account else None
        self._chats: OrderedDict[str, list[Bucket]] = OrderedDict()
        self._chats_until: dict[str, float] = {}

    def hold(self, seconds: float, conversation: str | None = None) -> None:
        """Send nothing for so long: to one conversation, or from the whole account."""
        until = self._clock() + seconds
        if conversation is None:
            self.until = max(self.until, until)
        else:
            self._chats_until[conversation] = until

    def wait(self, conversation: str, *, group: bool) -> float:
        """Seconds until the conversation may be sent to."""
        now = self._clock()
        waits = [bucket.wait(now) for bucket in self._buckets(conversation, group)]
        held = max(self.until, self._chats_until.get(conversation, 0.0)) - now
        if held <= 0:
            self._chats_until.pop(conversation, None)
        return max(0.0, held, *waits)

    def take(self, conversation: str, *, group: bool) -> None:
        """One was sent."""
        now = self._clock()
        for bucket in self._buckets(conversation, group):
            bucket.take(now)

    def _buckets(self, conversation: str, group: bool) -> list[Bucket]:
        rates = [self.limits.chat, self.limits.group if group else None]
        wanted = [rate for rate in rates if rate is not None]
        own: list[Bucket] = []
        if wanted:
            own = self._chats.get(conversation) or [
                Bucket.full(rate, self._clock()) for rate in wanted
            ]
            self._chats[conversation] = own
            self._chats.move_to_end(conversation)
            if len(self._chats) > CHATS:
                self._chats.popitem(last=False)
        return [*own, self._account] if self._account else own

    async def turn(self, conversation: str, *, group: bool) -> None:
        """Wait until the conversation may be sent to, and take its place."""
        while (seconds := self.wait(conversation, group=group)) > 0:  # noqa: ASYNC110
            await asyncio.sleep(seconds)
        self.take(conversation, group=group)
