"""Which rooms the account should be in: the groups that are known, and where it was invited."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from xml.etree.ElementTree import Element

from slixmpp.exceptions import XMPPError

from gateway.delivery.server import Port
from gateway.vocabulary.errors import LedgerAway
from protocols.xmpp.acknowledgement import Settle, settle_nothing
from protocols.xmpp.identity import place_from_key
from protocols.xmpp.invitations import invitation_from_stanza
from protocols.xmpp.link import Link
from protocols.xmpp.notes import LEDGER_SECONDS
from protocols.xmpp.places import Places
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.stream import Stream

logger = logging.getLogger(__name__)

INVITED_ROOMS = 100
"""Rooms that strangers may get us into."""
DISCO_SECONDS = 10

LINGER_SECONDS = 5.0
"""How long we stay in a room that we are to leave, to say there what is on its way."""

INVITED = "xmpp.invited"
"""The note in which the rooms of strangers' invitations are kept."""
LEFT = "xmpp.left"
"""The note in which known groups are kept that we are not to be in."""


class Attendance:
    """Tells ``Rooms`` where to be."""

    def __init__(self, port: Port, link: Link, rooms: Rooms, places: Places) -> None:
        self._port = port
        self._link = link
        self._rooms = rooms
        self._places = places
        self._left: set[str] = set()
        self._going: dict[str, asyncio.TimerHandle] = {}
        self._wanted: dict[str, Callable[[str], Awaitable[None]]] = {}
        """What is to be kept of each room and is not yet."""
        self._accepting: dict[str, list[Settle]] = {}
        """What is to be settled once the invitation to a room is on disk."""
        self._notes = asyncio.Lock()

    async def recall(self) -> None:
        """Want to be in every group that is known, and in the rooms of invitations."""
        known = await self._port.conversations()
        places = {place_from_key(conversation) for conversation in known}
        self._left = await self._change_left(lambda left: left & places)
        for conversation, facts in known.items():
            place = place_from_key(conversation)
            kind = (facts or self._places.facts(conversation))["chat"]["kind"]
            if kind == "group" and "/" not in place and place not in self._left:
                self._rooms.add(place)
        for jid in await self._noted(INVITED):
            self._rooms.add(jid, invited=jid not in self._rooms)

    async def look_round(self, stream: Stream) -> None:
        """Learn where rooms are, and which members without a known kind are rooms."""
        for conversation in await self._port.conversations():
            place = place_from_key(conversation)
            if "/" in place or place in self._rooms or place in self._left:
                continue
            if await _is_conference(stream, place):
                self._rooms.add(place)

    async def enter(self, conversation: str) -> None:
        """Join the room, if it is one."""
        place = place_from_key(conversation)
        if "/" in place:
            return
        if not await self._kept(place, self._stay) or place in self._rooms:
            return
        stream = self._link.online()
        group = self._places.facts(conversation)["chat"]["kind"] == "group"
        if group or (stream is not None and await _is_conference(stream, place)):
            self._rooms.add(place)

    # Leaving

    async def leave(self, conversation: str) -> None:
        """Leave the room in a while, and stay out over a restart; unless people invited us."""
        place = place_from_key(conversation)
        if "/" not in place:
            await self._kept(place, self._leave)

    async def _leave(self, place: str) -> None:
        if place in await self._noted(INVITED):
            return
        self._left.add(place)
        await self._change_left(lambda left: left | {place})
        self._go_soon(place)

    def visited(self, jid: str) -> None:
        """Something was said in a room: one that we were to leave is left in a while."""
        if jid in self._left:
            self._go_soon(jid)

    def _go_soon(self, jid: str) -> None:
        self._forget_going(jid)
        loop = asyncio.get_running_loop()
        self._going[jid] = loop.call_later(LINGER_SECONDS, self._go, jid)

    def _go(self, jid: str) -> None:
        self._going.pop(jid, None)
        self._rooms.leave(jid)

    def _forget_going(self, jid: str) -> None:
        timer = self._going.pop(jid, None)
        if timer is not None:
            timer.cancel()

    async def _stay(self, jid: str) -> None:
        """We are wanted there again."""
        self._forget_going(jid)
        self._left.discard(jid)
        await self._change_left(lambda left: left - {jid})

    async def _kept(self, jid: str, change: Callable[[str], Awaitable[None]]) -> bool:
        """Make a change, however long the ledger is away; False if another was wanted meanwhile."""
        self._wanted[jid] = change
        while self._wanted.get(jid) == change:
            try:
                await change(jid)
            except LedgerAway as error:
                logger.debug("room=%s it is not kept yet whether to be there: %s", jid, error)
                await asyncio.sleep(LEDGER_SECONDS)
                continue
            if self._wanted.get(jid) == change:
                del self._wanted[jid]
            return True
        return False

    async def _change_left(self, change: Callable[[set[str]], set[str]]) -> set[str]:
        """Change the note; what it is now."""
        async with self._notes:
            before = set(await self._noted(LEFT))
            after = change(before)
            if after != before:
                await self._port.note(LEFT, json.dumps(sorted(after)))
        return after

    async def _noted(self, name: str) -> list[str]:
        found: list[str] = json.loads(await self._port.noted(name) or "[]")
        return found

    # Invitations

    def invited(self, stanza: Element, settle: Settle = settle_nothing) -> bool:
        """Whether a message is an invitation; it is accepted, unless there were too many.

        It is settled once it is on disk.
        """
        invitation = invitation_from_stanza(stanza)
        if invitation is None:
            return False
        known = invitation.room in self._rooms
        invited = [member.room.jid for member in self._rooms if member.invited]
        if not known and len(invited) >= INVITED_ROOMS:
            logger.warning("too many invitations: room=%s is not entered", invitation.room)
            settle()
            return True
        self._rooms.add(invitation.room, password=invitation.password, invited=not known)
        if invitation.room not in self._accepting:
            self._accepting[invitation.room] = []
            _soon(self._accept(invitation.room))
        self._accepting[invitation.room].append(settle)
        return True

    async def _accept(self, jid: str) -> None:
        try:
            await self._have_on_disk(jid)
        finally:
            settles = self._accepting.pop(jid)
        if self._link.online() is not None:  # else they come again
            for settle in settles:
                settle()
        self._acknowledge()

    async def _have_on_disk(self, jid: str) -> None:
        """Keep an invitation, however long the ledger is away."""
        left = jid in self._left
        while True:
            try:
                return await self._keep(jid, left=left)
            except LedgerAway as error:
                logger.debug("the invitation to room=%s is not kept yet: %s", jid, error)
            self._acknowledge(late=True)
            await asyncio.sleep(LEDGER_SECONDS)

    async def _keep(self, jid: str, *, left: bool) -> None:
        invited = [member.room.jid for member in self._rooms if member.invited]
        if jid in invited:
            await self._port.note(INVITED, json.dumps(invited))
        if left:
            await self._stay(jid)

    def _acknowledge(self, *, late: bool = False) -> None:
        stream = self._link.online()
        if stream is not None:
            stream.acknowledge(late=late)


async def _is_conference(stream: Stream, jid: str) -> bool:
    try:
        found = await stream.plugin["xep_0030"].get_info(
            jid=jid, timeout=DISCO_SECONDS, cached=False
        )
    except XMPPError:
        return False
    identities = found["disco_info"]["identities"]
    return any(category == "conference" for category, *_ in identities)


def _soon(work: Coroutine[Any, Any, None]) -> None:
    asyncio.ensure_future(work).add_done_callback(_tell)


def _tell(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("the rooms of invitations were not kept", exc_info=task.exception())
