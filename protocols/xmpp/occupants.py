"""Who is in a room (XEP-0045), as its presence tells it. Nothing here performs I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from xml.etree.ElementTree import Element

MUC_USER = "{http://jabber.org/protocol/muc#user}"
OCCUPANT_ID = "{urn:xmpp:occupant-id:0}occupant-id"

SELF_PRESENCE = "110"
NICK_CHANGED = "303"
LONGEST_ROOM = 20_000
"""Occupants kept of one room; of the others nothing is known but what they say."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """One person in a room."""

    nick: str
    id: str | None = None
    """XEP-0421: stays the same when the nick changes, and nobody else can have it."""
    real: str | None = None
    """The bare JID, where the room shows it."""
    affiliation: str = "none"
    role: str = "none"

    @property
    def place(self) -> str:
        """What names the person within the room: the occupant-id, or else the nick."""
        return self.id or self.nick


RECENT = 200
"""Messages of a room that are known again when the room repeats them."""


class Change(Enum):
    """What a presence from a room meant."""

    NOTHING = auto()
    CAME = auto()
    WENT = auto()
    ENTERED = auto()
    """We are in: everybody who is there has been named."""
    REMOVED = auto()
    """We are out."""
    REFUSED = auto()
    """The room does not let us in, or does not take our new nick."""


@dataclass(slots=True)
class Room:
    """A room as we see it."""

    jid: str
    nick: str
    title: str = ""
    joined: bool = False
    archived: bool | None = None
    """Whether it keeps an archive (XEP-0313); None: not known yet."""
    occupants: dict[str, Occupant] = field(default_factory=dict)
    heard_at: float | None = None
    """When we were last in the room and heard something, or came in."""
    recent: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=RECENT))
    identifies: bool = True
    """Whether the room gives occupant-ids; in one that does not, anybody could write one."""
    words: dict[str, deque[str]] = field(default_factory=dict)
    """What was said lately under a name, by who has it now; kept where names are all there is."""

    def heard_from(self, nick: str, *names: str | None) -> None:
        """Remember what a message is called that was said under a name."""
        if not self.identifies and nick in self.occupants:
            said = self.words.setdefault(nick, deque(maxlen=RECENT))
            said.extend(name for name in names if name)

    def may_change(self, nick: str, name: str) -> bool:
        """Whether a message can be known to be by who has this name now."""
        return self.identifies or name in self.words.get(nick, ())

    def hear(self, message: Element, now: float) -> bool:
        """Remember a message; False if it was heard before, or cannot be told from others."""
        who = occupant_id(message, self)
        heard = (who or message.get("from") or "", message.get("id") or "")
        new = bool(heard[1]) and heard not in self.recent
        self.recent.append(heard)
        self.heard_at = now
        return new

    def leave(self) -> None:
        """Forget who is here: the connection, or our place in the room, is gone."""
        self.joined = False
        self.occupants.clear()
        self.words.clear()

    def others(self) -> Iterator[Occupant]:
        """Everybody but us."""
        return (person for nick, person in self.occupants.items() if nick != self.nick)

    def by_place(self, place: str) -> Occupant | None:
        """The person who has this occupant-id, or has no occupant-id and this nick."""
        for person in self.occupants.values():
            if person.place == place:
                return person
        return None

    def take(self, presence: Element) -> tuple[Change, Occupant | None]:
        """Learn from a presence that came from this room; tells what it meant, and of whom."""
        nick = presence.get("from", "").partition("/")[2]
        match presence.get("type"):
            case None:
                return self._available(nick, presence)
            case "unavailable":
                return self._unavailable(nick, presence)
            case "error" if presence.find("{jabber:client}error") is not None:
                return Change.REFUSED, None
        return Change.NOTHING, None

    def _available(self, nick: str, presence: Element) -> tuple[Change, Occupant | None]:
        if not nick:
            return Change.NOTHING, None
        person = occupant_from_presence(nick, presence)
        if self.joined and not self.identifies:
            person = replace(person, id=None)
        new = nick not in self.occupants
        if new and len(self.occupants) >= LONGEST_ROOM:
            return Change.NOTHING, person
        self.occupants[nick] = person
        if SELF_PRESENCE in statuses(presence):
            self.nick = nick
            self._learn(identifies=person.id is not None)
            entered, self.joined = not self.joined, True
            return (Change.ENTERED if entered else Change.NOTHING), person
        if new and self.joined and nick != self.nick:
            return Change.CAME, person
        return Change.NOTHING, person

    def _unavailable(self, nick: str, presence: Element) -> tuple[Change, Occupant | None]:
        codes = statuses(presence)
        person = self.occupants.pop(nick, None)
        words = self.words.pop(nick, None)
        if NICK_CHANGED in codes:
            self._rename(nick, person, words, presence)
            return Change.NOTHING, person
        if SELF_PRESENCE in codes or nick == self.nick:
            self.leave()
            return Change.REMOVED, person
        if person is None or not self.joined:
            return Change.NOTHING, person
        return Change.WENT, person

    def _learn(self, *, identifies: bool) -> None:
        """Our own presence, which nobody else writes, tells whether the room gives ids."""
        self.identifies = identifies
        if not identifies:
            for nick, person in self.occupants.items():
                self.occupants[nick] = replace(person, id=None)

    def _rename(
        self,
        nick: str,
        person: Occupant | None,
        words: deque[str] | None,
        presence: Element,
    ) -> None:
        """Put the person under the new nick at once, so that the presence to come is no arrival."""
        item = presence.find(f"{MUC_USER}x/{MUC_USER}item")
        new = item.get("nick") if item is not None else None
        if not new:
            return
        if person is not None:
            self.occupants[new] = replace(person, nick=new)
        if words is not None:
            self.words[new] = words
        if nick == self.nick:
            self.nick = new


def occupant_id(stanza: Element, room: Room) -> str | None:
    """The id of who sent a stanza (XEP-0421), where the room sees to it that it is theirs."""
    said = stanza.find(OCCUPANT_ID) if room.identifies else None
    return (said.get("id") or None) if said is not None else None


def occupant_from_presence(nick: str, presence: Element) -> Occupant:
    """Read who is behind a nick."""
    identity = presence.find(OCCUPANT_ID)
    item = presence.find(f"{MUC_USER}x/{MUC_USER}item")
    if item is None:
        return Occupant(nick, identity.get("id") if identity is not None else None)
    return Occupant(
        nick,
        identity.get("id") if identity is not None else None,
        item.get("jid", "").partition("/")[0].lower() or None,
        item.get("affiliation", "none"),
        item.get("role", "none"),
    )


def statuses(presence: Element) -> set[str]:
    """The status codes of a presence or message from a room."""
    found = presence.iterfind(f"{MUC_USER}x/{MUC_USER}status")
    return {status.get("code", "") for status in found}


def removal_from_presence(presence: Element) -> str:
    """Why we are out, for people; empty if the room does not say."""
    codes = statuses(presence)
    if presence.find(f"{MUC_USER}x/{MUC_USER}destroy") is not None:
        return "the room was destroyed"
    reasons = {
        "301": "banned from the room",
        "307": "kicked out of the room",
        "321": "no longer a member of the room",
        "322": "the room is for members only now",
        "332": "the room's service shuts down",
        "333": "the room's service lost the connection",
    }
    # 333 comes together with 307.
    for code in ("332", "333", "301", "307", "321", "322"):
        if code in codes:
            return reasons[code]
    return ""
