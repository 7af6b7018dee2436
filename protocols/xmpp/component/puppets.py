"""The people of other networks in our rooms, each an occupant of their own.

A puppet enters when its person speaks, stays while they are not silent for too long, and comes
back to the rooms it was in after a gap: the server may have put everybody out, or have kept them
as ghosts, whom an entry under the same JID revives.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from gateway.delivery.server import Port
from gateway.vocabulary.errors import LedgerAway, NotSent, Refused
from gateway.vocabulary.events import Author
from protocols.xmpp.component.names import RESOURCE, jid_from_author
from protocols.xmpp.component.pictures import Pictures
from protocols.xmpp.component.puppet import Puppet
from protocols.xmpp.identity import bare
from protocols.xmpp.link import Link
from protocols.xmpp.rooms import Rooms

logger = logging.getLogger(__name__)

ENTER_SECONDS = 5.0
"""How long a message waits for the bot to be in the room: it must hear what is said there."""
LOOK_SECONDS = 5.0
"""How often it is looked who has been silent for too long, and what is to be remembered."""
REMEMBERED = 2000
"""Puppets that come back after a restart."""
NOTE = "xmpp.puppets"
"""The note in which they are kept."""


class Puppets:
    """Who is where, and what they are called there."""

    def __init__(
        self,
        domain: str,
        port: Port,
        link: Link,
        rooms: Rooms,
        pictures: Pictures,
        *,
        most: int,
        hours: float,
    ) -> None:
        self._domain = domain
        self._port = port
        self._link = link
        self._rooms = rooms
        self._pictures = pictures
        pictures.changed = self._show
        self._most = most
        self._silence = hours * 3600
        self._here: dict[str, dict[str, Puppet]] = {}
        """By room and full JID."""
        self._gone: set[tuple[str, str]] = set()
        """Rooms and nicks of those that left, until the room has shown it to the bot."""
        self._noted = ""

    def __iter__(self) -> Iterator[Puppet]:
        return iter([puppet for here in self._here.values() for puppet in here.values()])

    def of(self, room: str) -> list[Puppet]:
        """The puppets of a room."""
        return list(self._here.get(room, {}).values())

    def find(self, room: str, jid: str) -> Puppet | None:
        """The puppet with this full JID in a room, wherever it stands there."""
        return self._here.get(room, {}).get(jid)

    def behind(self, jid: str, room: str = "") -> Puppet | None:
        """The puppet with this JID, bare or full: the one in the room, if it is there too."""
        full = f"{bare(jid)}/{RESOURCE}"
        everywhere = [here[full] for here in self._here.values() if full in here]
        return self.find(room, full) or next(iter(everywhere), None)

    def holds(self, room: str, nick: str) -> bool:
        """Whether an occupant is one of ours, or was until now."""
        return (room, nick) in self._gone or any(nick == p.nick for p in self.of(room))

    # Speaking

    async def speaker(self, room: str, author: Author, account: str) -> Puppet | None:
        """The puppet of a person of an account, in the room; None: the bot has to speak for them.

        Raises ``NotSent`` while we are not in the room ourselves, ``Refused`` if the room has
        put this person out.
        """
        await self._be_there(room)
        puppet = self._puppet(room, author, account)
        if puppet is None:
            return None
        puppet.rename(author["name"])
        await self._bring(puppet)
        if puppet.barred:
            raise Refused("forbidden", f"{room}: {puppet.barred}")
        return puppet if puppet.joined and not puppet.mute else None

    def present(self, room: str, author: Author) -> Puppet | None:
        """The puppet of a person, if it is in the room and may speak."""
        puppet = self.find(room, jid_from_author(author["id"], self._domain))
        return puppet if puppet is not None and puppet.joined and not puppet.mute else None

    async def _be_there(self, room: str) -> None:
        self._link.ready()
        member = self._rooms.add(room)
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                await member.entered.wait()
        except TimeoutError:
            raise NotSent(f"not in {room}: {member.trouble or 'still joining'}") from None

    def _puppet(self, room: str, author: Author, account: str) -> Puppet | None:
        jid = jid_from_author(author["id"], self._domain)
        puppet = self.find(room, jid)
        if puppet is None and self._has_room(room):
            puppet = Puppet(room, jid, author["id"], author["name"])
            self._here.setdefault(room, {})[jid] = puppet
        if puppet is not None:
            puppet.account, puppet.spoke_at = account, time.time()
        return puppet

    def _has_room(self, room: str) -> bool:
        return len(self._here.get(room, ())) < self._most

    async def _bring(self, puppet: Puppet) -> None:
        member = self._rooms.get(puppet.room)
        puppet.looks = self._pictures.update(puppet.author)
        await puppet.enter(self._link, member.password if member is not None else None)
        if puppet.joined:
            puppet.show(self._link)
            self._pictures.want(puppet.author, puppet.account)

    def _show(self, author: str) -> None:
        """It is known now what a person looks like."""
        for puppet in self:
            if puppet.author == author:
                puppet.looks = self._pictures.update(author)
                puppet.show(self._link)

    # Coming back

    async def recall(self) -> None:
        """Know again who was in which room."""
        self._noted = await self._port.noted(NOTE) or ""
        for written in json.loads(self._noted or "[]")[:REMEMBERED]:
            puppet = Puppet.from_note(written, self._domain)
            if self._has_room(puppet.room):
                self._here.setdefault(puppet.room, {}).setdefault(puppet.jid, puppet)

    async def return_to(self, room: str) -> None:
        """We are in a room: who is not, and was, comes back."""
        for puppet in self.of(room):
            if not puppet.joined and not puppet.kept_out:
                try:
                    await self._bring(puppet)
                except NotSent:
                    return

    def lose(self) -> None:
        """The connection is gone; whom a room still has then is a ghost."""
        self._gone.clear()
        for puppet in self:
            puppet.lose()

    async def run(self) -> None:
        """Let the silent leave, and remember who is there, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._dismiss_silent()
            await self.remember()

    async def remember(self) -> None:
        """Keep in the ledger who is in which room, if that has changed."""
        known = sorted(self, key=lambda puppet: puppet.spoke_at, reverse=True)[:REMEMBERED]
        note = json.dumps([puppet.note() for puppet in sorted(known, key=lambda p: p.since)])
        if note == self._noted:
            return
        try:
            await self._port.note(NOTE, note)
        except LedgerAway as error:
            logger.debug("who is in which room is not kept yet: %s", error)
        else:
            self._noted = note

    # Going

    def _dismiss_silent(self) -> None:
        for puppet in self:
            if time.time() - puppet.spoke_at > self._silence and self._link.online() is not None:
                self._dismiss(puppet)

    def leave(self, room: str) -> None:
        """We do not want to be in a room any more."""
        for puppet in self.of(room):
            self._dismiss(puppet)

    def _dismiss(self, puppet: Puppet) -> None:
        del self._here[puppet.room][puppet.jid]
        if puppet.nick:
            self._gone.add((puppet.room, puppet.nick))
        puppet.leave(self._link)

    def say_goodbye(self) -> None:
        """We are about to disconnect; who is there now comes back with us."""
        for puppet in self:
            if puppet.joined:
                puppet.leave(self._link)

    # From the wire

    def presence(self, stanza: Element) -> None:
        """Take what a room tells a puppet of itself; what it tells of others the bot knows."""
        puppet = self.find(bare(stanza.get("from", "")), stanza.get("to", ""))
        if puppet is not None:
            puppet.take(stanza)

    def shown(self, stanza: Element) -> bool:
        """Whether what a room tells the bot is about a puppet, and so no news of a person."""
        room, _, nick = stanza.get("from", "").partition("/")
        if not nick or not self.holds(room, nick):
            return False
        if stanza.get("type") == "unavailable":
            self._gone.discard((room, nick))
        return True
