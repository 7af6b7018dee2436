"""The names of things: accounts, conversations, rooms and their messages.

A conversation key is ``protocol:account:place``. The place is opaque outside the protocol
that made it; these functions only cut a key where every key may be cut.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

ROOM_NAME_LIMIT = 64
"""Characters of a room's name."""

OWN_ACCOUNT = "web:default"
"""Our own platform, where every room has a chat from the start."""

_SLUG = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Key(NamedTuple):
    """The parts of a conversation key."""

    protocol: str
    account: str
    place: str

    def __str__(self) -> str:
        return f"{self.protocol}:{self.account}:{self.place}"


def key_parts(conversation: str) -> Key:
    """Cut a conversation key into its parts; raises ``ValueError`` on anything else."""
    parts = conversation.split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{conversation!r} is not a conversation key (protocol:account:place)")
    return Key(*parts)


def protocol_of(conversation: str) -> str:
    """The protocol (and scope type) of a conversation."""
    return conversation.partition(":")[0]


@lru_cache(maxsize=1024)  # asked several times of each event
def account_of(conversation: str) -> str:
    """The account that a conversation belongs to, as ``protocol:account``."""
    protocol, account, _ = key_parts(conversation)
    return f"{protocol}:{account}"


def room_key(name: str) -> str:
    """The conversation that a room is."""
    return f"room:default:{name}"


def own_key(name: str) -> str:
    """The conversation that a room's chat on our own platform is."""
    return f"{OWN_ACCOUNT}:{name}"


def room_name(conversation: str) -> str:
    """The name of the room that a ``room:`` conversation is."""
    return key_parts(conversation).place


def group_from_room(name: str) -> str:
    """The channel-layer group of a room.

    Group names hold ASCII letters, digits, ``-``, ``_`` and ``.`` and fewer than 100 characters
    (Channels), room names anything: what does not fit is hashed.
    """
    if _SLUG.fullmatch(name):
        return f"room.{name}"
    return f"room..{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def message_id(room: str, seq: int) -> str:
    """The id of a room's message: ``<room>#<seq>``."""
    return f"{room}#{seq}"


def check_room_name(name: str) -> str:
    """Return ``name`` if a room may bear it; raises ``ValueError`` saying what would be right."""
    if not name or len(name) > ROOM_NAME_LIMIT or name.strip() != name or not name.isprintable():
        raise ValueError(
            f"{name!r} cannot be a room's name: 1 to {ROOM_NAME_LIMIT} printable characters,"
            " without spaces at either end"
        )
    if name.startswith("~") or "#" in name or "/" in name:
        raise ValueError(f"{name!r} cannot be a room's name: no '#', no '/', no leading '~'")
    return name
