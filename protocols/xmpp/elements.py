"""The names of the elements and errors that stanzas hold, as the parser writes them."""

from __future__ import annotations

CLIENT = "{jabber:client}"
BODY = f"{CLIENT}body"
SUBJECT = f"{CLIENT}subject"
ERROR = f"{CLIENT}error"
DELAY = "{urn:xmpp:delay}delay"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
ORIGIN_ID = "{urn:xmpp:sid:0}origin-id"
CHAT_STATES = "{http://jabber.org/protocol/chatstates}"
DIRECT_INVITATION = "{jabber:x:conference}x"
STANZA_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"

# What a message says, and how

FALLBACK = "{urn:xmpp:fallback:0}"
REPLY = "{urn:xmpp:reply:0}reply"
UNSTYLED = "{urn:xmpp:styling:0}unstyled"
MARKUP = "{urn:xmpp:markup:0}markup"
XHTML = "{http://jabber.org/protocol/xhtml-im}html"
SPOILER = "{urn:xmpp:spoiler:0}spoiler"

# What is about another message

REPLACE = "{urn:xmpp:message-correct:0}replace"
RETRACT = "{urn:xmpp:message-retract:1}"
OLD_RETRACT = "{urn:xmpp:message-retract:0}"
MODERATE = "{urn:xmpp:message-moderate:1}"
OLD_MODERATE = "{urn:xmpp:message-moderate:0}"
APPLY_TO = "{urn:xmpp:fasten:0}apply-to"
REACTIONS = "{urn:xmpp:reactions:0}"
RECEIPTS = "{urn:xmpp:receipts}"
MARKERS = "{urn:xmpp:chat-markers:0}"

# What can be asked of us

COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"

# Files and places

OUT_OF_BAND = "{jabber:x:oob}"
SHARED = "{urn:xmpp:sfs:0}"
METADATA = "{urn:xmpp:file:metadata:0}"
URL_DATA = "{http://jabber.org/protocol/url-data}url-data"
REFERENCE = "{urn:xmpp:reference:0}reference"
MEDIA_SHARING = "{urn:xmpp:sims:1}"
JINGLE_FILE = "{urn:xmpp:jingle:apps:file-transfer:5}"
GEOLOC = "{http://jabber.org/protocol/geoloc}"

# Our own

HOP = "urn:chat-gateway:bridged:0"
"""The mark of what a gateway brought from elsewhere: another one does not bring it on."""
BRIDGED = f"{{{HOP}}}bridged"
