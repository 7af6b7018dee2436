"""What a person looks like, in stanzas (XEP-0153) and as a vCard (XEP-0054); no I/O here."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from gateway.media.kinds import type_from_content
from protocols.xmpp.text import body_from_text

VCARD = "{vcard-temp}vCard"

MOST = 32 * 1024
"""Bytes of a picture; it is sent whole in one stanza, a third larger (XEP-0153, 4.1)."""

TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture, of one of ``TYPES``."""

    type: str
    content: bytes

    @property
    def digest(self) -> str:
        """What it is known by: the XEP's own choice of hash; nothing is kept secret by it."""
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()


def picture_from_content(content: bytes) -> Picture:
    """Take a file for a picture; raises ``ValueError`` if it is none, or too large."""
    if len(content) > MOST:
        raise ValueError(f"a picture of more than {MOST} bytes")
    kind = type_from_content(content)
    if kind not in TYPES:
        raise ValueError(f"{kind} is no picture")
    return Picture(kind, content)


def update_from_picture(picture: Picture | None) -> str:
    """What a presence bears of it; None: it is known that there is none."""
    digest = "" if picture is None else picture.digest
    return f"<x xmlns='vcard-temp:x:update'><photo>{digest}</photo></x>"


def card_from_person(name: str, nick: str, picture: Picture | None) -> str:
    """The vCard of a person."""
    shown = ""
    if picture is not None:
        content = base64.b64encode(picture.content).decode()
        shown = f"<PHOTO><TYPE>{picture.type}</TYPE><BINVAL>{content}</BINVAL></PHOTO>"
    return (
        f"<vCard xmlns='vcard-temp'><FN>{body_from_text(name)}</FN>"
        f"<NICKNAME>{body_from_text(nick)}</NICKNAME>{shown}</vCard>"
    )
