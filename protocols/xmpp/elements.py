"""The names of the elements and errors that stanzas hold, as the parser writes them."""

from __future__ import annotations

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
