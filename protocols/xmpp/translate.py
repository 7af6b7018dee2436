"""Stanzas to arrivals, and events to stanzas. Nothing here performs I/O.

A stanza is read as the bare element that the parser made. A stanza-id (XEP-0359) is believed
only from the room that the message came from, or from our own account's server; a real JID only
from a service that may speak for it (``Identity.believes``).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.delivery.server import Arrival
from gateway.vocabulary.errors import Delayed, DeliveryError, NotSent, Refused
from gateway.vocabulary.events import Author, Bot, Chat, Event, Facts
from gateway.vocabulary.ids import key_parts
from gateway.vocabulary.text import clean_name
from protocols.xmpp.occupants import MUC_USER, OCCUPANT_ID, Occupant, Room
from protocols.xmpp.text import attribute_from_text, body_from_text, text_from_body, without

CLIENT = "{jabber:client}"
BODY = f"{CLIENT}body"
SUBJECT = f"{CLIENT}subject"
ERROR = f"{CLIENT}error"
DELAY = "{urn:xmpp:delay}delay"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
ORIGIN_ID = "{urn:xmpp:sid:0}origin-id"
REPLY = "{urn:xmpp:reply:0}reply"
FALLBACK = "{urn:xmpp:fallback:0}"
CHAT_STATES = "{http://jabber.org/protocol/chatstates}"
DIRECT_INVITATION = "{jabber:x:conference}x"
STANZA_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"

MAX_TEXT = 16_384
"""Code points of one message. At worst 80 KiB of XML, where servers take 256 KiB in a stanza."""
MAX_ID = 128
MAX_STANZA = 65_536
"""Characters of a stanza that an application sends as XML."""
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
_SAFE_ID = re.compile(rf"[!-~]{{1,{MAX_ID}}}")

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


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: the account's name in the configuration, its bare JID, our name in rooms."""

    account: str
    jid: str
    nick: str

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


# Stanzas to arrivals


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
        "extensions": extensions(),
    }


def extensions() -> dict[str, dict[str, Any]]:
    """What an XMPP chat can do."""
    return {
        "message": {"max_text": MAX_TEXT, "unit": "codepoints"},
        "typing": {},
        "reply": {},
    }


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


# Events to stanzas


def id_from_ref(ref: str | None) -> str:
    """The id that a message bears: its ref, so that the receiver knows a repetition."""
    if ref is None:
        return uuid.uuid4().hex
    return (
        ref
        if _SAFE_ID.fullmatch(ref)
        else hashlib.sha256(ref.encode("utf-8", "replace")).hexdigest()
    )


def stanza_from_event(event: Event, *, to: str, kind: str, name: str) -> str:
    """Translate a ``message`` to a stanza; ``kind`` is its type and ``name`` its id."""
    identity = attribute_from_text(name)
    reply = event.get("reply_to")
    quoted = f"<reply xmlns='urn:xmpp:reply:0' id='{attribute_from_text(reply)}'/>" if reply else ""
    return (
        f"<message to='{attribute_from_text(to)}' type='{kind}' id='{identity}'>"
        f"<body>{body_from_text(event['text'])}</body>"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='{identity}'/>{quoted}"
        "<active xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )


def stanza_from_typing(*, to: str, kind: str) -> str:
    """Say that we are writing (XEP-0085)."""
    return (
        f"<message to='{attribute_from_text(to)}' type='{kind}'>"
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
        "<no-store xmlns='urn:xmpp:hints'/></message>"
    )


def stanza_from_xml(xml: str) -> str:
    """Check a stanza that an application wrote; raises ``Refused`` if it could break the stream."""
    xml = xml.strip()
    if len(xml) > MAX_STANZA:
        raise Refused("too_long", f"a stanza may have {MAX_STANZA} characters")
    if "<!" in xml or "<?" in xml:
        raise Refused("refused", "a stanza may hold elements and text only (RFC 6120, 11.1)")
    try:
        tag = ElementTree.fromstring(xml).tag.removeprefix(CLIENT)
        xml.encode()
    except (ElementTree.ParseError, ValueError) as error:
        raise Refused("refused", f"not XML: {error}") from None
    if tag not in ("message", "presence", "iq"):
        raise Refused("refused", f"a stanza is a message, presence or iq, not {tag[:40]!r}")
    return xml
