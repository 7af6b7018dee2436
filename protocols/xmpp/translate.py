"""Stanzas to arrivals. Nothing here performs I/O.

A stanza is read as the bare element that the parser made. What a message is called, and by whom it
may be believed, ``ids`` knows; what it says, ``contents``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.delivery.server import Arrival
from gateway.vocabulary.events import Author, Event
from gateway.vocabulary.spans import edit
from gateway.vocabulary.text import clean
from protocols.xmpp.contents import contents_from_stanza
from protocols.xmpp.elements import (
    APPLY_TO,
    BODY,
    BRIDGED,
    CHAT_STATES,
    CLIENT,
    DELAY,
    FALLBACK,
    MARKERS,
    MODERATE,
    OLD_MODERATE,
    OLD_RETRACT,
    REACTIONS,
    RECEIPTS,
    REPLACE,
    RETRACT,
    SUBJECT,
)
from protocols.xmpp.encryption import encryption_of_stanza
from protocols.xmpp.identity import (
    Identity,
    author_from_jid,
    author_from_occupant,
    author_from_room,
    bare,
    facts_from_place,
)
from protocols.xmpp.ids import delivery_from_stanza, id_from_stanza, origin_id_from_stanza
from protocols.xmpp.occupants import MUC_USER, Occupant, Room, occupant_id

EMOJI = 20
"""Reactions of one person to one message that are taken."""
LONGEST_EMOJI = 64
"""Code points of one: what is longer is no emoji."""

PASSING = ("xmpp.typing", "xmpp.receipt")
"""Events that are handed on and not recorded."""

_SMALL_TALK = (
    CHAT_STATES,
    RECEIPTS,
    MARKERS,
    RETRACT,
    OLD_RETRACT,
    APPLY_TO,
    REACTIONS,
    FALLBACK,
    BRIDGED,
    "{urn:xmpp:hints}",
    "{urn:xmpp:sid:0}",
    "{urn:xmpp:occupant-id:0}",
    "{urn:xmpp:delay}",
    MUC_USER,
    f"{CLIENT}thread",
    BODY,
    SUBJECT,
)
"""What a message may hold without being worth an event of its own."""

_RECEIVED = (f"{RECEIPTS}received", f"{MARKERS}received", f"{MARKERS}displayed")

_ABOUT = (f"{REACTIONS}reactions", f"{RETRACT}retract", APPLY_TO)
"""What a message may hold that is about another one; its body is for clients that know it not."""

_COMMAND = re.compile(r"(/\w{1,64})@(\S{1,64})")


def arrival_from_stanza(
    message: Element, us: Identity, room: Room | None, now: float
) -> Arrival | None:
    """Translate a message; None if nothing in it is worth an event.

    ``room`` is the room that the message came from, if it came from one.
    """
    event = event_from_stanza(message, us, room, now)
    if event is None:
        return None
    place = place_from_stanza(message, room)
    user = None if room is not None and place == room.jid else event["author"]
    facts = facts_from_place(place, us, room, user=user)
    return Arrival(us.key(place), facts, event, delivery_from_stanza(message, us, room))


def event_from_stanza(
    message: Element, us: Identity, room: Room | None, now: float
) -> Event | None:
    """Translate a message to the one event that it is; what is encrypted is none."""
    parts = {child.tag: child for child in reversed(message)}
    if encryption_of_stanza(message) is not None:
        return None
    author = author_from_stanza(message, us, room)
    speaks = not _from_the_server(message, us)
    is_about = any(tag in parts for tag in _ABOUT)
    event = None
    if is_about:
        event = _about(parts, author)
    elif speaks:
        event = _said(message, parts, us, room)
    if event is not None and not _is_theirs(message, event, author, room):
        return None
    if event is not None:
        return event | {"author": author, "at": _time(parts.get(DELAY), now)}
    passing = _passing(parts, room)
    if passing is not None:
        return passing | {"author": author}
    if is_about or (
        all(tag.startswith(_SMALL_TALK) for tag in parts) and (speaks or BODY not in parts)
    ):
        return None
    xml = ElementTree.tostring(message, encoding="unicode")
    return {"type": "xmpp.stanza", "xml": xml, "author": author}


# What is said


def _said(
    message: Element, parts: Mapping[str, Element], us: Identity, room: Room | None
) -> Event | None:
    """A message, or one in the place of another (XEP-0308)."""
    said = contents_from_stanza(message, parts, us, room)
    if said is None:
        return None
    if BRIDGED in parts:
        said["bridged"] = True
    event: Event
    replaced = parts[REPLACE].get("id") if REPLACE in parts else None
    if replaced:
        event = {"type": "xmpp.edit", "id": replaced, "origin_id": replaced}
    else:
        native, origin_id = id_from_stanza(message, us, room), origin_id_from_stanza(message)
        event = {"type": "xmpp.message", "id": native, "origin_id": origin_id}
    return _addressed(event | said, room.nick if room is not None else us.nick)


def _addressed(event: Event, nick: str) -> Event:
    """Strip our name from a command (``/order@Bot``); one for another bot is ``foreign``."""
    text = event["text"]
    found = _COMMAND.match(text) if text.startswith("/") else None
    if found is None:
        return event
    if found[2].casefold() == nick.casefold():
        text, spans = edit(text, event.get("spans", ()), [(found.end(1), found.end(), "")])
        return event | {"text": text} | ({"spans": spans} if spans else {})
    return event | {"foreign": True}


# What is about a message


def _about(parts: Mapping[str, Element], author: Author) -> Event | None:
    """A retraction, by its author or by the room, or a reaction."""
    if f"{REACTIONS}reactions" in parts:
        return _reaction(parts[f"{REACTIONS}reactions"])
    retracted = _retracted(parts)
    if retracted is None:
        return None
    if author["kind"] == "chat":
        return _delete(retracted) | {"moderated": True}
    return None if _is_moderated(parts) else _delete(retracted)


def _delete(retracted: str) -> Event:
    return {"type": "xmpp.delete", "id": retracted, "origin_id": retracted}


def _retracted(parts: Mapping[str, Element]) -> str | None:
    """The id of the message that is taken away (XEP-0424 and 0425, the older ones too)."""
    if f"{RETRACT}retract" in parts:
        return parts[f"{RETRACT}retract"].get("id")
    older = parts.get(APPLY_TO)
    if older is None:
        return None
    moderated = older.find(f"{OLD_MODERATE}moderated")
    found = (older if moderated is None else moderated).find(f"{OLD_RETRACT}retract")
    return older.get("id") if found is not None else None


def _is_moderated(parts: Mapping[str, Element]) -> bool:
    """Whether it claims to be a moderator's act; those are the room's own to tell."""
    retract, older = parts.get(f"{RETRACT}retract"), parts.get(APPLY_TO)
    return (retract is not None and retract.find(f"{MODERATE}moderated") is not None) or (
        older is not None and older.find(f"{OLD_MODERATE}moderated") is not None
    )


def _reaction(reactions: Element) -> Event | None:
    """All that somebody shows on a message now (XEP-0444)."""
    target = reactions.get("id")
    if not target:
        return None
    found = (each.text or "" for each in reactions.iterfind(f"{REACTIONS}reaction"))
    shown = (clean(text.strip()) for text in found)
    emoji = dict.fromkeys(each for each in shown if each and len(each) <= LONGEST_EMOJI)
    return {"type": "xmpp.reaction", "id": target, "emoji": list(emoji)[:EMOJI]}


def _is_theirs(message: Element, event: Event, author: Author, room: Room | None) -> bool:
    """Whether who changes a message can be known to be its author, as far as we must see to it.

    The gateway compares authors. Where a room gives no occupant-ids and hides who is there, an
    author is a name, which somebody else may bear by now.
    """
    if room is None or event["type"] not in ("xmpp.edit", "xmpp.delete"):
        return True
    if author["handle"] is not None or author["kind"] == "chat":
        return True
    return room.may_change(message.get("from", "").partition("/")[2], event["id"])


# What passes


def _passing(parts: Mapping[str, Element], room: Room | None) -> Event | None:
    """Somebody writes (XEP-0085), or has what we said (XEP-0184, XEP-0333).

    In a room the latter is said of everybody's messages, so that there it is left out.
    """
    if f"{CHAT_STATES}composing" in parts:
        return {"type": "xmpp.typing"}
    if room is None:
        for tag in _RECEIVED:
            if tag in parts and parts[tag].get("id"):
                return {"type": "xmpp.receipt", "id": parts[tag].get("id")}
    return None


# Who, where and when


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
    if (said := occupant_id(stanza, room)) is not None:
        person = Occupant(nick, said, person.real)
    return author_from_occupant(person, us, room)


def place_from_stanza(message: Element, room: Room | None) -> str:
    """Where it was said: with a person, in a room, or with somebody in a room."""
    sender = message.get("from", "")
    if room is None:
        return bare(sender)
    nick = sender.partition("/")[2]
    if message.get("type") == "groupchat" or not nick:
        return room.jid
    person = room.occupants.get(nick) or Occupant(nick)
    return f"{room.jid}/{occupant_id(message, room) or person.place}"


def _from_the_server(message: Element, us: Identity) -> bool:
    """Whether our server itself speaks (a message of the day): nobody to be answered."""
    return message.get("from", "") in ("", us.jid.partition("@")[2])


def skipped_arrival(count: int, last: str, us: Identity, room: Room) -> Arrival:
    """What was said in a room, up to the archive's id ``last``, is not told."""
    event: Event = {"type": "xmpp.skipped", "count": count}
    facts = facts_from_place(room.jid, us, room)
    return Arrival(us.key(room.jid), facts, event, f"{room.jid} skipped {last}")
