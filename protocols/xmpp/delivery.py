"""What goes to the wire, and the wait for the proof that it arrived."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

from gateway.vocabulary.errors import NotSent, Refused, Uncertain
from gateway.vocabulary.events import Event, Facts, kind_of
from protocols.xmpp.acknowledgement import Departure
from protocols.xmpp.attendance import Attendance
from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.choices import Choices
from protocols.xmpp.identity import Identity, bare
from protocols.xmpp.link import Link
from protocols.xmpp.places import Places
from protocols.xmpp.proofs import Proof, Proofs
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.stanzas import (
    id_from_ref,
    stanza_from_event,
    stanza_from_xml,
)
from protocols.xmpp.suspects import Suspects
from protocols.xmpp.uploads import Uploads
from protocols.xmpp.writing import Writing

PROOF_SECONDS = 60.0
"""How long a message waits for its confirmation: long enough to notice a dead link and resume."""
ENTER_SECONDS = 5.0
"""How long a message to a room waits for us to be in it."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Says what the gateway wants said."""

    us: Identity
    link: Link
    rooms: Rooms
    attendance: Attendance
    places: Places
    proofs: Proofs
    suspects: Suspects
    catchup: CatchUp
    uploads: Uploads
    writing: Writing
    choices: Choices

    async def deliver(
        self, place: str, facts: Facts, event: Event, *, sender: str = ""
    ) -> str | None:
        """See ``ProtocolServer``; the proof is the room's own copy, or our server's receipt.

        Of a component ``sender`` is who says it, if that is not the bot.
        """
        match kind_of(event):
            case "message" | "edit" | "delete" | "reaction":
                return await self._event(place, facts, event, sender)
            case "answer" if event.get("text"):
                await self._event(place, facts, event)
            case "answer":
                return None  # here nobody waits for one
            case "typing":
                self._typing(place, facts)
            case "stanza":
                await self._stanza(event)
            case kind:
                raise Refused("refused", f"XMPP knows no {kind}")
        return None

    async def _event(self, place: str, facts: Facts, event: Event, sender: str = "") -> str:
        group = self.places.is_group(place, facts)
        native = await self._said(place, event, sender, group=group)
        self.writing.said(place)
        self.attendance.visited(place)
        name = native if kind_of(event) == "message" else str(event.get("id", native))
        self.choices.said(place, event, name, group=group)
        return name

    async def _said(self, place: str, event: Event, sender: str, *, group: bool) -> str:
        if group:
            await self._be_in(place)
        await self._be_up_to_date(place if group else self.us.jid)
        name = id_from_ref(event.get("ref"))
        said = self.proofs.said(bare(place), name, event)
        if said is not None:
            return said
        event = await self.uploads.placed(event)
        kind = "groupchat" if group else "chat"
        to = self.places.address(place)
        answered = self._answered(place, event)
        text = stanza_from_event(
            event, to=to, kind=kind, name=name, sender=sender, answered=answered
        )
        with self.proofs.await_(bare(place), name, reflected=group) as proof:
            return await self._say(text, proof)

    def _answered(self, place: str, event: Event) -> str:
        """The JID of who is answered in a room: under their own name, or else we said it."""
        room, quoted = self.rooms.room(place), event.get("quoted")
        if room is None or not quoted:
            return ""
        name = quoted["author"]
        return f"{room.jid}/{name if name in room.occupants else room.nick}"

    def _typing(self, place: str, facts: Facts) -> None:
        group = self.places.is_group(place, facts)
        room = self.rooms.room(place)
        if group and (room is None or not room.joined):
            raise NotSent(f"not in {place}")
        kind = "groupchat" if group else "chat"
        self.writing.begin(place, to=self.places.address(place), kind=kind)

    async def _stanza(self, event: Event) -> None:
        text = stanza_from_xml(str(event.get("xml", "")))
        name = uuid.uuid4().hex
        with self.proofs.await_("", name, reflected=False) as proof:
            await self._say(text, proof)

    async def _say(self, text: str, proof: Proof) -> str:
        """Say it when it is its turn; raises ``Refused`` if the server does not bear it."""
        async with self.suspects.turn(proof.name):
            departure = self.link.ready().say(text, proof.verdict)
            try:
                native = await self._proven(proof)
            except (NotSent, Uncertain):
                self._blame(proof.name, departure)
                raise
            finally:
                departure.withdraw()
        self.suspects.acquit(proof.name)
        return native

    async def _proven(self, proof: Proof) -> str:
        late = Uncertain(f"not confirmed within {PROOF_SECONDS:.0f} s")
        timer = asyncio.get_running_loop().call_later(PROOF_SECONDS, proof.fail, late)
        try:
            return await proof.future
        finally:
            timer.cancel()

    def _blame(self, name: str, departure: Departure) -> None:
        if departure.blamed:
            self.suspects.blame(name)
        if self.suspects.guilty(name):
            raise Refused("refused", "the server ended the stream over this, twice")

    # What has to be waited for before

    async def _be_in(self, jid: str) -> None:
        """Wait until we are in the room, but not for long."""
        self.link.ready()
        member = self.rooms.add(jid)
        if member.trouble and member.pause > ENTER_SECONDS:
            raise NotSent(f"not in {jid}: {member.trouble}")
        if not await _soon(member.entered):
            raise NotSent(f"not in {jid}: {member.trouble or 'still joining'}")

    async def _be_up_to_date(self, archive: str) -> None:
        """Wait until it is known what of ours was said before, but not for long."""
        self.link.ready()
        if not await _soon(self.catchup.live(archive)):
            raise NotSent(f"reading the archive of {archive}")


async def _soon(happened: asyncio.Event) -> bool:
    """Wait for something, but not for long; whether it happened."""
    if happened.is_set():  # at once: a timeout costs more than all the rest here
        return True
    try:
        async with asyncio.timeout(ENTER_SECONDS):
            return await happened.wait()
    except TimeoutError:
        return False
