"""Messages that are encrypted for somebody who could read them. Nothing here performs I/O."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from protocols.xmpp.elements import BODY

_OMEMO = ("eu.siacs.conversations.axolotl", *(f"urn:xmpp:omemo:{number}" for number in range(3)))
_ELEMENTS = {
    **{f"{{{name}}}encrypted": "OMEMO" for name in _OMEMO},  # XEP-0384
    "{jabber:x:encrypted}x": "OpenPGP",  # XEP-0027
    "{urn:xmpp:openpgp:0}openpgp": "OpenPGP",  # XEP-0373
}
_NAMED = "{urn:xmpp:eme:0}encryption"
"""XEP-0380: says how a message is encrypted, for clients that do not know it."""
_NAMES = {"urn:xmpp:otr:0": "OTR", "urn:ietf:params:xml:ns:xmpp-e2e": "OpenPGP"}
_OTR = "?OTR"
"""What a body begins with (XEP-0364)."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a message is encrypted; ``name`` is for people."""

    name: str
    says: bool
    """Whether somebody said something: OMEMO exchanges keys by messages too."""


def encryption_of_stanza(message: Element) -> Encryption | None:
    """How a message is encrypted, if it is: whatever its body says is not what was said."""
    named: str | None = None
    for child in message:
        tag = child.tag
        scheme = _ELEMENTS.get(tag)
        if scheme is not None:
            payload = child.find(tag.replace("}encrypted", "}payload"))
            return Encryption(scheme, says=scheme != "OMEMO" or payload is not None)
        if tag == BODY and (child.text or "").startswith(_OTR):
            return Encryption("OTR", says=True)
        if tag == _NAMED:
            named = _NAMES.get(child.get("namespace", ""), "end-to-end encryption")
    return Encryption(named, says=True) if named is not None else None


def sentence(encryption: Encryption) -> str:
    """What people are told, once."""
    return (
        f"I cannot read messages with {encryption.name}: this account is a gateway to other "
        "networks. Please switch encryption off in this chat and say it again."
    )
