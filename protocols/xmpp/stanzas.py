"""Events to stanzas, as text. Nothing here performs I/O."""

from __future__ import annotations

import hashlib
import re
import uuid
from xml.etree import ElementTree

from gateway.vocabulary.errors import Refused
from gateway.vocabulary.events import Event
from protocols.xmpp.elements import CLIENT
from protocols.xmpp.text import attribute_from_text, body_from_text

MAX_ID = 128
MAX_STANZA = 65_536
"""Characters of a stanza that an application sends as XML."""

_SAFE_ID = re.compile(rf"[!-~]{{1,{MAX_ID}}}")


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
