"""Invitations to rooms. Nothing here performs I/O."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from protocols.xmpp.elements import DIRECT_INVITATION
from protocols.xmpp.occupants import MUC_USER


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody wants us in a room."""

    room: str
    password: str | None


def invitation_from_stanza(message: Element) -> Invitation | None:
    """Read an invitation, by the room (XEP-0045, 7.8.2) or by a person (XEP-0249)."""
    by_room = message.find(f"{MUC_USER}x")
    if by_room is not None and by_room.find(f"{MUC_USER}invite") is not None:
        room = message.get("from", "")
        return Invitation(room, by_room.findtext(f"{MUC_USER}password")) if _is_room(room) else None
    direct = message.find(DIRECT_INVITATION)
    if direct is not None and _is_room(direct.get("jid", "")):
        return Invitation(direct.get("jid", "").lower(), direct.get("password"))
    return None


def _is_room(jid: str) -> bool:
    local, _, domain = jid.partition("@")
    return bool(local and domain) and "/" not in jid and len(jid) <= 512 and jid.isprintable()
