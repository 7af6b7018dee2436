"""Which rooms the account should be in: the groups that are known, and where it was invited."""

from __future__ import annotations

import asyncio
import json
import logging
from xml.etree.ElementTree import Element

from slixmpp.exceptions import XMPPError

from gateway.delivery.server import Port
from protocols.xmpp.identity import place_from_key
from protocols.xmpp.link import Link
from protocols.xmpp.places import Places
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.stream import Stream
from protocols.xmpp.translate import invitation_from_stanza

logger = logging.getLogger(__name__)

INVITED_ROOMS = 100
"""Rooms that strangers may get us into."""
DISCO_SECONDS = 10

INVITED = "xmpp.invited"
"""The note in which the rooms of strangers' invitations are kept."""


class Attendance:
    """Tells ``Rooms`` where to be."""

    def __init__(self, port: Port, link: Link, rooms: Rooms, places: Places) -> None:
        self._port = port
        self._link = link
        self._rooms = rooms
        self._places = places

    async def recall(self) -> None:
        """Want to be in every group that is known, and in the rooms of invitations."""
        for conversation, facts in (await self._port.conversations()).items():
            place = place_from_key(conversation)
            kind = (facts or self._places.facts(conversation))["chat"]["kind"]
            if kind == "group" and "/" not in place:
                self._rooms.add(place)
        for jid in json.loads(await self._port.noted(INVITED) or "[]"):
            self._rooms.add(jid, invited=jid not in self._rooms)

    async def look_round(self, stream: Stream) -> None:
        """Learn where rooms are, and which members without a known kind are rooms."""
        for conversation in await self._port.conversations():
            place = place_from_key(conversation)
            if "/" in place or place in self._rooms:
                continue
            if await _is_conference(stream, place):
                self._rooms.add(place)

    async def enter(self, conversation: str) -> None:
        """Join the room, if it is one."""
        place = place_from_key(conversation)
        if "/" in place or place in self._rooms:
            return
        stream = self._link.online()
        group = self._places.facts(conversation)["chat"]["kind"] == "group"
        if group or (stream is not None and await _is_conference(stream, place)):
            self._rooms.add(place)

    def invited(self, stanza: Element) -> bool:
        """Whether a message is an invitation; it is accepted, unless there were too many."""
        invitation = invitation_from_stanza(stanza)
        if invitation is None:
            return False
        known = invitation.room in self._rooms
        invited = [member.room.jid for member in self._rooms if member.invited]
        if not known and len(invited) >= INVITED_ROOMS:
            logger.warning("too many invitations: room=%s is not entered", invitation.room)
            return True
        self._rooms.add(invitation.room, password=invitation.password, invited=not known)
        if not known:
            self._keep([*invited, invitation.room])
        return True

    def _keep(self, invited: list[str]) -> None:
        task = asyncio.ensure_future(self._port.note(INVITED, json.dumps(invited)))
        task.add_done_callback(_tell)


async def _is_conference(stream: Stream, jid: str) -> bool:
    try:
        found = await stream.plugin["xep_0030"].get_info(
            jid=jid, timeout=DISCO_SECONDS, cached=False
        )
    except XMPPError:
        return False
    identities = found["disco_info"]["identities"]
    return any(category == "conference" for category, *_ in identities)


def _tell(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("the rooms of invitations were not kept", exc_info=task.exception())
