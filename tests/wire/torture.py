"""A gateway that is killed over and over, between three networks that are no help.

People say numbered messages in private chats, in a group and in one room that a Telegram group,
an XMPP room and a browser share; a bot answers each. What they said and what they were shown is
the chronicle that ``checker`` judges.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from checker import Chronicle, Died, Said, Shown, repeats
from ends import ECHOED, IN_ROOM, IN_WEB, NICK, ROOM, Ambush, Browser, Due, Scribe, Telegram, Xmpp
from gateway.testing.botapi import Bot
from mortal import Mortal
from programs import free_port
from prosody import HOST, PASSWORD, ROOMS

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
BOT = """
from consumers.base import ChatConsumer


class Echo(ChatConsumer):
    async def chat_message(self, event):
        await self.reply("answer to " + event["text"])
"""
CONFIGURATION = """
database = "{database}"
bot = "echo:Echo"
protocols = ["telegram", "xmpp", "ws"]
[ws]
port = {port}
[telegram]
token = "{token}"
api_url = "{api}"
limits = "off"
[xmpp]
jid = "bot@{host}"
password = "{password}"
host = "127.0.0.1"
port = {xmpp}
tls = "off"
nick = "{nick}"
[rooms.{room}]
members = ["telegram:default:{group}", "xmpp:default:{room}@{rooms}"]
access = "open"
catch_up_messages = 10000
"""
BACKLOG = 12
"""How many of one speaker's messages may be under way: the machine's pace decides how many are
said."""
PEOPLE = 4
"""Who talk to the bot in Telegram, in private."""
GROUPS = 1
"""Telegram groups that are in no room."""
START_SECONDS = 20
POINT_SECONDS = 30
SETTLE_SECONDS = 45
DRAIN_SECONDS = 60
NEVER_TWICE = frozenset({IN_WEB, ECHOED})
"""A browser is shown its log: there is nothing of an unknown fate."""

POINTS = (
    "before offset of telegram",
    "after offset of telegram",
    "before effect of telegram",
    "after effect of telegram",
)
"""Where Telegram kills: when it is asked to confirm updates or to show something, before it does,
and after that but before it answers."""
RARE = ("note", "release")
"""Points that are passed once a second at most, or once in a session."""

Say = Callable[[str], Awaitable[Any]]
Trouble = Callable[[], Awaitable[None]]


class Torture:
    """People who go on talking while their gateway dies under them."""

    def __init__(
        self,
        scribe: Scribe,
        telegram: Telegram,
        xmpp: Xmpp,
        browser: Browser,
        gateway: Mortal,
        chance: random.Random,
    ) -> None:
        self.scribe = scribe
        self.telegram = telegram
        self.xmpp = xmpp
        self.browser = browser
        self.gateway = gateway
        self.chance = chance
        self._talking: list[asyncio.Task[None]] = []
        self._saying: set[asyncio.Future[Any]] = set()

    def talk(self, speaker: str, say: Say, places: tuple[str, ...], pause: float) -> None:
        """Let somebody say numbered messages from now on, each to be shown in some places.

        ``pause`` are the seconds between two, on the average.
        """
        self._talking.append(asyncio.create_task(self._talk(speaker, say, places, pause)))

    async def _talk(self, speaker: str, say: Say, places: tuple[str, ...], pause: float) -> None:
        due, number = self.scribe.due, 0
        mine: deque[Due] = deque()
        while True:
            number += 1
            for place in places:
                name, _, conversation = place.partition("@")
                self.scribe.happened(Said(conversation, name, number))
                mine.append((conversation, name, number))
            # What was begun is said to the end, though its speaker be hushed.
            saying = asyncio.ensure_future(say(f"{speaker} {number}"))
            self._saying.add(saying)
            saying.add_done_callback(self._saying.discard)
            await asyncio.shield(saying)
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * pause)
            while mine and (len(mine) >= BACKLOG * len(places) or mine[0] not in due):
                await self.scribe.changed.until(partial(_is_none_of, mine[0], due), None)
                mine.popleft()

    async def hush(self) -> None:
        """Let everybody finish; raises what stopped one of them before."""
        for task in self._talking:
            task.cancel()
        for end in await asyncio.gather(*self._talking, return_exceptions=True):
            if not isinstance(end, asyncio.CancelledError):
                raise AssertionError("somebody fell silent") from end

    async def begin(self) -> None:
        """A first life in peace: what was said before it is not for us."""
        await self.gateway.start()
        await self.xmpp.visited()
        await self.scribe.changed.until(lambda: self.browser.visits > 0, START_SECONDS)

    async def all_are_heard(self) -> None:
        """The end of the first life: everybody has said something, and it was shown."""
        await asyncio.sleep(0)  # now everybody has begun
        first = set(self.scribe.due)
        await self.scribe.changed.until(lambda: first.isdisjoint(self.scribe.due), START_SECONDS)
        assert await self.gateway.stop() == 0

    # Dying

    async def die_at(self, point: str) -> None:
        """Run until the process has died at a point."""
        passage = 1 if any(word in point for word in RARE) else self.chance.randint(2, 6)
        if point in POINTS:
            when, what, *_ = point.split()
            method = "getUpdates" if what == "offset" else "sendMessage"
            await self.gateway.start()
            self.telegram.ambush = Ambush(method, passage, when == "before", self.gateway.kill)
        else:
            await self.gateway.start(point, passage)
        try:
            code = await self.gateway.death(POINT_SECONDS)
        except TimeoutError:
            self._keep_chronicle()
            due = sorted(self.scribe.due, key=str)[:20]  # a loss makes its speaker fall silent
            raise AssertionError(f"{point} is not passed {passage} times; due: {due}") from None
        assert code == -9, f"the gateway ended by itself, at {point}: {code}"
        await self._buried(f"{point}, passage {passage}")

    async def die_soon(self, *troubles: Trouble) -> None:
        """Kill the process at any moment: while it starts, or while it works or has trouble."""
        await self.gateway.start()
        sign = self.chance.choice([None, "telegram", "xmpp", "web"])
        await self._alive(sign)
        for trouble in troubles:
            await trouble()
        moment = await self._a_moment()
        await self._kill(f"{moment:.3f} s after {sign or 'its start'}")

    async def die_late(self, *troubles: Trouble) -> None:
        """Kill the process after it has lived on over troubles, one soon after the other."""
        await self.gateway.start()
        await self._alive("xmpp")
        for trouble in troubles:
            await self._a_moment()
            await trouble()
        await self._settled()
        await self._kill(f"what it did after {len(troubles)} troubles")

    async def _a_moment(self) -> float:
        """Any time up to half a second."""
        moment = self.chance.uniform(0, 0.5)
        await asyncio.sleep(moment)
        return moment

    async def _kill(self, how: str) -> None:
        assert self.gateway.alive, "the gateway ended by itself"
        self.gateway.kill()
        await self.gateway.death(START_SECONDS)
        await self._buried(how)

    async def _settled(self) -> None:
        """Wait until all is shown that was said up to now, while people go on talking."""
        missing = set(self.scribe.due)
        with suppress(TimeoutError):
            await self.scribe.changed.until(
                lambda: missing.isdisjoint(self.scribe.due), SETTLE_SECONDS
            )
            return
        self._keep_chronicle()
        missing &= self.scribe.due
        raise AssertionError(f"nothing settles: {sorted(missing, key=str)[:20]}")

    async def _alive(self, network: str | None) -> None:
        """Wait until the new process is at work in a network."""
        polls, visits, past = self.telegram.polls, self.browser.visits, len(self.scribe.chronicle)

        def seen_in_xmpp() -> bool:
            news = self.scribe.chronicle[past:]
            return any(isinstance(one, Shown) and one.conversation[:4] == "xmpp" for one in news)

        signs: dict[str | None, Callable[[], bool]] = {
            None: lambda: True,
            "telegram": lambda: self.telegram.polls > polls,
            "xmpp": seen_in_xmpp,
            "web": lambda: self.browser.visits > visits,
        }
        await self.scribe.changed.until(signs[network], START_SECONDS)

    async def _buried(self, how: str) -> None:
        """What a process that died has said comes before its death."""
        await self.telegram.silent()
        await self.xmpp.silent()
        self.scribe.happened(Died(how))

    # Troubles of the networks

    async def cut(self) -> None:
        """Cut the connection to the XMPP server."""
        self.xmpp.cut()

    async def restart(self) -> None:
        """Restart the XMPP server."""
        await self.xmpp.restart()

    # The end

    async def work_off(self) -> Chronicle:
        """Let a gateway live until all is shown that was said, and stop it; the chronicle."""
        await self.hush()
        await self.gateway.start()
        with suppress(TimeoutError):  # the checker says what is missing
            await self.scribe.changed.until(lambda: not self.scribe.due, DRAIN_SECONDS)
        assert await self.gateway.stop() == 0
        await self.telegram.silent()
        await self.xmpp.silent()
        self._keep_chronicle()
        return self.scribe.chronicle

    def _keep_chronicle(self) -> None:
        """Beside the ledger, for whoever has to find out."""
        chronicle = self.scribe.chronicle
        counts = {
            kind.__name__: sum(isinstance(one, kind) for one in chronicle)
            for kind in dict.fromkeys(map(type, chronicle))
        }
        lines = [repr(one) for one in chronicle] + [f"{counts}, repeats: {repeats(chronicle)}"]
        (self.gateway.directory / "chronicle.txt").write_text("\n".join(lines))


def _is_none_of(one: Due, due: set[Due]) -> bool:
    return one not in due


@asynccontextmanager
async def torture(tmp_path: Path, database: str, seed: int) -> AsyncIterator[Torture]:
    """Everybody talks to a bot that answers each message."""
    scribe = Scribe()
    xmpp = Xmpp(tmp_path / "prosody", scribe, ("alice", "bob"))
    browser = Browser(free_port(), "wendy", scribe)
    async with Telegram(scribe) as telegram, xmpp.running():
        bot = telegram.bot(token=TOKEN, username="OurBot")
        telegram.be_difficult()
        group = telegram.group("Friends")
        await group.invites(bot)
        configuration = CONFIGURATION.format(
            database=database,
            token=TOKEN,
            api=telegram.url,
            host=HOST,
            password=PASSWORD,
            xmpp=xmpp.link.port,
            nick=NICK,
            room=ROOM,
            rooms=ROOMS,
            group=group.id,
            port=browser.url.split(":")[2].partition("/")[0],
        )
        async with Mortal(tmp_path / "gateway", configuration, BOT) as gateway:
            case = Torture(scribe, telegram, xmpp, browser, gateway, random.Random(seed))
            looking = asyncio.create_task(browser.live())
            await case.begin()
            await talk_in_telegram(case, bot)
            talk_in_xmpp(case)
            await talk_in_the_room(case, group)
            try:
                await case.all_are_heard()
                yield case
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
                await case.hush()


async def talk_in_telegram(case: Torture, bot: Bot) -> None:
    """People in private chats, and in groups that are in no room."""
    telegram = case.telegram
    chats = []
    for number in range(PEOPLE):
        person = telegram.user(f"Person{number}")
        chats.append((person, telegram.private(person, bot)))
    for number in range(GROUPS):
        group, person = telegram.group(f"Group{number}"), telegram.user(f"Member{number}")
        await group.invites(bot)
        await person.joins(group)
        chats.append((person, group))
    for person, chat in chats:
        name = person.first_name.lower()
        say: Say = lambda text, person=person, chat=chat: person.says(chat, text)  # noqa: E731
        case.talk(name, say, (f"answer to {name}@telegram {chat.id}",), 0.2)


def talk_in_xmpp(case: Torture) -> None:
    """People in private chats."""
    for user in case.xmpp.users:
        say: Say = lambda text, user=user: case.xmpp.say(user, text)  # noqa: E731
        case.talk(f"{user}s", say, (f"answer to {user}s@xmpp {user}",), 0.3)


async def talk_in_the_room(case: Torture, group: Any) -> None:
    """One person in each of the three; the bot of the room answers in all of them."""
    tom, alice = case.telegram.user("Tom"), case.xmpp.users[0]
    await tom.joins(group)
    says: dict[str, tuple[str, Say]] = {
        "tom": (f"telegram {group.id}", lambda text: tom.says(group, text)),
        alice: (IN_ROOM, lambda text: case.xmpp.tell(alice, text)),
        "wendy": (IN_WEB, case.browser.say),
    }
    places = [place for place, _ in says.values()]
    for speaker, (own, say) in says.items():
        shown = [f"{speaker}@{place}" for place in places if place != own]
        answered = [f"answer to {speaker}@{place}" for place in places]
        echoed = [f"{speaker}@{ECHOED}"] * (own == IN_WEB)
        case.talk(speaker, say, (*shown, *answered, *echoed), 0.4)
