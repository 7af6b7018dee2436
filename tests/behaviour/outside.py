"""What is around a gateway in a simulation: people, networks and a browser; and what they notice.

Nothing here looks into the gateway or its ledger. What people said is on the one side, what their
chats and the browser were shown on the other; ``wrong`` is what they would complain of at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from gateway.delivery.server import Arrival, Entry, Limits, ProtocolServer, Rate, Streams
from gateway.delivery.status import State
from gateway.vocabulary.errors import Delayed, LedgerAway, NotSent, Refused, Uncertain
from gateway.vocabulary.events import Event, Facts
from gateway.vocabulary.ids import account_of, protocol_of
from house import author_of, facts_of
from simulated import Clock

TELEGRAM, XMPP, WEB = "telegram:default", "xmpp:default", "web:default"
PRIVATE = (f"{TELEGRAM}:1", f"{TELEGRAM}:2", f"{XMPP}:alice@example.org")
GROUP, MUC, PAGE = f"{TELEGRAM}:-5", f"{XMPP}:lobby@conference.example.org", f"{WEB}:lobby"
MEMBERS = (GROUP, MUC, PAGE)
CHATS = (*PRIVATE, *MEMBERS)

LIMITS = Limits(account=Rate(4, 1), chat=Rate(3, 3), group=Rate(8, 24))
"""Like Telegram's, but a few chats come up to them."""

PATIENCE = 30.0
"""Seconds until a request that nobody answers is given up."""

EARLY = 0.001
"""Seconds that a request may come too early: for what was rounded."""

WORD = re.compile(r"\bm\d+(?:\.\w+)*")
"""What tests say: ``m7`` is a person's, ``m7.0`` a bot's answer to it."""

OUTCOMES = (
    "not sent",
    "refused",
    "wait",
    "cut before",
    "cut after",
    "never before",
    "never after",
)
"""What becomes of a request that is not simply answered; ``after`` is after it was carried out."""


def word(event: Event) -> str:
    """What an event says, without what a gateway adds to it; empty if it is of no person."""
    found = WORD.search(event.get("text", ""))
    return found[0] if found else ""


