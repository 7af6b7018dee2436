"""The far ends of a gateway: a Telegram, an XMPP server and a browser that keep a chronicle.

Each writes down what its chats were shown, and knows when nothing of a gateway that died is on
its way any more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import aiohttp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from checker import AnswerLost, Cut, Happening, Said, Shown
from gateway.testing.botapi import BotApi
from gateway.testing.botapi.bell import Bell
from gateway.testing.botapi.faults import Fault
from people import Link, Person
from prosody import HOST, ROOMS, Prosody

SECONDS = 20
BOT = f"bot@{HOST}"
NICK = "bridge"
ROOM = "lobby"
IN_ROOM = f"xmpp {ROOM}"
IN_WEB = f"web {ROOM}"
ECHOED = f"web {ROOM}, its own"
"""What a browser said itself comes back to it, as soon as it is accepted."""

Due = tuple[str, str, int | None]
"""What a conversation is to be shown, and has not been."""

_NAMED = re.compile(r"((?:answer to )?\w+) (\d+)$")
_MAM = "{urn:xmpp:mam:2}"
_RSM = "{http://jabber.org/protocol/rsm}"
_MESSAGE = "{jabber:client}message"
_BODY = "{jabber:client}body"
_STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


@dataclass
class Scribe:
    """Writes the chronicle."""

    chronicle: list[Happening] = field(default_factory=list)
    due: set[Due] = field(default_factory=set)
    changed: Bell = field(default_factory=Bell)

    def happened(self, happening: Happening) -> None:
        """Write it down."""
        self.chronicle.append(happening)
        match happening:
            case Said(conversation):
                self.due.add((conversation, *happening.name))
            case Shown(conversation):
                self.due.discard((conversation, *happening.name))
        self.changed.ring()

    def shown(self, conversation: str, text: str) -> None:
        """A chat was shown a text."""
        self.happened(Shown(conversation, *name_of(text), text))


def name_of(text: str) -> tuple[str, int | None]:
    """The speaker and the number that a text ends with."""
    found = _NAMED.search(text)
    return (found[1], int(found[2])) if found else ("", None)


# Telegram


@dataclass
class Ambush:
    """The network kills the gateway when a method is called for the so-manieth time."""

    method: str
    passage: int
    early: bool
    kill: Callable[[], None]

    def strikes(self, method: str) -> bool:
        """Whether it is now; counts."""
        if method != self.method:
            return False
        self.passage -= 1
        return self.passage == 0


class Telegram(BotApi):
    """A Bot API that keeps a chronicle."""

    def __init__(self, scribe: Scribe) -> None:
        super().__init__()
        self.scribe = scribe
        self.ambush: Ambush | None = None
        self.polls = 0

    def be_difficult(self) -> None:
        """Refuse, flood and cut, as long as it runs."""
        self.faults.rules += [
            Fault("reset", "sendMessage", times=None, every=37, after=True),
            Fault("reset", "sendMessage", times=None, every=31),
            Fault("answer", "sendMessage", times=None, every=29),
            Fault("flood", "sendMessage", times=None, every=97, seconds=1),
            Fault("answer", "getUpdates", times=None, every=41),
            Fault("reset", "getUpdates", times=None, every=43, after=True),
        ]

    async def silent(self) -> None:
        """Wait until no request of a process that died is being carried out."""
        async with asyncio.timeout(SECONDS):
            while getattr(self._runner.server, "connections", ()):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.002)

    async def _perform(self, bot: Any, method: str, given: dict[str, Any]) -> Any:
        if method == "getUpdates":
            self.polls += 1
            self.scribe.changed.ring()
        struck = self._ambushed(bot, method, given)
        if struck is not None and struck.early:
            await self._kill(struck)
        if struck is not None and method == "getUpdates":
            bot.updates.confirm(given["offset"])
            await self._kill(struck)
        result = await super()._perform(bot, method, given)
        if method == "sendMessage":
            self.scribe.shown(place(given), given["text"])
        if struck is not None:
            await self._kill(struck)
        return result

    def _ambushed(self, bot: Any, method: str, given: dict[str, Any]) -> Ambush | None:
        if self.ambush is None or (method == "getUpdates" and not _confirms(bot, given)):
            return None
        return self.ambush if self.ambush.strikes(method) else None

    async def _kill(self, ambush: Ambush) -> None:
        self.ambush = None
        ambush.kill()
        await asyncio.get_running_loop().create_future()  # there is nobody to answer

    async def _fail(self, fault: Fault, *request: Any) -> Any:
        try:
            return await super()._fail(fault, *request)
        finally:
            method, given = request[-2:]
            if fault.after and method == "sendMessage":
                self.scribe.happened(AnswerLost(place(given), *name_of(given["text"])))


def place(given: dict[str, Any]) -> str:
    """The chat of a request."""
    return f"telegram {given['chat_id']}"


def _confirms(bot: Any, given: dict[str, Any]) -> bool:
    offset = given.get("offset") or 0
    return any(number < offset for number in bot.updates.waiting)


# XMPP


class Witness(Person):
    """Somebody who writes down what the bot shows, and reads up what came while away."""

    def __init__(self, user: str, port: int, scribe: Scribe, past: Witness | None) -> None:
        super().__init__(user, port)
        self.scribe = scribe
        self.heard: dict[str, dict[str, None]] = {} if past is None else past.heard
        """The ids of what was heard, in order, by archive."""
        self._live: list[Element] | None = []
        self._page: list[Element] = []
        self.client.register_plugin("xep_0199")
        self.client.register_handler(
            Callback("archive", MatchXPath(f"{_MESSAGE}/{_MAM}result"), self._on_result)
        )

    @property
    def jid(self) -> str:
        """The account, whose archive knows the private chats."""
        return f"{self.user}@{HOST}"

    async def _on_message(self, message: Any) -> None:
        if self._live is None:
            self._hear(message.xml)
        else:
            self._live.append(message.xml)

    def _hear(self, message: Element) -> None:
        sender, _, resource = message.get("from", "").partition("/")
        text = message.findtext(_BODY)
        given = {one.get("by"): one.get("id") for one in message.iterfind(_STANZA_ID)}
        archive = sender if message.get("type") == "groupchat" else self.jid
        if not text or not self._is_new(archive, given.get(archive)):
            return
        if sender == BOT:
            self.scribe.shown(f"xmpp {self.user}", text)
        elif message.get("type") == "groupchat" and resource.startswith(NICK):
            self.scribe.shown(IN_ROOM, text)

    def _is_new(self, archive: str, name: str | None) -> bool:
        known = self.heard.setdefault(archive, {})
        new = name is None or name not in known
        if name is not None:
            known[name] = None
        return new

    async def listen(self, *archives: str) -> None:
        """Read up what these archives have, then take what comes."""
        for archive in archives:
            complete = False
            while not complete:
                complete = await self._read_page(archive)
        live, self._live = self._live or [], None
        for message in live:
            self._hear(message)

    async def _read_page(self, archive: str) -> bool:
        query = Element(f"{_MAM}query")
        pages = SubElement(query, f"{_RSM}set")
        SubElement(pages, f"{_RSM}max").text = "50"
        if known := self.heard.get(archive):
            SubElement(pages, f"{_RSM}after").text = next(reversed(known))
        iq = self.client.make_iq_set(ito=archive)
        iq.append(query)
        self._page.clear()
        answer = await iq.send(timeout=SECONDS)
        for result in self._page:
            self._take_result(archive, result)
        return answer.xml.find(f"{_MAM}fin").get("complete") == "true" or not self._page

    def _on_result(self, message: Any) -> None:
        self._page.append(message.xml.find(f"{_MAM}result"))

    def _take_result(self, archive: str, result: Element) -> None:
        said = result.find(f".//{_MESSAGE}")
        assert said is not None
        for old in said.findall(_STANZA_ID):
            said.remove(old)
        SubElement(said, _STANZA_ID, {"by": archive, "id": result.get("id", "")})
        self._hear(said)
        self._is_new(archive, result.get("id"))

    async def through(self) -> None:
        """Wait until the server has taken what was said here, and we what it has for us."""
        await self.client.plugin["xep_0199"].ping(HOST, timeout=SECONDS)


class Xmpp:
    """A Prosody with people; the gateway's way to it can be cut, and it can be restarted."""

    def __init__(self, directory: Path, scribe: Scribe, users: Iterable[str]) -> None:
        directory.mkdir()
        self.users = tuple(users)
        self.scribe = scribe
        self.prosody = Prosody(directory, tls=False, archive=True, users=("bot", *self.users))
        self.link = Link(self.prosody.port)
        self.people: dict[str, Witness] = {}
        self._quiet = asyncio.Lock()
        """Nobody says a word while it is held."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Xmpp]:
        """Run, with everybody there."""
        await self.link.open()
        await self.prosody.start()
        try:
            await self._come()
            yield self
            await self._go()
        finally:
            await self.link.close()
            await self.prosody.stop()

    async def _come(self) -> None:
        for user in self.users:  # the first one makes the room
            past = self.people.get(user)
            person = self.people[user] = Witness(user, self.prosody.port, self.scribe, past)
            inside = user == self.users[0]
            await person.come(*[ROOM] * inside)
            await person.listen(person.jid, *[f"{ROOM}@{ROOMS}"] * inside)

    async def _go(self) -> None:
        await asyncio.gather(*(person.go() for person in self.people.values()))

    async def say(self, user: str, text: str) -> None:
        """Say something to the bot; returns when the server has it."""
        await self._say(lambda: self.people[user].say(BOT, text), user)

    async def tell(self, user: str, text: str) -> None:
        """Say something in the room; returns when the server has it."""
        await self._say(lambda: self.people[user].tell(ROOM, text), user)

    async def _say(self, speak: Callable[[], None], user: str) -> None:
        async with self._quiet:
            speak()
            await self.people[user].through()

    async def visited(self) -> None:
        """Wait until the gateway is in the room."""
        muc = self.people[self.users[0]].client.plugin["xep_0045"]
        async with asyncio.timeout(SECONDS):
            while NICK not in muc.get_roster(f"{ROOM}@{ROOMS}"):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)

    async def silent(self) -> None:
        """Wait until what a process that died has said is with everybody."""
        async with asyncio.timeout(SECONDS):
            while self.link.busy:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.002)
        async with self._quiet:
            await asyncio.gather(*(person.through() for person in self.people.values()))

    def cut(self) -> None:
        """Reset the gateway's connection."""
        self.link.cut()
        self.scribe.happened(Cut("xmpp", "a cut"))

    async def restart(self) -> None:
        """Restart the server; people come back to it before the gateway can.

        In order: a Prosody that is killed loses a message itself, between the archive of who
        sent it and that of whom it is for.
        """
        async with self._quiet:
            self.link.refusing = True
            await self.prosody.stop()
            self.link.cut()
            await self._go()
            await self.prosody.start()
            await self._come()
            self.link.refusing = False
            self.scribe.happened(Cut("xmpp", "a restart of Prosody"))


