"""Events to stanzas, as text. Nothing here performs I/O."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from typing import Literal
from xml.etree import ElementTree

from gateway.vocabulary.errors import Refused
from gateway.vocabulary.events import Attachment, Event, kind_of
from gateway.vocabulary.ids import protocol_of
from gateway.vocabulary.text import clean
from protocols.xmpp.elements import CLIENT, HOP
from protocols.xmpp.styling import styling_from_text
from protocols.xmpp.text import UNSTYLED, attribute_from_text, body_from_text

MAX_ID = 128
MAX_STANZA = 65_536
"""Characters of a stanza that an application sends as XML."""
QUOTED = 200
"""Code points that a reply quotes for clients that know no replies."""

SAID = ("message", "edit", "delete", "reaction", "answer")
"""The kinds that a stanza can be made from."""

TAKEN_BACK = "(A message was taken back. This program cannot remove it.)"
"""What clients show that know no retractions."""

State = Literal["composing", "paused", "active"]

_SAFE_ID = re.compile(rf"[!-~]{{1,{MAX_ID}}}")
_ACTIVE = "<active xmlns='http://jabber.org/protocol/chatstates'/>"
_STORE = "<store xmlns='urn:xmpp:hints'/>"
_WANTS_RECEIPT = "<request xmlns='urn:xmpp:receipts'/>"
_HOP = f"<bridged xmlns='{HOP}'/>"


def id_from_ref(ref: str | None) -> str:
    """The id that a message bears: its ref, so that the receiver knows a repetition."""
    if ref is None:
        return uuid.uuid4().hex
    return (
        ref
        if _SAFE_ID.fullmatch(ref)
        else hashlib.sha256(ref.encode("utf-8", "replace")).hexdigest()
    )


def stanza_from_event(
    event: Event, *, to: str, kind: str, name: str, sender: str = "", answered: str = ""
) -> str:
    """Translate what is said or done to a stanza; ``kind`` is its type and ``name`` its id.

    A file is one that clients can fetch: its source is a URL. A ``sender`` is for components;
    ``answered`` is the JID of who is answered, or else the one it goes to.
    """
    match kind_of(event):
        case "delete":
            inside = _retraction(event["id"])
        case "reaction":
            inside = _reactions(event["id"], event.get("emoji", ()))
        case _:
            inside = _content(event, answered or to) + _ACTIVE
            inside += _WANTS_RECEIPT if kind == "chat" else ""
    named, origin = attribute_from_text(name), event.get("origin")
    by = f" from='{attribute_from_text(sender)}'" if sender else ""
    brought = origin is not None and protocol_of(origin) != "room"
    return (
        f"<message{by} to='{attribute_from_text(to)}' type='{kind}' id='{named}'>{inside}"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='{named}'/>{_HOP if brought else ''}</message>"
    )


def body_from_event(event: Event) -> str:
    """The body that the stanza of an event has."""
    match kind_of(event):
        case "delete":
            return TAKEN_BACK
        case "reaction":
            return ""
        case _:
            return _body(event)[0]


# What is said


def _content(event: Event, whom: str) -> str:
    body, quote, unstyled = _body(event)
    pieces = [f"<body>{body_from_text(body)}</body>"]
    if unstyled:
        pieces.append(UNSTYLED)
    if kind_of(event) == "edit":
        replaced = event.get("origin_id")
        name = id_from_ref(replaced) if replaced else event["id"]
        named = attribute_from_text(name)
        pieces.append(f"<replace xmlns='urn:xmpp:message-correct:0' id='{named}'/>")
    if answered := _answered(event):
        # Dino takes no reply without "to".
        by, about = attribute_from_text(whom), attribute_from_text(answered)
        pieces.append(f"<reply xmlns='urn:xmpp:reply:0' to='{by}' id='{about}'/>")
        if quote:
            pieces.append(_fallback("urn:xmpp:reply:0", quote))
    pieces += map(_shared, _files(event))
    return "".join(pieces)


def _body(event: Event) -> tuple[str, int, bool]:
    """The body, how much of its beginning only quotes, and whether nothing in it is styling."""
    files = _files(event)
    if files and not event.get("text"):
        return files[0].get("source", ""), 0, False
    text = clean(event.get("text", ""))
    body, unstyled = styling_from_text(text, event.get("spans") or ())
    quote = _quote(event)
    return quote + body, len(quote), unstyled


def _answered(event: Event) -> str | None:
    """The id of what an event answers; who pressed a button did so by a message."""
    if kind_of(event) == "answer":
        return str(event["token"]).rpartition("|")[2] or None
    return event.get("reply_to")


def _quote(event: Event) -> str:
    quoted = event.get("quoted")
    if not quoted or not event.get("reply_to"):
        return ""
    words = " ".join(clean(quoted["text"]).split())
    words = words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"
    return f"> {clean(quoted['author'])}: {words}\n"


def _fallback(feature: str, end: int) -> str:
    """Say that the beginning of a body is for clients that do not know a feature (XEP-0428)."""
    inside = f"<body start='0' end='{end}'/>" if end else "<body/>"
    return f"<fallback xmlns='urn:xmpp:fallback:0' for='{feature}'>{inside}</fallback>"


def _files(event: Event) -> list[Attachment]:
    return [file for file in event.get("attachments") or () if file.get("source")]


def _shared(file: Attachment) -> str:
    """A file for clients of every age: XEP-0447 with XEP-0446, and XEP-0066."""
    url = attribute_from_text(file["source"])
    told = {
        "media-type": file.get("type"),
        "name": file.get("name"),
        "size": file.get("size"),
        "width": file.get("width"),
        "height": file.get("height"),
        "length": int(file["duration"] * 1000) if "duration" in file else None,
    }
    inside = "".join(
        f"<{word}>{body_from_text(str(value))}</{word}>"
        for word, value in told.items()
        if value is not None
    )
    where = "attachment" if file["kind"] == "document" else "inline"
    return (
        f"<x xmlns='jabber:x:oob'><url>{url}</url></x>"
        f"<file-sharing xmlns='urn:xmpp:sfs:0' disposition='{where}'>"
        f"<file xmlns='urn:xmpp:file:metadata:0'>{inside}</file>"
        f"<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='{url}'/>"
        f"</sources></file-sharing>{_fallback('urn:xmpp:sfs:0', 0)}"
    )


# What is about a message


def _retraction(target: str) -> str:
    """Take a message away (XEP-0424)."""
    return (
        f"<retract xmlns='urn:xmpp:message-retract:1' id='{attribute_from_text(target)}'/>"
        f"<body>{TAKEN_BACK}</body>{_fallback('urn:xmpp:message-retract:1', 0)}{_STORE}"
    )


def _reactions(target: str, emoji: Iterable[str]) -> str:
    """All that we show on a message now (XEP-0444)."""
    shown = "".join(f"<reaction>{body_from_text(each)}</reaction>" for each in dict.fromkeys(emoji))
    named = attribute_from_text(target)
    return f"<reactions xmlns='urn:xmpp:reactions:0' id='{named}'>{shown}</reactions>{_STORE}"


# What passes


def stanza_from_state(state: State, *, to: str, kind: str, sender: str = "") -> str:
    """Say that we are writing, or no more (XEP-0085)."""
    by = f" from='{attribute_from_text(sender)}'" if sender else ""
    return (
        f"<message{by} to='{attribute_from_text(to)}' type='{kind}'>"
        f"<{state} xmlns='http://jabber.org/protocol/chatstates'/>"
        "<no-store xmlns='urn:xmpp:hints'/></message>"
    )


def receipt_for(name: str, *, to: str) -> str:
    """Say that a message is safe with us (XEP-0184)."""
    return (
        f"<message to='{attribute_from_text(to)}' type='chat' id='{uuid.uuid4().hex}'>"
        f"<received xmlns='urn:xmpp:receipts' id='{attribute_from_text(name)}'/>"
        f"{_STORE}</message>"
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