class Gauge:
    """What a network allows, by its own clock: a level that sinks, and may not overflow."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._level, self._at = 0.0, 0.0

    def overflows(self, now: float) -> bool:
        """Count a request; whether it is one too many."""
        sunk = (now - self._at) * self.rate.count / self.rate.seconds
        self._level, self._at = max(0.0, self._level - sunk) + 1, now
        return self._level > (self.rate.burst or self.rate.count) + EARLY


class Networks:
    """All networks: they outlive the gateway."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.said: dict[str, list[str]] = defaultdict(list)
        """What people said, in order, by chat."""
        self.shown: dict[str, list[str]] = defaultdict(list)
        """What chats were shown, in order, repetitions left out."""
        self.refused: dict[str, set[str]] = defaultdict(set)
        self.wrong: list[str] = []
        self.plans: dict[str, deque[str]] = defaultdict(deque)
        """The outcomes of the next requests, by chat."""
        self.seconds: dict[str, float] = defaultdict(float)
        """How long an answer takes, by account."""
        self.wait_seconds = 5.0
        """What the flood limit of a chat asks for."""
        self.floods: dict[str, float] = {}
        """What the next request of an account is asked to wait, and all others with it."""
        self.offline: set[str] = set()
        self._updates: dict[str, list[Arrival]] = defaultdict(list)
        self._confirmed: dict[str, int] = defaultdict(int)
        self._again: dict[str, list[Arrival]] = defaultdict(list)
        self._news: dict[str, asyncio.Event] = {}
        self._unknown: dict[str, str] = {}
        """What may be shown once more in a chat, because its fate was unknown."""
        self._gauges: dict[str, list[Gauge]] = {}
        self._until: dict[str, float] = {}

    @property
    def count(self) -> int:
        """How much was shown in all."""
        return sum(map(len, self.shown.values()))

    def forget(self) -> None:
        """The gateway died: it knows no limits, nor whether the last of each chat was shown."""
        self._gauges.clear()
        self._until.clear()
        self._unknown = {chat: shown[-1] for chat, shown in self.shown.items() if shown}

    def heal(self) -> None:
        """Be well, and quick."""
        self.plans.clear()
        self.floods.clear()
        self.seconds.clear()
        self.offline.clear()

    # In

    def say(self, chat: str) -> str:
        """Somebody says something in a chat."""
        account = account_of(chat)
        number = sum(map(len, self._updates.values()))
        text = f"m{number}"
        event: Event = {
            "type": f"{protocol_of(chat)}.message",
            "id": f"n{number}",
            "text": text,
            "author": author_of(chat),
            "attachments": [],
            "reply_to": None,
            "at": self.clock.time(),
        }
        if account == WEB:
            del event["id"]  # the log gives it
        self.said[chat].append(text)
        self._updates[account].append(Arrival(chat, facts_of(chat), event, str(number)))
        self._ring(account)
        return text

    def repeat(self, account: str, back: int) -> None:
        """A network tells again what it was told that we have."""
        self._again[account] += self._updates[account][: self._confirmed[account]][-back:]
        self._ring(account)

    def _ring(self, account: str) -> None:
        if account in self._news:
            self._news[account].set()

    async def updates(self, account: str) -> list[Arrival]:
        """Wait for what is not confirmed; at most a few."""
        while not (found := self._next(account)):
            self._news[account] = asyncio.Event()
            await self._news[account].wait()
        return found

    def _next(self, account: str) -> list[Arrival]:
        first = self._confirmed[account]
        again, self._again[account] = self._again[account], []
        return again + self._updates[account][first : first + 3]

    def confirm(self, account: str, arrivals: Iterable[Arrival]) -> None:
        """These need not be told again."""
        number = self._confirmed[account]
        waiting = self._updates[account]
        for arrival in arrivals:
            number += number < len(waiting) and waiting[number] is arrival
        self._confirmed[account] = number

    # Out

    async def request(self, chat: str, event: Event) -> str:
        """A gateway asks to show something; raises a ``DeliveryError``."""
        self._measure(chat)
        text, account = word(event), account_of(chat)
        plan = self.plans[chat].popleft() if self.plans[chat] else ""
        if account in self.offline:
            plan = "not sent"
        flood = self.floods.pop(account, 0.0)
        await asyncio.sleep(self.seconds[account])
        if flood:
            raise self._delayed(account, flood)
        match plan:
            case "not sent":
                raise NotSent("offline")
            case "refused":
                if text not in self.shown[chat]:  # else it is said again, because it was cut off
                    self.refused[chat].add(text)
                raise Refused("forbidden", "for ever")
            case "wait":
                raise self._delayed(chat, self.wait_seconds)
            case "cut before" | "never before":
                await self._leave_unanswered(plan)
        self._show(chat, text)
        if plan in ("cut after", "never after"):
            self._unknown[chat] = text
            await self._leave_unanswered(plan)
        return f"{chat}-{text}"

    async def _leave_unanswered(self, plan: str) -> None:
        if plan.startswith("never"):
            await asyncio.sleep(PATIENCE)
        raise Uncertain("no answer came")

    def _delayed(self, what: str, seconds: float) -> Delayed:
        self._until[what] = self.clock.now + seconds
        return Delayed("flood", seconds=seconds, whole_account=what in (TELEGRAM, XMPP))

    def _measure(self, chat: str) -> None:
        account, now = account_of(chat), self.clock.now
        until = max(self._until.get(chat, 0.0), self._until.get(account, 0.0))
        if now < until - EARLY:
            self.wrong.append(f"{chat}: asked {until - now:.3f} s before the flood limit is over")
        if account != TELEGRAM:
            return
        rates = {account: [LIMITS.account], chat: [LIMITS.chat]}
        if facts_of(chat)["chat"]["kind"] == "group":
            rates[chat].append(LIMITS.group)
        for name, wanted in rates.items():
            gauges = self._gauges.setdefault(name, [Gauge(rate) for rate in wanted if rate])
            full = [gauge.overflows(now) for gauge in gauges]
            if any(full):
                self.wrong.append(f"{chat}: {name} was asked more often than it allows")

    def _show(self, chat: str, text: str) -> None:
        shown = self.shown[chat]
        if text not in shown:
            shown.append(text)
        elif text and self._unknown.pop(chat, None) != text:
            self.wrong.append(f"{chat}: needlessly shown {text} again, after {shown[-3:]}")
        self._unknown.pop(chat, None)


class Wire(ProtocolServer):
    """The server of one account, in one life of the gateway."""

    networks: Networks
    over = False
    """Whether the process is dead: what it still does reaches nobody."""

    @property
    def limits(self) -> Limits:
        """What the outbox keeps to."""
        return LIMITS if self.account == TELEGRAM else Limits()

    async def identify(self) -> str:
        """See ``ProtocolServer.identify``."""
        return self.account

    async def run(self) -> None:
        """Take what the network has, for ever; what is not on disk is not confirmed."""
        self.port.status.set(State.CONNECTED)
        while True:
            arrivals = await self.networks.updates(self.account)
            try:
                await self.port.accept(arrivals)
            except LedgerAway:
                await asyncio.sleep(0.5)
            else:
                self.networks.confirm(self.account, arrivals)

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """See ``ProtocolServer.deliver``."""
        if self.over:
            raise asyncio.CancelledError
        return await self.networks.request(conversation, event)

    def facts(self, conversation: str) -> Facts:
        """See ``ProtocolServer.facts``."""
        return facts_of(conversation)

    async def close(self) -> None:
        """See ``ProtocolServer.close``."""


