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

    @property
    def size(self) -> float:
        """How many may be taken at once from a full one."""
        return self.rate.burst or self.rate.count

    def wait(self, now: float, left: float = 0.0) -> float:
        """Seconds until one may be taken with ``left`` others left in it, as far as it holds."""
        self._fill(now)
        wanted = min(1 + left, max(1.0, self.size))
        return max(0.0, (wanted - self.tokens) * self.rate.seconds / self.rate.count)

    def take(self, now: float) -> None:
        """Take one."""
        self._fill(now)
        self.tokens -= 1

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self.at) * self.rate.count / self.rate.seconds
        self.tokens = min(self.size, self.tokens + gained)
        self.at = max(self.at, now)


@dataclass(frozen=True, slots=True)
class Held:
    """What a network asked to wait for, in seconds from now; 0 is nothing."""

    account: float
    """For the whole account."""
    chats: int
    """How many chats it named."""
    longest: float
    """The longest wait of one of them."""


class Pace:
    """The buckets of one account, and what its network asked for by name (``retry_after``)."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        private = [limits.chat] if limits.chat else []
        self._rates = {False: private, True: [*private, limits.group] if limits.group else private}
        """What holds in a chat of its own, by whether it is a group."""
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

    @property
    def held(self) -> Held:
        """What the network asked for by name, as far as it is not over."""
        now = self._clock()
        chats = [until - now for until in self._chats_until.values() if until > now]
        return Held(max(0.0, self.until - now), len(chats), max(chats, default=0.0))

    def wait(self, conversation: str, *, group: bool, yields: bool = False) -> float:
        """Seconds until the conversation may be sent to.

        What ``yields`` leaves half of the account's bucket to what does not: it goes only when
        nobody else waits for the account, and who comes next need not wait behind it.
        """
        now = self._clock()
        waits = [bucket.wait(now) for bucket in self._own(conversation, group)]
        if self._account is not None:
            waits.append(self._account.wait(now, self._account.size / 2 if yields else 0.0))
        held = max(self.until, self._chats_until.get(conversation, 0.0)) - now
        if held <= 0:
            self._chats_until.pop(conversation, None)
        return max(0.0, held, *waits)

    def take(self, conversation: str, *, group: bool) -> None:
        """One was sent."""
        now = self._clock()
        for bucket in self._own(conversation, group):
            bucket.take(now)
        if self._account is not None:
            self._account.take(now)

    def _own(self, conversation: str, group: bool) -> list[Bucket]:
        rates = self._rates[group]
        own: list[Bucket] = []
        if rates:
            own = self._chats.get(conversation) or [
                Bucket.full(rate, self._clock()) for rate in rates
            ]
            self._chats[conversation] = own
            self._chats.move_to_end(conversation)
            if len(self._chats) > CHATS:
                self._chats.popitem(last=False)
        return own

    async def turn(
        self, conversation: str, *, group: bool, yields: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until the conversation may be sent to, and take its place."""
        while (seconds := self.wait(conversation, group=group, yields=yields())) > 0:  # noqa: ASYNC110
            await asyncio.sleep(seconds)
        self.take(conversation, group=group)
