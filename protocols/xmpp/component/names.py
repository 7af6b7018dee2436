"""What remote people are called: their JIDs, and the nicks that are tried for them.

Nothing here performs I/O.
"""

from __future__ import annotations

import hashlib
import re

from gateway.vocabulary.degrade import Chat, steps_from_event
from gateway.vocabulary.events import Event
from gateway.vocabulary.words import name_in_text
from protocols.xmpp.styling import STYLES

RESOURCE = "gateway"
"""Always the same: a room knows whom it still has from a process that is gone."""
SAME_NAMES = 9
"""People of one name and network who can be in a room at once."""

_WRITABLE = re.compile(r"[a-z]+:[a-z0-9._~+=\-\"&'/:<>@]{1,120}")
"""What no server changes (RFC 7622, 3.3): everything else, such as capitals, is hashed."""
_ESCAPES = str.maketrans(
    {
        '"': r"\22",
        "&": r"\26",
        "'": r"\27",
        "/": r"\2f",
        ":": r"\3a",
        "<": r"\3c",
        ">": r"\3e",
        "@": r"\40",
    }
)
"""XEP-0106, table 1, without the space and the backslash, which are hashed."""


def local_from_author(author: str) -> str:
    """The part before the ``@`` of the JID of an author's id: no two authors share one."""
    if _WRITABLE.fullmatch(author):
        return author.translate(_ESCAPES)
    return hashlib.sha256(author.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def jid_from_author(author: str, domain: str) -> str:
    """The whole JID of a remote person."""
    return f"{local_from_author(author)}@{domain}/{RESOURCE}"


def nicks_from_name(name: str, network: str, author: str) -> list[str]:
    """The nicks to try in a room, the best one first; the last one suits every server."""
    shown = name_in_text(name)
    beside = f"{shown} ({network})"
    numbered = [f"{beside} {number}" for number in range(2, SAME_NAMES + 1)]
    digest = hashlib.sha256(author.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return [shown, beside, *numbered, f"{network} {digest}"]


def named(event: Event) -> Event:
    """What is said, with the name of who said it: for the bot, who speaks in their place."""
    alone: Event = {"reply_to": None, "quoted": None, "attachments": [], "buttons": []}
    said = event | alone | {"type": "chat.message"}
    whole = {"message": {"max_text": 2**31, "unit": "codepoints"}, "spans": {"styles": STYLES}}
    (step,) = steps_from_event(said, Chat("", whole))
    return event | {"text": step.event["text"], "spans": step.event.get("spans", [])}
