"""What our client says that it can (XEP-0030, XEP-0115). Nothing here performs I/O."""

from __future__ import annotations

import base64
import hashlib

NODE = "urn:chat-gateway"
"""Who made this client."""

IDENTITY = ("client", "bot", "", "chat-gateway")
"""Category, type, language and name."""

FEATURES = tuple(
    sorted(
        (
            "http://jabber.org/protocol/caps",
            "http://jabber.org/protocol/chatstates",
            "http://jabber.org/protocol/commands",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
            "http://jabber.org/protocol/xhtml-im",
            "jabber:x:conference",
            "jabber:x:data",
            "jabber:x:oob",
            "urn:xmpp:fallback:0",
            "urn:xmpp:markup:0",
            "urn:xmpp:message-correct:0",
            "urn:xmpp:message-retract:1",
            "urn:xmpp:ping",
            "urn:xmpp:reactions:0",
            "urn:xmpp:receipts",
            "urn:xmpp:reply:0",
            "urn:xmpp:sfs:0",
            "urn:xmpp:sid:0",
            "urn:xmpp:spoiler:0",
            "urn:xmpp:styling:0",
        )
    )
)


COMMAND_LIST = ("automation", "command-list", "", "")
COMMAND = ("automation", "command-node", "", "")
"""What the list of what can be chosen is, and each choice in it (XEP-0050)."""


def verification(identity: tuple[str, str, str, str], features: tuple[str, ...]) -> str:
    """What stands for an identity and sorted features (XEP-0115, 5.1)."""
    text = "".join(f"{line}<" for line in ("/".join(identity), *features))
    # The XEP's own choice of hash; nothing is kept secret by it.
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


VERIFICATION = verification(IDENTITY, FEATURES)

CAPABILITIES = (
    f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{NODE}' ver='{VERIFICATION}'/>"
)
"""What a presence of ours bears."""
