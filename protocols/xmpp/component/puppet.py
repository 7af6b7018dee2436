"""One person of another network in one room: coming in under a nick, and what may prevent it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import NotSent
from gateway.vocabulary.ids import protocol_of
from protocols.xmpp.component.address import sent_from
from protocols.xmpp.component.names import jid_from_author, nicks_from_name
from protocols.xmpp.elements import ERROR, STANZA_ERRORS
from protocols.xmpp.link import Link
from protocols.xmpp.occupants import MUC_USER, SELF_PRESENCE, removal_from_presence, statuses
from protocols.xmpp.text import attribute_from_text, body_from_text

logger = logging.getLogger(__name__)

JOIN_SECONDS = 10.0
"""How long a room may take to let a puppet in; meanwhile its person's message waits."""
SLOWLY = 600.0
"""Seconds before a room that does not let a puppet in is asked again."""
KICKED = 60.0

LOST = "the connection was lost"
_OTHER_NICK = ("conflict", "jid-malformed", "bad-request", "not-acceptable")
"""Refusals after which another nick is tried."""


@dataclass(slots=True, eq=False)
class Puppet:
    """Somebody whom we bring into a room."""

    room: str
    jid: str
    author: str
    name: str
    account: str = ""
    """Of the network that they are on; nothing for an operator."""
    nick: str = ""
    """What they are called there, or ask to be called."""
    looks: str = ""
    """What their presences bear of their picture (XEP-0153)."""
    spoke_at: float = field(default_factory=time.time)
    since: float = field(default_factory=time.time)
    joined: bool = False
    mute: bool = False
    """The room lets newcomers listen only."""
    barred: str = ""
    """Why the room does not want this person, while it is not to be asked again."""
    _again_at: float = 0.0
    _renamed: bool = False
    _before: str = ""
    """The nick that they give up by what they ask for."""
    _shown: str = ""
    """The looks that the room was told."""
    _answer: asyncio.Future[str] | None = None
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def from_note(cls, note: Any, domain: str) -> Puppet:
        """Read what ``note`` wrote."""
        room, author, name, account, nick, since, spoke_at = note
        jid = jid_from_author(author, domain)
        return cls(room, jid, author, name, account, nick, spoke_at=spoke_at, since=since)

    def note(self) -> list[Any]:
        """What is to be kept; of the last words only the hour, or it would change all the time."""
        hour = self.spoke_at // 3600 * 3600
        return [self.room, self.author, self.name, self.account, self.nick, self.since, hour]

    @property
    def network(self) -> str:
        """What the network is called, for people."""
        return protocol_of(self.account) or "operator"

    @property
    def kept_out(self) -> bool:
        """Whether it is too early to ask the room again."""
        return time.monotonic() < self._again_at

    def rename(self, name: str) -> None:
        """The person is called otherwise now."""
        if name != self.name:
            self.name, self._renamed = name, True

    # Coming in

    async def enter(self, link: Link, password: str | None) -> None:
        """Be in the room under the best nick there is, if the room allows it."""
        async with self._entering:
            if (self.joined and not self._renamed) or self.kept_out:
                return
            self.barred = ""
            for nick in self._nicks():
                refusal = await self._ask(nick, link, password)
                if refusal not in _OTHER_NICK:
                    break
            self._renamed = False
            if refusal == LOST:
                raise NotSent(LOST)
            if refusal and not self.joined:
                self._stay_out(refusal, "is banned from the room" if refusal == "forbidden" else "")

    def _nicks(self) -> list[str]:
        """The nick of before comes first: a ghost of ours may have it still."""
        nicks = nicks_from_name(self.name, self.network, self.author)
        return [self.nick, *nicks] if self.nick and not self._renamed else nicks

    async def _ask(self, nick: str, link: Link, password: str | None) -> str:
        """Ask for a nick; returns why not, or nothing."""
        stream = link.ready()
        before, self.nick = self.nick, nick
        self._before = before if self.joined and before != nick else ""
        self._answer = asyncio.get_running_loop().create_future()
        stream.say(self._join_stanza(password))
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                refusal = await self._answer
        except TimeoutError:
            refusal = "no answer"
        finally:
            self._answer = None
        if refusal and self.joined:
            self.nick = before
        return refusal

    def _join_stanza(self, password: str | None) -> str:
        to = attribute_from_text(f"{self.room}/{self.nick}")
        secret = f"<password>{body_from_text(password)}</password>" if password else ""
        stanza = (
            f"<presence to='{to}'><x xmlns='http://jabber.org/protocol/muc'>"
            f"<history maxstanzas='0'/>{secret}</x>{self.looks}</presence>"
        )
        self._shown = self.looks
        return sent_from(stanza, self.jid)

    def _stay_out(self, reason: str, barred: str, seconds: float = SLOWLY) -> None:
        logger.warning("puppet=%s room=%s not in: %s", self.jid, self.room, reason)
        self.joined, self.barred = False, barred
        self._again_at = time.monotonic() + seconds

    def show(self, link: Link) -> None:
        """Tell the room what they look like, if it was not told, and not while it is asked."""
        stream = link.online()
        settled = self.joined and self._answer is None
        if stream is not None and settled and self.looks != self._shown:
            to = attribute_from_text(f"{self.room}/{self.nick}")
            stream.say(sent_from(f"<presence to='{to}'>{self.looks}</presence>", self.jid))
            self._shown = self.looks

    # Going out

    def leave(self, link: Link) -> None:
        """Go, if anybody can be told."""
        stream = link.online()
        if stream is not None and self.nick:
            to = attribute_from_text(f"{self.room}/{self.nick}")
            stream.say(sent_from(f"<presence to='{to}' type='unavailable'/>", self.jid))
        self.joined = False

    def lose(self) -> None:
        """The room does not have us, or the connection is gone; its grudges are forgotten."""
        self.joined, self.barred, self._again_at = False, "", 0.0
        self._tell(LOST)

    # From the room

    def take(self, presence: Element) -> None:
        """Learn from a presence whether we are in."""
        nick = presence.get("from", "").partition("/")[2]
        match presence.get("type"):
            case "error":
                self._tell(_condition(presence))
            case None if self._answer is not None and SELF_PRESENCE in statuses(presence):
                if nick != self._before:  # else the room repeats how they looked until now
                    self._let_in(nick, presence)
            case "unavailable" if self.joined and nick == self.nick:
                self._put_out(presence)

    def _let_in(self, nick: str, presence: Element) -> None:
        item = presence.find(f"{MUC_USER}x/{MUC_USER}item")
        self.nick, self.joined = nick, True
        self.mute = item is not None and item.get("role") == "visitor"
        self._tell("")

    def _put_out(self, presence: Element) -> None:
        reason = removal_from_presence(presence)
        if "kicked" in reason:
            self._stay_out(reason, "was kicked out of the room just now", KICKED)
        elif reason and "service" not in reason:
            self._stay_out(reason, reason if "banned" in reason else "")
        self.joined = False

    def _tell(self, refusal: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(refusal)


def _condition(presence: Element) -> str:
    error = presence.find(ERROR)
    tags = [child.tag for child in error] if error is not None else []
    found = next((tag for tag in tags if tag.startswith(STANZA_ERRORS)), "")
    return found.removeprefix(STANZA_ERRORS) or "undefined-condition"