# The web


class Browser:
    """A tab that comes back by itself, where it was, and says again what was not confirmed."""

    def __init__(self, port: int, name: str, scribe: Scribe) -> None:
        self.url = f"http://127.0.0.1:{port}/ws/rooms/{ROOM}/"
        self.name = name
        self.scribe = scribe
        self.visits = 0
        self._query: dict[str, str] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._confirmed: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, str] = {}

    async def live(self) -> None:
        """Stay, and come back, until cancelled."""
        # Clients keep cookies of an address only if told so.
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            while True:
                try:
                    await self._visit(session)
                except (aiohttp.ClientError, OSError):
                    await asyncio.sleep(0.05)

    async def _visit(self, session: aiohttp.ClientSession) -> None:
        query = {"client": self.name, "name": self.name, **self._query}
        async with session.ws_connect(self.url, params=query) as socket:
            async for frame in socket:
                await self._take(socket, frame.json())
        self._socket = None

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "hello":
                resumed = frame["resumed"]
                assert resumed or not self._query, "the browser could not go on where it was"
                since = self._query.get("since") or str(frame["seq"])
                self._query = {"epoch": frame["epoch"], "since": since}
                self._socket = socket
                self.visits += 1
                self.scribe.changed.ring()
                for ref in list(self._waiting):
                    await self._send(ref)
            case "sent":
                self._waiting.pop(frame["ref"], None)
                self._confirmed.pop(frame["ref"], asyncio.Event()).set()
            case "failed":  # it says when to try again
                await asyncio.sleep(frame.get("retry_after") or 0.1)
                await self._send(frame["ref"])
            case "message":
                self._query["since"] = str(frame["seq"])
                own = frame["client"] == self.name
                self.scribe.shown(ECHOED if own else IN_WEB, frame["text"])

    async def say(self, text: str) -> None:
        """Say something; returns when it is confirmed."""
        ref = text.replace(" ", "-")
        self._waiting[ref] = text
        confirmed = self._confirmed[ref] = asyncio.Event()
        await self._send(ref)
        await confirmed.wait()

    async def _send(self, ref: str) -> None:
        if self._socket is None or ref not in self._waiting:
            return
        try:
            await self._socket.send_json(
                {"type": "message", "text": self._waiting[ref], "ref": ref}
            )
        except (aiohttp.ClientError, OSError):
            return  # said again when we are back
