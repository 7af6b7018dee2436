"""The rooms of the account: being in them, noticing that we are not, coming back."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterator
from typing import Protocol
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout, XMPPError
from slixmpp.jid import JID

from protocols.xmpp.elements import ERROR, STANZA_ERRORS
from protocols.xmpp.identity import bare
from protocols.xmpp.membership import ACCEPT_DEFAULTS, Membership, join_stanza, leave_stanza
from protocols.xmpp.occupants import Change, Occupant, Room, removal_from_presence, statuses
from protocols.xmpp.past import MAM
from protocols.xmpp.settings import Bound
from protocols.xmpp.stream import Stream
from protocols.xmpp.text import attribute_from_text

logger = logging.getLogger(__name__)

JOIN_SECONDS = 30
JOINS_AT_ONCE = 50
PING_EVERY = 60.0
"""Seconds between looking whether the room still has us (XEP-0410)."""
PING_SECONDS = 15
BACKOFF = (2.0, 60.0)
"""Seconds before the next try where a fault may pass."""
SLOWLY = 600.0
"""Seconds before the next try where a person has to change something."""
KICKED = 60.0
NICKS = 5
"""How many names are tried when ours is taken."""

REFUSALS = {
    "forbidden": "banned from the room",
    "registration-required": "the room is for members only",
    "not-authorized": "the room wants a password",
    "not-allowed": "the room does not exist, and may not be made",
    "gone": "the room is gone",
}
"""Why a room does not let us in (XEP-0045, 7.2), where waiting alone does not help."""


class NotLetIn(Exception):
    """A room refused us; ``seconds`` until it is worth another try, None: the usual backoff."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Watcher(Protocol):
    """Who is told what happens in the rooms."""

    def rooms_changed(self) -> None:
        """We came into a room or are out of it."""

    def people_changed(self, room: Room) -> None:
        """Somebody came or went."""

    def joining(self, room: Room) -> None:
        """We are about to enter: what was said meanwhile comes before what is said then."""

    def left(self, room: Room) -> None:
        """We are in the room no more, and do not want to be."""

    async def catch_up(self, room: Room) -> None:
        """We are in, and it is known whether there is an archive: read what we missed, if any."""


