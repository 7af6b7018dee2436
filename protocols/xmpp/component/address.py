"""A component says of each stanza whom it is from (XEP-0114, 3). Nothing here performs I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import unescape

from protocols.xmpp.elements import CLIENT
from protocols.xmpp.text import attribute_from_text

_START = re.compile(r"<(message|presence|iq)(?=[\s/>])")
_ATTRIBUTE = re.compile(r"\s+([\w:.-]+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")")
_ENTITIES = {"&apos;": "'", "&quot;": '"', "&#10;": "\n", "&#9;": "\t"}
_END = "</message>"


def attributes_of(stanza: str) -> Mapping[str, str]:
    """The attributes of a stanza that is written as text."""
    found: dict[str, str] = {}
    start = _START.match(stanza)
    match = _ATTRIBUTE.match(stanza, start.end()) if start is not None else None
    while match is not None:
        found[match[1]] = unescape(match[2] or match[3] or "", _ENTITIES)
        match = _ATTRIBUTE.match(stanza, match.end())
    return found


def sent_from(stanza: str, sender: str) -> str:
    """The stanza with its sender, unless it names one itself."""
    return _with_attribute(stanza, "from", sender)


def identified(stanza: str, name: str) -> str:
    """The stanza with an id, unless it has one: a room would give it one of its own."""
    return _with_attribute(stanza, "id", name)


def _with_attribute(stanza: str, attribute: str, value: str) -> str:
    start = _START.match(stanza)
    if start is None or attribute in attributes_of(stanza):
        return stanza
    end = start.end()
    return f"{stanza[:end]} {attribute}='{attribute_from_text(value)}'{stanza[end:]}"


def with_element(message: str, element: str) -> str:
    """The message with one more element at its end."""
    return f"{message.removesuffix(_END)}{element}{_END}" if message.endswith(_END) else message


def without_namespace(xml: str) -> str:
    """A stanza as it may be said in any stream; raises ``ParseError`` if it is none."""
    root = ElementTree.fromstring(xml)
    for element in root.iter():
        element.tag = element.tag.removeprefix(CLIENT)
    return ElementTree.tostring(root, encoding="unicode")
