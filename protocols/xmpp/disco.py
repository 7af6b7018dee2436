"""Answering who asks what our client can (XEP-0030)."""

from __future__ import annotations

from typing import Any

from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0030 import DiscoInfo

from protocols.xmpp.choices import NODES as CHOICES
from protocols.xmpp.elements import COMMANDS
from protocols.xmpp.features import (
    COMMAND,
    COMMAND_LIST,
    FEATURES,
    IDENTITY,
    NODE,
    VERIFICATION,
)

NODES = ("", NODE, f"{NODE}#{VERIFICATION}")
"""By what we may be asked: the last is what presences name."""


def our_info(_jid: Any, node: str | None, _asker: Any, _data: Any) -> DiscoInfo:
    """Describe us, as a node handler of slixmpp's; raises what answers an unknown node."""
    info = DiscoInfo()
    category, kind, language, name = _identity(node or "")
    info.add_identity(category, kind, name=name or None, lang=language or None)
    for feature in FEATURES:
        info.add_feature(feature)
    return info


def _identity(node: str) -> tuple[str, str, str, str]:
    if node in NODES:
        return IDENTITY
    if node == COMMANDS:
        return COMMAND_LIST
    if node.startswith(CHOICES):
        return COMMAND
    raise XMPPError("item-not-found")
