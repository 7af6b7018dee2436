"""What is known of a place: a person, a room, or somebody in a room. Nothing here performs I/O."""

from __future__ import annotations

from gateway.vocabulary.errors import NotSent, Refused
from gateway.vocabulary.events import Facts
from protocols.xmpp.identity import (
    Identity,
    author_from_occupant,
    bare,
    facts_from_place,
    place_from_key,
)
from protocols.xmpp.occupants import Room
from protocols.xmpp.rooms import Rooms

_CONFERENCE_NAMES = ("conference", "muc", "room", "rooms", "chat", "chats", "groups", "channels")


class Places:
    """Looks places up among the rooms that we want to be in."""

    def __init__(self, us: Identity, rooms: Rooms) -> None:
        self._us = us
        self._rooms = rooms

    def facts(self, conversation: str) -> Facts:
        """What a key tells: a room is one that we want to be in, or whose service is named so."""
        place = place_from_key(conversation)
        jid = bare(place)
        room = self._rooms.room(jid)
        service = jid.rpartition("@")[2]
        if room is None and "@" in jid and service.partition(".")[0] in _CONFERENCE_NAMES:
            room = Room(jid, self._us.nick)
        if room is None or "/" not in place:
            return facts_from_place(place, self._us, room)
        person = room.by_place(place.partition("/")[2])
        user = author_from_occupant(person, self._us, room) if person is not None else None
        return facts_from_place(place, self._us, room, user=user)

    def administers(self, conversation: str, author: str) -> bool:
        """Whether this is an owner or administrator of the room; in private chats everybody is."""
        room = self._rooms.room(place_from_key(conversation))
        if room is None:
            return self.facts(conversation)["chat"]["kind"] == "private"
        return any(
            person.affiliation in ("owner", "admin")
            for person in room.occupants.values()
            if author_from_occupant(person, self._us, room)["id"] == author
        )

    def is_group(self, place: str, facts: Facts) -> bool:
        """Whether what is said there goes to a room."""
        return "/" not in place and (place in self._rooms or facts["chat"]["kind"] == "group")

    def address(self, place: str) -> str:
        """The JID of a place; of somebody in a room, under the present nick.

        Raises ``NotSent`` if we are not in that room, ``Refused`` if that person is not.
        """
        jid, _, person = place.partition("/")
        if not person:
            return jid
        room = self._rooms.room(jid)
        found = room.by_place(person) if room is not None else None
        if room is not None and not room.joined:
            raise NotSent(f"not in {jid}")
        if found is None:
            raise Refused("not_found", f"this person is not in {jid} now")
        return f"{jid}/{found.nick}"
