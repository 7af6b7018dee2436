"""What errors say of the messages that they answer (RFC 6120, 8.3). Nothing here performs I/O."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import Delayed, DeliveryError, NotSent, Refused
from gateway.vocabulary.text import clean_name
from protocols.xmpp.elements import ERROR, STANZA_ERRORS

RETRY_SECONDS = 10.0
"""How long to wait when the other side says ``wait`` and not how long (RFC 6120, 8.3.2)."""

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


def outcome_from_error(message: Element) -> DeliveryError:
    """What an error stanza says about the message that it answers."""
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
