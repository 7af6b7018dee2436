"""Stanzas to arrivals. Nothing here performs I/O.

A stanza is read as the bare element that the parser made. A stanza-id (XEP-0359) is believed
only from the room that the message came from, or from our own account's server.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.delivery.server import Arrival
from gateway.vocabulary.errors import Delayed, DeliveryError, NotSent, Refused
from gateway.vocabulary.events import Author, Event
from gateway.vocabulary.text import clean_name
from protocols.xmpp.elements import (
    BODY,
    CHAT_STATES,
    CLIENT,
    DELAY,
    DIRECT_INVITATION,
    ERROR,
    FALLBACK,
    ORIGIN_ID,
    REPLY,
    STANZA_ERRORS,
    STANZA_ID,
    SUBJECT,
)
from protocols.xmpp.identity import (
    Identity,
    author_from_jid,
    author_from_occupant,
    author_from_room,
    bare,
    facts_from_place,
)
from protocols.xmpp.occupants import MUC_USER, OCCUPANT_ID, Occupant, Room
from protocols.xmpp.text import text_from_body, without

RETRY_SECONDS = 10.0
"""How long to wait when the other side says ``wait`` and not how long (RFC 6120, 8.3.2)."""

_SMALL_TALK = (
    CHAT_STATES,
    "{urn:xmpp:receipts}",
    "{urn:xmpp:chat-markers:0}",
    "{urn:xmpp:hints}",
    "{urn:xmpp:sid:0}",
    "{urn:xmpp:occupant-id:0}",
    "{urn:xmpp:delay}",
    MUC_USER,
    f"{CLIENT}thread",
    SUBJECT,
)
"""What a message may hold without being worth an event of its own."""

_COMMAND = re.compile(r"(/\w{1,64})@(\S{1,64})")

_CODES = {
    "item-not-found": "not_found",
    "remote-server-not-found": "not_found",
    "jid-malformed": "not_found",
    "gone": "not_found",
    "recipient-unavailable": "not_found",
    "service-unavailable": "not_found",
    "forbidden": "forbidden",
    "not-allowed": "forbidden",
    "not-authorized": "forbidden",
    "registration-required": "forbidden",
    "subscription-required": "forbidden",
    "policy-violation": "too_long",
}


def arrival_from_stanza(
    message: Element, us: Identity, room: Room | None, now: float
) -> Arrival | None:
    """Translate a message; None if nothing in it is worth an event.

    ``room`` is the room that the message came from, if it came from one.
    """
    event = event_from_stanza(message, us, room, now)
    if event is None:
        return None
    place = _place(message, room)
    user = None if room is not None and place == room.jid else event["author"]
    facts = facts_from_place(place, us, room, user=user)
    return Arrival(us.key(place), facts, event, delivery_from_stanza(message, us, room))


def event_from_stanza(
    message: Element, us: Identity, room: Room | None, now: float
) -> Event | None:
    """Translate a message to ``xmpp.message``, ``xmpp.typing`` or ``xmpp.stanza``."""
    parts = {child.tag: child for child in reversed(message)}
    author = author_from_stanza(message, us, room)
    body = parts.get(BODY)
    if body is not None and not _from_the_server(message, us):
        return _message(message, parts, author, us, room, now)
    if f"{CHAT_STATES}composing" in parts:
        return {"type": "xmpp.typing", "author": author}
    if body is None and all(tag.startswith(_SMALL_TALK) for tag in parts):
        return None
    xml = ElementTree.tostring(message, encoding="unicode")
    return {"type": "xmpp.stanza", "xml": xml, "author": author}


def _message(
    message: Element,
    parts: Mapping[str, Element],
    author: Author,
    us: Identity,
    room: Room | None,
    now: float,
) -> Event:
    reply = parts.get(REPLY)
    text = text_from_body(parts[BODY].text or "")
    if reply is not None:
        text = _without_quotation(text, message)
    event: Event = {
        "type": "xmpp.message",
        "id": id_from_stanza(message, us, room),
        "text": text,
        "author": author,
        "attachments": [],
        "reply_to": reply.get("id") if reply is not None else None,
        "at": _time(parts.get(DELAY), now),
    }
    return _addressed(event, room.nick if room is not None else us.nick)


def _addressed(event: Event, nick: str) -> Event:
    """Strip our name from a command (``/order@Bot``); one for another bot is ``foreign``."""
    text = event["text"]
    found = _COMMAND.match(text) if text.startswith("/") else None
    if found is None:
        return event
    if found[2].casefold() == nick.casefold():
        return event | {"text": found[1] + text[found.end() :]}
    return event | {"foreign": True}


def _without_quotation(text: str, message: Element) -> str:
    """Take out what clients that know no replies would show of the message replied to."""
    for fallback in message.iterfind(f"{FALLBACK}fallback"):
        found = fallback.find(f"{FALLBACK}body")
        if fallback.get("for") == "urn:xmpp:reply:0" and found is not None:
            start, end = found.get("start", "0"), found.get("end", "")
            if start.isdecimal() and end.isdecimal() and len(start + end) < 16:
                return without(text, int(start), int(end))
    return text


def _time(delay: Element | None, now: float) -> float:
    """When it was said; a stamp that cannot be, or is still to come, counts as now."""
    if delay is None:
        return now
    try:
        said = datetime.fromisoformat(delay.get("stamp", "")).timestamp()
    except (ValueError, OverflowError):
        return now
    return min(said, now)


def author_from_stanza(stanza: Element, us: Identity, room: Room | None) -> Author:
    """Who sent a stanza."""
    sender = stanza.get("from", us.jid)
    if room is None:
        return author_from_jid(bare(sender), us)
    nick = sender.partition("/")[2]
    if not nick:
        return author_from_room(room)
    person = room.occupants.get(nick) or Occupant(nick)
    said = stanza.find(OCCUPANT_ID)
    if said is not None and said.get("id"):
        person = Occupant(nick, said.get("id"), person.real)
    return author_from_occupant(person, us, room)


def id_from_stanza(message: Element, us: Identity, room: Room | None) -> str:
    """The native id: the room's or our server's, else the sender's, else a made one."""
    given = _stanza_id(message, us, room)
    if given is not None:
        return given
    origin = message.find(ORIGIN_ID)
    own = origin.get("id") if origin is not None else None
    return own or message.get("id") or uuid.uuid4().hex


