"""Who we are, who others are, and where: people and places as the gateway names them.

Nothing here performs I/O. A real JID is believed only from a service that may speak for it
(``Identity.believes``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.vocabulary.events import Author, Bot, Chat, Facts
from gateway.vocabulary.ids import key_parts
from gateway.vocabulary.text import clean_name
from protocols.xmpp.occupants import Occupant, Room
from protocols.xmpp.styling import STYLES

MAX_TEXT = 16_384
"""Code points of one message. At worst 80 KiB of XML, where servers take 256 KiB in a stanza."""


@dataclass(slots=True)
class Identity:
    """Who we are: the account's name in the configuration, its bare JID, our name in rooms."""

    account: str
    jid: str
    nick: str
    largest_file: int | None = None
    """Bytes of the largest file that our server keeps for us (XEP-0363), once that is known."""
    puppets: bool = False
    """Whether other people can speak in rooms as themselves (XEP-0114)."""

    @property
    def bot(self) -> Bot:
        """The bot, as scopes name it."""
        return {"id": self.jid, "name": self.nick}

    def key(self, place: str) -> str:
        """The conversation at a place: a bare JID, or a room's and an occupant."""
        return f"xmpp:{self.account}:{place}"

    def believes(self, room: str, real: str) -> bool:
        """Whether a room's service may say who somebody is.

        Our own server may, of everybody; any other of the accounts of its own domain only.
        Otherwise whoever runs a service could enter as our administrator.
        """
        service = f".{room.rpartition('@')[2]}"
        return any(service.endswith(f".{jid.rpartition('@')[2]}") for jid in (self.jid, real))


def bare(jid: str) -> str:
    """A JID without its resource."""
    return jid.partition("/")[0]


def place_from_key(conversation: str) -> str:
    """The place of a conversation; raises ``ValueError`` if it is no key of ours."""
    key = key_parts(conversation)
    if key.protocol != "xmpp" or key.place.startswith(("/", "@")) or " " in bare(key.place):
        raise ValueError(f"{conversation!r} is not an XMPP conversation (xmpp:account:JID)")
    return key.place


def author_from_jid(jid: str, us: Identity) -> Author:
    """A person with an account of their own."""
    return {
        "id": f"xmpp:{jid}",
        "name": clean_name(jid.partition("@")[0]) or jid,
        "handle": jid,
        "kind": "person",
        "private": us.key(jid),
    }


def author_from_occupant(person: Occupant, us: Identity, room: Room) -> Author:
    """A person in a room: by the real JID where we may believe it, else by occupant-id."""
    real = person.real if person.real and us.believes(room.jid, person.real) else None
    return {
        "id": f"xmpp:{real or f'{room.jid}/{person.place}'}",
        "name": clean_name(person.nick) or "?",
        "handle": real,
        "kind": "person",
        "private": us.key(real or f"{room.jid}/{person.place}"),
    }


def author_from_room(room: Room) -> Author:
    """The room itself, which now and then says something."""
    return {
        "id": f"xmpp:{room.jid}",
        "name": clean_name(room.title) or room.jid,
        "handle": None,
        "kind": "chat",
        "private": None,
    }


def facts_from_place(
    place: str, us: Identity, room: Room | None, *, user: Author | None = None
) -> Facts:
    """What is known of a conversation: a room if there is one and no occupant is named."""
    group = room is not None and "/" not in place
    title = room.title if room is not None and group else ""
    if user is None and not group:
        user = author_from_jid(place, us)
    name = user["name"] if user is not None else place
    chat: Chat = {
        "id": place,
        "kind": "group" if group else "private",
        "title": clean_name(title) or name,
    }
    return {
        "bot": us.bot,
        "chat": chat,
        "thread": None,
        "user": user,
        "extensions": extensions(us.largest_file, puppets=group and us.puppets),
    }


def extensions(
    largest_file: int | None = None, *, puppets: bool = False
) -> dict[str, dict[str, Any]]:
    """What an XMPP chat can do; files if a server keeps them, of so many bytes.

    ``puppets``: everybody speaks there as themselves.
    """
    can: dict[str, dict[str, Any]] = {
        "message": {"max_text": MAX_TEXT, "unit": "codepoints"},
        "reply": {},
        "spans": {"styles": list(STYLES)},
        "edit": {},
        "delete": {},
        "reaction": {"emoji": None, "most": None},
        "typing": {},
    }
    if puppets:
        can["author"] = {}
    if largest_file:
        can["file"] = {"max_size": largest_file, "caption": 0}
    return can
