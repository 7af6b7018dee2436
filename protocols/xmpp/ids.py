"""What messages are called, and by whom (XEP-0359). Nothing here performs I/O.

A room calls a message by the stanza-id that it gave it; between two people it is what the sender's
client calls it. These are the names by which replies, reactions and retractions speak of it
(XEP-0461, XEP-0444, XEP-0424); corrections go by the stanza's ``id`` everywhere (XEP-0308).
"""

from __future__ import annotations

import uuid
from xml.etree.ElementTree import Element

from protocols.xmpp.elements import ORIGIN_ID, STANZA_ID
from protocols.xmpp.identity import Identity
from protocols.xmpp.occupants import Room


def id_from_stanza(message: Element, us: Identity, room: Room | None) -> str:
    """The native id: in a room the room's, else the sender's, else a made one."""
    if room is not None and message.get("type") == "groupchat":
        given = _stanza_id(message, room.jid)
        if given is not None:
            return given
    origin = message.find(ORIGIN_ID)
    own = origin.get("id") if origin is not None else None
    return own or message.get("id") or uuid.uuid4().hex


def origin_id_from_stanza(message: Element) -> str | None:
    """What its sender's client calls a message when it corrects it."""
    origin = message.find(ORIGIN_ID)
    return message.get("id") or (origin.get("id") if origin is not None else None) or None


def delivery_from_stanza(message: Element, us: Identity, room: Room | None) -> str | None:
    """What the network itself repeats on redelivery, if it does."""
    archive = archive_of_stanza(message, us, room)
    given = _stanza_id(message, archive)
    return None if given is None else f"{archive} {given}"


def _stanza_id(message: Element, archive: str) -> str | None:
    """The id that an archive gave; it is believed only from that archive itself."""
    for given in message.iterfind(STANZA_ID):
        if given.get("by") == archive:
            return given.get("id") or None
    return None


def archive_of_stanza(message: Element, us: Identity, room: Room | None) -> str:
    """Whose archive holds a message: the room's that it was said in, or else ours."""
    return room.jid if room is not None and message.get("type") == "groupchat" else us.jid