class Browser:
    """The page of the room: it goes on where it was."""

    def __init__(self, networks: Networks) -> None:
        self.connected = True
        self._networks = networks
        self._since = 0

    async def read(self, streams: Streams) -> None:
        """Stay connected to one life of the gateway."""
        while True:
            if self.connected:
                with contextlib.suppress(LedgerAway):
                    await self._follow(streams)
            await asyncio.sleep(1)

    async def _follow(self, streams: Streams) -> None:
        news: asyncio.Queue[Entry] = asyncio.Queue()
        unfollow = streams.follow(PAGE, news.put_nowait)
        try:
            while entries := await streams.read(PAGE, self._since, 3):
                self._take(entries)
            while self.connected:
                try:
                    self._take([await asyncio.wait_for(news.get(), 1)])
                except TimeoutError:
                    continue
        finally:
            unfollow()

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.seq > self._since + 1:
                self._networks.wrong.append(f"the page missed {self._since + 1} to {entry.seq - 1}")
            if entry.seq > self._since:
                self._since = entry.seq
                self._networks._show(PAGE, word(entry.event))


# What all see in the end


def complaints(networks: Networks, hopeless: set[str]) -> list[str]:
    """What people miss, or see in a wrong order, when all is said and done.

    ``hopeless`` is at what the handler fails each time: such a message gets no second answer.
    """
    found = [*networks.wrong]
    for chat in PRIVATE:
        wanted = list(_answers(networks, chat, hopeless))
        got = [".".join(text.split(".")[:2]) for text in networks.shown[chat] if text]
        if got != wanted:
            found.append(f"{chat}: shown {networks.shown[chat]}, wanted {wanted}")
        found += _contradictions(chat, networks.shown[chat])
    for member in MEMBERS:
        found += _missing(networks, member)
    return [*found, *_disorder(networks)]


def _answers(networks: Networks, chat: str, hopeless: set[str]) -> Iterable[str]:
    refused = {".".join(text.split(".")[:2]) for text in networks.refused[chat]}
    for text in networks.said[chat]:
        for answer in (f"{text}.0",) if text in hopeless else (f"{text}.0", f"{text}.1"):
            if answer not in refused:
                yield answer


def _contradictions(chat: str, shown: list[str]) -> Iterable[str]:
    """What a handler learned is the same in all that it says."""
    learned: dict[str, str] = {}
    for text in filter(None, shown):
        name, _, what = text.split(".")[:3]
        if learned.setdefault(name, what) != what:
            yield f"{chat}: {name} had two answers"


def counted(networks: Networks, hopeless: set[str]) -> Iterable[str]:
    """Where a session counted otherwise than once for each message that was handled."""
    for chat in PRIVATE:
        ended = [text for text in networks.said[chat] if text not in hopeless]
        for text in networks.shown[chat]:
            name, *parts = text.split(".")
            if parts[:1] == ["1"] and int(parts[2]) != ended.index(name) + 1:
                yield f"{chat}: {name} was counted as {parts[2]}"


def _missing(networks: Networks, member: str) -> Iterable[str]:
    shown, refused = networks.shown[member], networks.refused[member]
    for origin in MEMBERS:
        if origin == member != PAGE:
            continue
        wanted = [text for text in networks.said[origin] if text not in refused]
        got = [text for text in shown if text in networks.said[origin]]
        if got != wanted:
            yield f"{member}: of {origin} shown {got}, wanted {wanted}"
    answers = {f"{text}.r" for origin in MEMBERS for text in networks.said[origin]} - refused
    got = [text for text in shown if text.endswith(".r")]
    if Counter(got) != Counter(answers):
        yield f"{member}: of the bot shown {got}, wanted {answers}"


def _disorder(networks: Networks) -> Iterable[str]:
    """Members of a room see the same things in the same order."""
    for first, second in ((GROUP, MUC), (MUC, PAGE), (GROUP, PAGE)):
        one, other = networks.shown[first], networks.shown[second]
        both = {text for text in one if text in other and text}
        if second == PAGE:
            # What is said on the page is there before the room is told.
            both -= set(networks.said[PAGE])
        seen = [[text for text in texts if text in both] for texts in (one, other)]
        if seen[0] != seen[1]:
            yield f"{first} and {second} differ: {seen}"
