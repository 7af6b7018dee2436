"""Who is asked for the vCard of a puppet answers for it (XEP-0054).

Rooms ask in the name of an occupant, and the bare JID of the one who is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from protocols.xmpp.component.looks import VCARD, card_from_person
from protocols.xmpp.component.pictures import Pictures
from protocols.xmpp.component.puppets import Puppets
from protocols.xmpp.elements import CLIENT, STANZA_ERRORS
from protocols.xmpp.identity import Identity, bare
from protocols.xmpp.link import Link
from protocols.xmpp.stream import Stream
from protocols.xmpp.text import attribute_from_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """Says who puppets are, with their pictures."""

    us: Identity
    link: Link
    puppets: Puppets
    pictures: Pictures

    def serve(self, stream: Stream) -> None:
        """Take what is asked over a new connection."""
        asked = MatchXPath(f"{CLIENT}iq/{VCARD}")
        stream.register_handler(Callback("cards", asked, self.asked))

    def asked(self, iq: Any) -> None:
        """Answer a question, from what is known now."""
        kind = iq.xml.get("type")
        if kind == "get":
            card = self._card(iq.xml.get("to", ""), iq.xml.get("from", ""))
            self._answer(iq, card or _error("item-not-found"))
        elif kind == "set":
            self._answer(iq, _error("not-allowed"))

    def _card(self, jid: str, asker: str) -> str:
        if bare(jid) == self.us.jid:
            return card_from_person(self.us.nick, self.us.nick, None)
        puppet = self.puppets.behind(jid, bare(asker))
        if puppet is None:
            return ""
        return card_from_person(puppet.name, puppet.nick, self.pictures.of(puppet.author))

    def _answer(self, iq: Any, inside: str) -> None:
        """Say it over the connection of now, from the JID that was asked."""
        stream = self.link.online()
        if stream is None or stream.congested:
            return
        kind = "error" if inside.startswith("<error") else "result"
        names = {"from": "to", "to": "from", "id": "id"}
        attributes = "".join(
            f" {ours}='{attribute_from_text(iq.xml.get(theirs, ''))}'"
            for ours, theirs in names.items()
        )
        stream.say(f"<iq type='{kind}'{attributes}>{inside}</iq>")


def _error(condition: str) -> str:
    namespace = STANZA_ERRORS.strip("{}")
    return f"<error type='cancel'><{condition} xmlns='{namespace}'/></error>"