class Rooms:
    """Every room we want to be in, each watched by a task of its own while we are online."""

    def __init__(self, nick: str, watcher: Watcher, bound: Bound) -> None:
        self._nick = nick
        self._watcher = watcher
        self._bound = bound
        self._stream: Stream | None = None
        self._members: dict[str, Membership] = {}
        self._at_once = asyncio.Semaphore(JOINS_AT_ONCE)
        self._goodbyes: list[str] = []
        """What is still to be said in a session that is resumed."""

    def __contains__(self, jid: str) -> bool:
        return jid in self._members

    def __iter__(self) -> Iterator[Membership]:
        return iter(list(self._members.values()))

    def get(self, jid: str) -> Membership | None:
        """The membership of a room, if we want to be in it."""
        return self._members.get(jid)

    def room(self, jid: str) -> Room | None:
        """The room of that address, if we want to be in it."""
        member = self._members.get(jid)
        return member.room if member is not None else None

    def add(self, jid: str, *, password: str | None = None, invited: bool = False) -> Membership:
        """Want to be in a room from now on."""
        member = self._members.get(jid)
        if member is None:
            member = self._members[jid] = Membership(Room(jid, self._nick), password, invited)
        elif password is not None:
            member.password = password
        if self._stream is not None and member.keeper is None:
            self._watch(member, self._stream)
        return member

    def leave(self, jid: str) -> None:
        """Want to be in a room no more."""
        member = self._members.pop(jid, None)
        if member is None:
            return
        if member.keeper is not None:
            member.keeper.cancel()
        if self._stream is not None:
            self._stream.say(leave_stanza(member.room))
        else:
            self._goodbyes.append(leave_stanza(member.room))
        member.room.leave()
        self._watcher.left(member.room)

    def troubles(self) -> list[str]:
        """Each room that we should be in and are not, with the reason."""
        return [
            f"not in {member.room.jid}: {member.trouble}"
            for member in self._members.values()
            if member.trouble
        ]

    def start(self, stream: Stream) -> None:
        """We are online; in a session that was resumed we are still in the rooms."""
        self._stream = stream
        goodbyes, self._goodbyes = self._goodbyes, []
        for goodbye in goodbyes if stream.was_resumed else ():
            stream.say(goodbye)
        for member in self:
            if not stream.was_resumed:
                member.out(member.trouble, 0.0)
            self._watch(member, stream)

    def stop(self) -> None:
        """We are offline."""
        self._stream = None
        for member in self._members.values():
            if member.keeper is not None:
                member.keeper.cancel()
                member.keeper = None

    # From the wire

    def presence(self, presence: Element) -> tuple[Change, Occupant | None, Room] | None:
        """Learn from a presence; None if it came from no room of ours."""
        member = self._members.get(bare(presence.get("from", "")))
        if member is None:
            return None
        change, person = member.room.take(presence)
        match change:
            case Change.ENTERED:
                self._entered(member, presence)
            case Change.REFUSED:
                self._refused(member, presence)
            case Change.REMOVED:
                self._removed(member, presence)
        if change in (Change.CAME, Change.WENT, Change.ENTERED):
            self._watcher.people_changed(member.room)
        return change, person, member.room

    def lost(self, jid: str) -> None:
        """A room told us, by refusing a message, that we are not in it."""
        member = self._members.get(jid)
        if member is not None and member.room.joined:
            member.out("the room had lost us", 0.0)
            self._watcher.rooms_changed()

    def _entered(self, member: Membership, presence: Element) -> None:
        member.trouble, member.pause = "", 0.0
        member.room.heard_at = member.room.heard_at or time.monotonic()
        member.removed.clear()
        member.entered.set()
        if "201" in statuses(presence) and self._stream is not None:
            to = attribute_from_text(member.room.jid)
            self._stream.say(ACCEPT_DEFAULTS.format(to=to, id=self._stream.new_id()))
        if member.answer is not None and not member.answer.done():
            member.answer.set_result(None)
        self._watcher.rooms_changed()

    def _refused(self, member: Membership, presence: Element) -> None:
        if member.answer is None or member.answer.done():
            return
        error = presence.find(ERROR)
        tags = [child.tag for child in error] if error is not None else []
        found = next((tag for tag in tags if tag.startswith(STANZA_ERRORS)), "")
        condition = found.removeprefix(STANZA_ERRORS) or "unknown"
        reason = REFUSALS.get(condition)
        refusal = NotLetIn(reason, SLOWLY) if reason else NotLetIn(condition)
        member.answer.set_exception(refusal)

    def _removed(self, member: Membership, presence: Element) -> None:
        reason = removal_from_presence(presence)
        if not reason or "service" in reason:
            pause = BACKOFF[0]
        else:
            pause = KICKED if "kicked" in reason else SLOWLY
        member.out(reason or "the room put us out", pause)
        self._watcher.rooms_changed()

    # Being there

    def _watch(self, member: Membership, stream: Stream) -> None:
        member.keeper = asyncio.create_task(self._keep(member, stream))
        member.keeper.add_done_callback(_tell)

    async def _keep(self, member: Membership, stream: Stream) -> None:
        while True:
            await self._come_in(member, stream)
            if member.room.archived is None:
                await self._look(member.room, stream)
            await self._watcher.catch_up(member.room)
            try:
                async with asyncio.timeout(PING_EVERY * random.uniform(0.8, 1.2)):
                    await member.removed.wait()
            except TimeoutError:
                if not await self._still_in(member.room, stream):
                    member.out("the room had lost us", 0.0)
                    self._watcher.rooms_changed()

    async def _come_in(self, member: Membership, stream: Stream) -> None:
        backoff = BACKOFF[0]
        while not member.room.joined:
            await asyncio.sleep(member.pause * random.uniform(1.0, 1.2))
            try:
                async with self._at_once:
                    await self._join(member, stream)
            except NotLetIn as refusal:
                member.out(str(refusal), refusal.seconds or backoff)
                backoff = min(backoff * 2, BACKOFF[1])
                logger.warning("not let in room=%s reason=%s", member.room.jid, refusal)
                self._watcher.rooms_changed()
            else:
                await self._look(member.room, stream)

    async def _join(self, member: Membership, stream: Stream) -> None:
        for number in range(NICKS):
            member.room.leave()
            member.room.nick = self._nick + "_" * number
            member.answer = asyncio.get_running_loop().create_future()
            self._watcher.joining(member.room)
            stream.say(self._join_stanza(member))
            try:
                async with asyncio.timeout(JOIN_SECONDS):
                    return await member.answer
            except TimeoutError:
                raise NotLetIn(f"no answer in {JOIN_SECONDS} s") from None
            except NotLetIn as refusal:
                if str(refusal) != "conflict":
                    raise
        raise NotLetIn(f"the name {self._nick!r} is taken", SLOWLY)

    def _join_stanza(self, member: Membership) -> str:
        return join_stanza(member.room, member.password, time.monotonic(), self._bound)

    async def _still_in(self, room: Room, stream: Stream) -> bool:
        """Ask ourselves through the room (XEP-0410, section 3)."""
        try:
            await stream.plugin["xep_0199"].send_ping(
                JID(f"{room.jid}/{room.nick}"), timeout=PING_SECONDS
            )
        except IqTimeout:
            return True  # not known; the next ping will tell
        except IqError as error:
            return error.condition in (
                "service-unavailable",
                "feature-not-implemented",
                "item-not-found",
                "remote-server-not-found",
                "remote-server-timeout",
            )
        return True

    async def _look(self, room: Room, stream: Stream) -> None:
        """Ask the room for its title, and whether it keeps an archive."""
        try:
            found = await stream.plugin["xep_0030"].get_info(
                jid=room.jid, timeout=PING_SECONDS, cached=False
            )
        except IqTimeout:
            return
        except XMPPError:
            room.archived = False
            return
        room.archived = MAM in found["disco_info"]["features"]
        for category, _, _, name in found["disco_info"]["identities"]:
            if category == "conference" and name:
                room.title = name


def _tell(keeper: asyncio.Task[None]) -> None:
    if not keeper.cancelled() and keeper.exception() is not None:
        logger.error("a room is not watched any more", exc_info=keeper.exception())