def delivery_from_stanza(message: Element, us: Identity, room: Room | None) -> str | None:
    """What the network itself repeats on redelivery, if it does."""
    given = _stanza_id(message, us, room)
    return None if given is None else f"{archive_of_stanza(message, us, room)} {given}"


def _stanza_id(message: Element, us: Identity, room: Room | None) -> str | None:
    archive = archive_of_stanza(message, us, room)
    for given in message.iterfind(STANZA_ID):
        if given.get("by") == archive:
            return given.get("id") or None
    return None


def archive_of_stanza(message: Element, us: Identity, room: Room | None) -> str:
    """Whose archive holds a message: the room's that it was said in, or else ours."""
    return room.jid if room is not None and message.get("type") == "groupchat" else us.jid


def _place(message: Element, room: Room | None) -> str:
    sender = message.get("from", "")
    if room is None:
        return bare(sender)
    nick = sender.partition("/")[2]
    if message.get("type") == "groupchat" or not nick:
        return room.jid
    said = message.find(OCCUPANT_ID)
    person = room.occupants.get(nick) or Occupant(nick)
    return f"{room.jid}/{(said.get('id') if said is not None else None) or person.place}"


def _from_the_server(message: Element, us: Identity) -> bool:
    """Whether our server itself speaks (a message of the day): nobody to be answered."""
    return message.get("from", "") in ("", us.jid.partition("@")[2])


def presence_arrival(
    kind: Literal["join", "leave"], person: Occupant, us: Identity, room: Room
) -> Arrival:
    """Somebody came into a room, or left it."""
    author = author_from_occupant(person, us, room)
    event: Event = {"type": f"xmpp.{kind}", "author": author}
    return Arrival(us.key(room.jid), facts_from_place(room.jid, us, room), event, None)


def skipped_arrival(count: int, last: str, us: Identity, room: Room) -> Arrival:
    """What was said in a room, up to the archive's id ``last``, is not told."""
    event: Event = {"type": "xmpp.skipped", "count": count}
    facts = facts_from_place(room.jid, us, room)
    return Arrival(us.key(room.jid), facts, event, f"{room.jid} skipped {last}")


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


def outcome_from_error(message: Element) -> DeliveryError:
    """What an error stanza says about the message that it answers (RFC 6120, 8.3)."""
    error = message.find(ERROR)
    if error is None:
        return Refused("refused", "refused without a reason")
    tags = [child.tag for child in error if child.tag.startswith(STANZA_ERRORS)]
    conditions = [tag.removeprefix(STANZA_ERRORS) for tag in tags if not tag.endswith("}text")]
    condition = conditions[0] if conditions else "undefined-condition"
    said = clean_name(error.findtext(f"{STANZA_ERRORS}text") or "", 200)
    detail = f"{condition}: {said}" if said else condition
    if condition == "not-acceptable":
        # XEP-0045, 7.4: we are not in the room (any more). It did not get the message.
        return NotSent(detail)
    if error.get("type") == "wait":
        return Delayed(detail, seconds=RETRY_SECONDS)
    return Refused(_CODES.get(condition, "refused"), detail)
