"""What comes for a whole domain, sorted: the bot's goes on, the puppets' ends here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import NotSent
from protocols.xmpp.acknowledgement import Settle
from protocols.xmpp.component.address import sent_from
from protocols.xmpp.component.courtesy import Courtesy
from protocols.xmpp.component.puppets import Puppets
from protocols.xmpp.component.seal import Seal
from protocols.xmpp.identity import Identity, bare
from protocols.xmpp.ids import id_from_stanza
from protocols.xmpp.link import Link
from protocols.xmpp.proofs import Proofs
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.stream import Receiver
from protocols.xmpp.text import attribute_from_text

logger = logging.getLogger(__name__)

_NOBODY = (
    "<error type='cancel'><recipient-unavailable "
    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
)


@dataclass(slots=True, kw_only=True)
class Entrance:
    """The ``Receiver`` of a component, before the one of its bot."""

    us: Identity
    link: Link
    rooms: Rooms
    proofs: Proofs
    puppets: Puppets
    seal: Seal
    courtesy: Courtesy
    bot: Receiver

    def message(self, stanza: Element, settle: Settle) -> None:
        """See ``Receiver``."""
        if bare(stanza.get("to", "")) != self.us.jid:
            self._guarded(self._for_puppet, stanza)
        elif stanza.get("type") == "groupchat" and self.seal.holds(stanza):
            self._guarded(self._of_puppet, stanza)
        else:
            return self.bot.message(stanza, settle)
        return settle()

    def presence(self, stanza: Element, settle: Settle) -> None:
        """See ``Receiver``."""
        if bare(stanza.get("to", "")) != self.us.jid:
            self._guarded(self.puppets.presence, stanza)
            return settle()
        if stanza.get("type") != "error" and self.puppets.shown(stanza):
            self._guarded(self.rooms.presence, stanza)
            return settle()
        if stanza.get("type") in ("subscribe", "probe"):
            self._show_ourselves(bare(stanza.get("from", "")))
        return self.bot.presence(stanza, settle)

    async def hold(self) -> None:
        """See ``Receiver``."""
        await self.bot.hold()

    def resumed(self, *, again: bool) -> None:
        """See ``Receiver``."""
        self.bot.resumed(again=again)

    def _guarded(self, take: Callable[[Element], object], stanza: Element) -> None:
        try:
            take(stanza)
        except Exception:
            # The stream must go on: whatever it was, nobody is told of it.
            logger.exception("account=%s a stanza could not be understood", self.us.jid)

    # Of and for puppets

    def _of_puppet(self, stanza: Element) -> None:
        """The room's copy of what one of them said, as the bot hears it."""
        room = self.rooms.room(bare(stanza.get("from", "")))
        if room is not None:
            self.proofs.reflection(stanza, id_from_stanza(stanza, self.us, room))

    def _for_puppet(self, stanza: Element) -> None:
        """A room's copy of what everybody says; else an error, or somebody who writes to one."""
        sender, to = stanza.get("from", ""), stanza.get("to", "")
        room = bare(sender)
        puppet = self.puppets.find(room, to)
        match stanza.get("type"):
            case "groupchat":
                if puppet is None:
                    self._turn_away(sender, to)
            case "error":
                outcome = self.proofs.error(stanza)
                if puppet is not None and isinstance(outcome, NotSent):
                    puppet.lose()
            case _:
                self.courtesy.answer(stanza)

    def _turn_away(self, sender: str, to: str) -> None:
        """Tell a room that it has a ghost of ours: somebody from a process that is gone."""
        stanza = f"<message to='{attribute_from_text(sender)}' type='error'>{_NOBODY}</message>"
        if (stream := self.link.online()) is not None:
            stream.say(sent_from(stanza, to))

    def _show_ourselves(self, jid: str) -> None:
        if (stream := self.link.online()) is not None:
            stream.say(f"<presence to='{attribute_from_text(jid)}'/>")
