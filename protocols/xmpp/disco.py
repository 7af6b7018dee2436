"""Answering who asks what our client can (XEP-0030)."""

from __future__ import annotations

from typing import Any

from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0030 import DiscoInfo

from protocols.xmpp.features import FEATURES, IDENTITY, NODE, VERIFICATION

NODES = ("", NODE, f"{NODE}#{VERIFICATION}")
"""By what we may be asked: the last is what presences name."""


def our_info(_jid: Any, node: str | None, _asker: Any, _data: Any) -> DiscoInfo:
    """Describe us, as a node handler of slixmpp's; raises what answers an unknown node."""
    if (node or "") not in NODES:
        raise XMPPError("item-not-found")
    info = DiscoInfo()
    category, kind, language, name = IDENTITY
    info.add_identity(category, kind, name=name, lang=language or None)
    for feature in FEATURES:
        info.add_feature(feature)
    return info
