"""The server of one XMPP account: one session at a time, and the way back to it.

``run`` keeps a connection, and a new one after it, until cancelled. Where the server allows it
the session goes on over the gap (XEP-0198); where not, the rooms are entered again and whoever
waits for a message is told that its fate is unknown.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
import time
import uuid
from collections.abc import Callable
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqTimeout, XMPPError

from gateway.delivery.server import Arrival, Limits, Port, ProtocolServer
from gateway.delivery.status import State
from gateway.vocabulary.errors import (
    CredentialsRefused,
    GatewayError,
    NotSent,
    Refused,
    StartError,
    Uncertain,
)
from gateway.vocabulary.events import Event, Facts, kind_of
from protocols.xmpp.acknowledgement import Session
from protocols.xmpp.archive import Reader
from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.intake import Intake, Unreadable
from protocols.xmpp.occupants import Change, Occupant, Room
from protocols.xmpp.past import MAM, Result, from_room, room_as_of, said_by_us
from protocols.xmpp.proofs import Proof, Proofs
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.settings import Settings
from protocols.xmpp.stream import Conflict, Settle, Stream, Unreachable
from protocols.xmpp.text import attribute_from_text
from protocols.xmpp.translate import (
    BODY,
    DELAY,
    Identity,
    archive_of_stanza,
    arrival_from_stanza,
    author_from_occupant,
    bare,
    facts_from_place,
    id_from_ref,
    id_from_stanza,
    invitation_from_stanza,
    place_from_key,
    presence_arrival,
    stanza_from_event,
    stanza_from_typing,
    stanza_from_xml,
)

logger = logging.getLogger(__name__)

BACKOFF = (0.5, 60.0)
"""Seconds between tries: the first pause, and the longest."""
STEADY_SECONDS = 10.0
"""A connection that lasted as long as this starts the backoff anew."""
CONFLICT_SECONDS = 600.0
"""How long we leave the account to another client that took our resource."""
PING_EVERY = 30.0
PING_SECONDS = 10
PROOF_SECONDS = 60.0
"""How long a message waits for its confirmation: long enough to notice a dead link and resume."""
ENTER_SECONDS = 5.0
"""How long a message to a room waits for us to be in it."""
INVITED_ROOMS = 100
"""Rooms that strangers may get us into."""
SUBSCRIPTIONS_PER_HOUR = 100
"""Requests to see our presence that are granted."""
DRAIN_SECONDS = 0.5
DISCO_SECONDS = 10
READ_AGAIN = 60.0
"""Seconds before an archive that could not be read is asked once more."""
LOOK_AGAIN = 5.0
"""Seconds before one that was read is looked at for what was archived late."""
PEOPLE_SECONDS = 0.2
"""How long changes of who is in a room are gathered."""

INVITED = "xmpp.invited"
"""The note in which the rooms of strangers' invitations are kept."""

_CONFERENCE_NAMES = ("conference", "muc", "room", "rooms", "chat", "chats", "groups", "channels")


class Server(ProtocolServer):
    """An account on an XMPP server."""

    settings: Settings

    def __init__(self, account: str, settings: Settings, port: Port) -> None:
        super().__init__(account, settings, port)
        name = account.removeprefix("xmpp:")
        self.identity = settings.bare_jid
        self._us = Identity(name, settings.bare_jid, settings.room_nick)
        self._rooms = Rooms(settings.room_nick, self)
        self._proofs = Proofs()
        self._intake = Intake(port, self._on_written)
        self._catchup = CatchUp(port, self._intake, self)
        self._reader: Reader | None = None
        self._archived: bool | None = None
        self._stream: Stream | None = None
        self._session: Session | None = None
        self._trust: ssl.SSLContext | None = None
        self._services: set[str] = set()
        self._gathering: dict[str, asyncio.TimerHandle] = {}
        self._granted: list[float] = []
        self._paused = False
        self._ledger_away = False
        self._closing = False

    @property
    def limits(self) -> Limits:
        """XMPP has none of its own; servers slow a connection down by not reading it."""
        return Limits()

    async def identify(self) -> str:
        """The bare JID, as configured."""
        return self.settings.bare_jid

    # Being connected

    async def run(self) -> None:
        """Keep a session until cancelled or closed; raises ``CredentialsRefused``."""
        self._closing = False
        await self._recall_rooms()
        # The connection ends first: what has arrived is still written while it says goodbye.
        tasks = [
            asyncio.create_task(self._keep_connected()),
            asyncio.create_task(self._intake.run()),
            asyncio.create_task(self._catchup.run()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self._end()

    def _end(self) -> None:
        """Nothing is connected any more, and nothing will come back by itself."""
        if self._session is not None:
            self._session.departures.abandon(None)
        self._session = None
        self._proofs.abandon()

    async def _keep_connected(self) -> None:
        pause = BACKOFF[0]
        self.port.status.set(State.CONNECTING, f"to {self.settings.domain}")
        while not self._closing:
            began = time.monotonic()
            error = await self._connect_once()
            if self._closing:
                return
            if isinstance(error, CredentialsRefused):
                self.port.status.set(State.REFUSED, str(error), error=str(error))
                raise error
            if time.monotonic() - began > STEADY_SECONDS:
                pause = BACKOFF[0]
            pause = await self._wait_after(error, pause)

    async def _wait_after(self, error: GatewayError, pause: float) -> float:
        """Wait before the next try; returns the pause after it."""
        if isinstance(error, Conflict):
            logger.error("account=%s %s", self.account, error)
            self.port.status.set(State.ELSEWHERE, str(error), error=str(error))
            await asyncio.sleep(CONFLICT_SECONDS)
            return BACKOFF[0]
        logger.warning("account=%s reconnecting: %s", self.account, error)
        self.port.status.set(State.RECONNECTING, str(error), error=str(error))
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        return min(pause * 2, BACKOFF[1])

    async def _connect_once(self) -> GatewayError:
        """One connection, from login to its end; returns why it ended."""
        stream = self._stream = self._new_stream(self.settings.resource, self._session)
        self._reader = Reader(stream, self._us.jid)
        try:
            await stream.login()
            return await self._serve(stream)
        except GatewayError as error:
            return error
        finally:
            self._rooms.stop()
            if self._closing or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                await self._leave(stream)
            stream.dispose()
            self._stream = None
            self._intake.release(forget=False)

    def _new_stream(self, resource: str, session: Session | None) -> Stream:
        if self._trust is None:
            self._trust = ssl.create_default_context()
            if self.settings.tls_ca is not None:
                self._trust.load_verify_locations(self.settings.tls_ca)
        return Stream(self.settings, self, resource=resource, trust=self._trust, previous=session)

    async def _serve(self, stream: Stream) -> GatewayError:
        if not stream.was_resumed:
            self._begin(stream)
        self._session = stream.session
        self._paused = False
        self._rooms.start(stream)
        self.rooms_changed()
        logger.info(
            "account=%s connected tls=%s resumed=%s",
            self.account,
            stream.encryption,
            stream.was_resumed,
        )
        watch = [
            asyncio.create_task(self._watch_link(stream)),
            asyncio.create_task(self._keep_up(stream)),
        ]
        if not stream.was_resumed:
            watch.append(asyncio.create_task(self._look_round(stream)))
        try:
            return await stream.lost()
        finally:
            for task in watch:
                task.cancel()
            await asyncio.gather(*watch, return_exceptions=True)

    def _begin(self, stream: Stream) -> None:
        """A new session: what was not confirmed in the old one only the archives can tell."""
        if self._session is not None:
            self._session.departures.abandon(None)
        self._proofs.lose()
        self._archived = None
        self._catchup.close(self._us.jid)
        stream.say("<presence/>")

    async def _keep_up(self, stream: Stream) -> None:
        """Read the account's archive, if anything in it may be new; again if it failed."""
        while self._catchup.behind(self._us.jid):
            if self._archived is None:
                self._archived = await self._has_archive(stream)
            await self._read_archive(self._us.jid, self._archived)
            if self._catchup.behind(self._us.jid):
                await asyncio.sleep(READ_AGAIN)
        await asyncio.sleep(LOOK_AGAIN)
        if self._reader is not None:
            await self._catchup.look_again(self._us.jid, self._reader)

    async def _has_archive(self, stream: Stream) -> bool | None:
        try:
            found = await stream.plugin["xep_0030"].get_info(
                jid=self._us.jid, timeout=DISCO_SECONDS, cached=False
            )
        except IqTimeout:
            return None
        except XMPPError:
            return False
        return MAM in found["disco_info"]["features"]

    async def _read_archive(self, jid: str, archived: bool | None) -> None:
        """Catch up with one archive, where there is one (None: nobody knows)."""
        if not self._catchup.behind(jid) or self._reader is None:
            return
        if archived is False:
            self._catchup.without(jid)
        else:
            await self._catchup.read(jid, self._reader)
        self.rooms_changed()

    async def _watch_link(self, stream: Stream) -> None:
        """Notice a connection that is dead and does not say so (XEP-0199)."""
        while True:
            await asyncio.sleep(PING_EVERY)
            if self._paused:
                continue
            try:
                await stream.plugin["xep_0199"].ping(self.settings.domain, timeout=PING_SECONDS)
            except IqTimeout:
                stream.drop(Unreachable(f"{stream.where} did not answer a ping"))
            except XMPPError:
                logger.debug("account=%s the server answers no pings", self.account)

    async def close(self) -> None:
        """Let what arrived be committed, say goodbye, stop; at most three seconds."""
        self._closing = True
        if self._stream is not None:
            await self._leave(self._stream)
            self._stream.dispose()
        self._end()
        self.port.status.set(State.STOPPED)

    async def _leave(self, stream: Stream) -> None:
        if not stream.online:
            return
        await self._intake.drain(DRAIN_SECONDS)
        try:
            async with asyncio.timeout(2.5):
                await self._catchup.note_all()
                await stream.goodbye()
        except TimeoutError:
            logger.debug("account=%s the server did not say goodbye", self.account)

    async def check(self) -> list[str]:
        """Log in beside a running gateway, without being seen, and leave."""
        stream = self._new_stream(f"check-{uuid.uuid4().hex[:8]}", None)
        try:
            await stream.login()
            said = [f"logged in as {self.settings.bare_jid} at {stream.where}, {stream.encryption}"]
            if stream.session.name is None:
                said.append(
                    "the server resumes no sessions (XEP-0198): short gaps may lose messages"
                )
            await stream.goodbye()
        except (Unreachable, Conflict) as error:
            raise StartError(str(error)) from error
        finally:
            stream.dispose()
        return said

    # Rooms

    async def _recall_rooms(self) -> None:
        """Want to be in every group that is known, and in the rooms of invitations."""
        for conversation, facts in (await self.port.conversations()).items():
            place = place_from_key(conversation)
            kind = (facts or self.facts(conversation))["chat"]["kind"]
            if kind == "group" and "/" not in place:
                self._rooms.add(place)
        for jid in json.loads(await self.port.noted(INVITED) or "[]"):
            self._rooms.add(jid, invited=jid not in self._rooms)

    async def _look_round(self, stream: Stream) -> None:
        """Learn where rooms are, and which members without a known kind are rooms."""
        for conversation in await self.port.conversations():
            place = place_from_key(conversation)
            if "/" in place or place in self._rooms:
                continue
            if await self._is_conference(stream, place):
                self._rooms.add(place)

    async def _is_conference(self, stream: Stream, jid: str) -> bool:
        try:
            found = await stream.plugin["xep_0030"].get_info(
                jid=jid, timeout=DISCO_SECONDS, cached=False
            )
        except XMPPError:
            return False
        identities = found["disco_info"]["identities"]
        return any(category == "conference" for category, *_ in identities)

    async def enter(self, conversation: str) -> None:
        """Join the room, if it is one."""
        place = place_from_key(conversation)
        if "/" in place or place in self._rooms:
            return
        stream = self._stream
        group = self.facts(conversation)["chat"]["kind"] == "group"
        if group or (
            stream is not None and stream.online and await self._is_conference(stream, place)
        ):
            self._rooms.add(place)

    def facts(self, conversation: str) -> Facts:
        """What a key tells: a room is one that we want to be in, or whose service is named so."""
        place = place_from_key(conversation)
        jid = bare(place)
        room = self._rooms.room(jid)
        service = jid.rpartition("@")[2]
        if room is None and "@" in jid and service.partition(".")[0] in _CONFERENCE_NAMES:
            room = Room(jid, self._us.nick)
        if room is None or "/" not in place:
            return facts_from_place(place, self._us, room)
        person = room.by_place(place.partition("/")[2])
        user = author_from_occupant(person, self._us, room) if person is not None else None
        return facts_from_place(place, self._us, room, user=user)

    async def administers(self, conversation: str, author: str) -> bool:
        """Whether this is an owner or administrator of the room; in private chats everybody is."""
        place = place_from_key(conversation)
        room = self._rooms.room(place)
        if room is None:
            return self.facts(conversation)["chat"]["kind"] == "private"
        return any(
            person.affiliation in ("owner", "admin")
            for person in room.occupants.values()
            if author_from_occupant(person, self._us, room)["id"] == author
        )

    def rooms_changed(self) -> None:
        """See ``Watcher``."""
        if self._stream is None or not self._stream.online:
            return
        troubles = self._rooms.troubles()
        if self._ledger_away:
            troubles.append("the ledger cannot be written")
        if troubles:
            self.port.status.set(State.DEGRADED, "; ".join(troubles[:5]), error=troubles[0])
        else:
            said = [f"as {self._us.jid}", *self._catchup.troubles()]
            more = f"; and {len(said) - 4} more" if len(said) > 4 else ""
            self.port.status.set(State.CONNECTED, "; ".join(said[:4]) + more)

    def joining(self, room: Room) -> None:
        """See ``Watcher``."""
        self._catchup.close(room.jid)

    async def catch_up(self, room: Room) -> None:
        """See ``Watcher``."""
        await self._read_archive(room.jid, room.archived)

    # From archives (``Historian``)

    def past(self, archive: str, result: Result) -> Arrival | Unreadable | None:
        """Take a message of the past, whatever it may hold."""
        try:
            return self._past(archive, result.message)
        except Exception as error:
            logger.exception("account=%s a past stanza could not be understood", self.account)
            raw = ElementTree.tostring(result.message, encoding="unicode")
            return Unreadable(f"{archive} {result.id}", raw, repr(error))

    def _past(self, archive: str, message: Element) -> Arrival | None:
        if message.get("type") in ("error", "headline"):
            return None
        if archive == self._us.jid:
            return self._past_of_ours(message)
        room = self._rooms.room(archive)
        if room is None or not from_room(message, room):
            return None
        if said_by_us(message, room):
            self._proofs.archived(room.jid, message, id_from_stanza(message, self._us, room))
            return None
        return self._past_arrival(message, room_as_of(room, message))

    def _past_of_ours(self, message: Element) -> Arrival | None:
        sender = bare(message.get("from", ""))
        if sender == self._us.jid:
            self._proofs.archived(bare(message.get("to", "")), message, None)
            return None
        if message.get("type") == "groupchat" or self._take_invitation(message):
            return None
        room = self._rooms.room(sender)
        return self._past_arrival(message, None if room is None else room_as_of(room, message))

    def _past_arrival(self, message: Element, room: Room | None) -> Arrival | None:
        arrival = arrival_from_stanza(message, self._us, room, time.time())
        return None if arrival is None or arrival.event["type"] == "xmpp.typing" else arrival

    def caught_up(self, archive: str) -> None:
        """See ``Historian``."""
        self._proofs.give_up(None if archive == self._us.jid else archive)

    def people_changed(self, room: Room) -> None:
        """See ``Watcher``; changes that come together are told together."""
        if room.jid not in self._gathering:
            loop = asyncio.get_running_loop()
            self._gathering[room.jid] = loop.call_later(PEOPLE_SECONDS, self._tell_people, room)

    def _tell_people(self, room: Room) -> None:
        self._gathering.pop(room.jid, None)
        people = [author_from_occupant(person, self._us, room) for person in room.others()]
        self.port.present(self._us.key(room.jid), people)

    # From the wire (``Receiver``)

    def message(self, stanza: Element, settle: Settle) -> None:
        """Take a message, whatever it may hold."""
        self._guarded(self._take_message, stanza, settle)

    def presence(self, stanza: Element, settle: Settle) -> None:
        """Take a presence, whatever it may hold."""
        self._guarded(self._take_presence, stanza, settle)

    async def hold(self) -> None:
        """See ``Receiver``."""
        await self._intake.hold()

    def resumed(self, *, again: bool) -> None:
        """See ``Receiver``."""
        self._intake.release(forget=again)
        if again:
            self._catchup.forget()
        else:
            self._catchup.close(self._us.jid)

    def _guarded(
        self, take: Callable[[Element, Settle], None], stanza: Element, settle: Settle
    ) -> None:
        try:
            take(stanza, settle)
        except Exception as error:
            # The stream must go on: a stanza that breaks us would break every connection anew.
            logger.exception("account=%s a stanza could not be understood", self.account)
            raw = ElementTree.tostring(stanza, encoding="unicode")
            self._intake.put(Unreadable(None, raw, repr(error)), settle)
        if self._intake.full and not self._paused and self._stream is not None:
            self._paused = True
            self._stream.read(False)

    def _take_message(self, stanza: Element, settle: Settle) -> None:
        sender = stanza.get("from", "")
        room = self._rooms.room(bare(sender))
        if self._reader is not None and self._reader.take(stanza):
            logger.debug("account=%s an archive answers: %s", self.account, sender)
        elif stanza.get("type") == "error":
            self._take_error(stanza)
        elif bare(sender) == self._us.jid:
            logger.debug("account=%s our own message came by", self.account)
        elif room is not None and self._is_ours(stanza, room):
            self._proofs.reflection(stanza, id_from_stanza(stanza, self._us, room))
        elif stanza.get("type") == "groupchat" and not _is_news(stanza, room):
            logger.debug("account=%s a room's past, or no room of ours: %s", self.account, sender)
        elif not self._take_invitation(stanza):
            return self._take_conversation(stanza, room, settle)
        return settle()

    def _take_conversation(self, stanza: Element, room: Room | None, settle: Settle) -> None:
        arrival = arrival_from_stanza(stanza, self._us, room, time.time())
        if arrival is None or stanza.get("type") == "headline":
            return settle()
        if arrival.event["type"] == "xmpp.typing":
            self.port.pass_on(arrival.conversation, arrival.event)
            return settle()
        return self._catchup.put(archive_of_stanza(stanza, self._us, room), arrival, settle)

    def _is_ours(self, stanza: Element, room: Room) -> bool:
        return (
            stanza.get("type") == "groupchat"
            and stanza.get("from", "").partition("/")[2] == room.nick
            and room.joined
        )

    def _take_error(self, stanza: Element) -> None:
        outcome = self._proofs.error(stanza)
        if outcome is None:
            logger.info("account=%s a late error from=%s", self.account, stanza.get("from"))
        elif isinstance(outcome, NotSent):
            self._rooms.lost(bare(stanza.get("from", "")))

    def _take_invitation(self, stanza: Element) -> bool:
        invitation = invitation_from_stanza(stanza)
        if invitation is None:
            return False
        known = invitation.room in self._rooms
        invited = [member.room.jid for member in self._rooms if member.invited]
        if not known and len(invited) >= INVITED_ROOMS:
            logger.warning("account=%s too many invitations", self.account)
            return True
        self._rooms.add(invitation.room, password=invitation.password, invited=not known)
        if not known:
            task = asyncio.ensure_future(
                self.port.note(INVITED, json.dumps([*invited, invitation.room]))
            )
            task.add_done_callback(_tell)
        return True

    def _take_presence(self, stanza: Element, settle: Settle) -> None:
        if stanza.get("type") == "subscribe":
            self._grant(bare(stanza.get("from", "")))
            return settle()
        found = self._rooms.presence(stanza)
        if found is None:
            return settle()
        change, person, room = found
        return self._take_change(change, person, room, settle)

    def _take_change(
        self, change: Change, person: Occupant | None, room: Room, settle: Settle
    ) -> None:
        if person is None or change not in (Change.CAME, Change.WENT):
            return settle()
        kind: Literal["join", "leave"] = "join" if change is Change.CAME else "leave"
        arrival = presence_arrival(kind, person, self._us, room)
        return self._catchup.put(room.jid, arrival, settle)

    def _grant(self, jid: str) -> None:
        """Let people see that the bot is there; but not any number of them."""
        now = time.monotonic()
        self._granted = [at for at in self._granted if now - at < 3600]
        if self._stream is None or len(self._granted) >= SUBSCRIPTIONS_PER_HOUR:
            return
        self._granted.append(now)
        self._stream.say(f"<presence type='subscribed' to='{attribute_from_text(jid)}'/>")

    def _on_written(self) -> None:
        """The intake has committed something, or could not."""
        stream = self._stream
        if stream is None:
            return
        stream.acknowledge(late=self._intake.ledger_away)
        if self._paused and self._intake.drained:
            self._paused = False
            stream.read(True)
        if self._ledger_away != self._intake.ledger_away:
            self._ledger_away = self._intake.ledger_away
            self.rooms_changed()

    # To the wire

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Say something and wait for the proof: the room's own copy, or our server's receipt."""
        place = place_from_key(conversation)
        match kind_of(event):
            case "message":
                return await self._deliver_message(place, facts, event)
            case "typing":
                self._deliver_typing(place, facts)
            case "stanza":
                await self._deliver_stanza(event)
            case kind:
                raise Refused("refused", f"XMPP knows no {kind}")
        return None

    async def _deliver_message(self, place: str, facts: Facts, event: Event) -> str:
        group = self._is_group(place, facts)
        if group:
            await self._be_in(place)
        await self._be_up_to_date(place if group else self._us.jid)
        stream = self._online()
        name = id_from_ref(event.get("ref"))
        said = self._proofs.said(bare(place), name, event["text"])
        if said is not None:
            return said
        kind = "groupchat" if group else "chat"
        text = stanza_from_event(event, to=self._address(place), kind=kind, name=name)
        with self._proofs.await_(bare(place), name, reflected=group) as proof:
            return await self._prove(stream, text, proof)

    async def _prove(self, stream: Stream, text: str, proof: Proof) -> str:
        departure = stream.say(text, proof.verdict)
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                return await proof.future
        except TimeoutError:
            raise Uncertain(f"not confirmed within {PROOF_SECONDS:.0f} s") from None
        finally:
            departure.withdraw()

    async def _be_in(self, jid: str) -> None:
        """Wait until we are in the room, but not for long."""
        self._online()
        member = self._rooms.add(jid)
        if member.trouble and member.pause > ENTER_SECONDS:
            raise NotSent(f"not in {jid}: {member.trouble}")
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                await member.entered.wait()
        except TimeoutError:
            raise NotSent(f"not in {jid}: {member.trouble or 'still joining'}") from None

    async def _be_up_to_date(self, archive: str) -> None:
        """Wait until it is known what of ours was said before, but not for long."""
        self._online()
        live = self._catchup.live(archive)
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                await live.wait()
        except TimeoutError:
            raise NotSent(f"reading the archive of {archive}") from None

    def _address(self, place: str) -> str:
        """The JID of a place; of somebody in a room, under the present nick."""
        jid, _, person = place.partition("/")
        if not person:
            return jid
        room = self._rooms.room(jid)
        found = room.by_place(person) if room is not None else None
        if room is not None and not room.joined:
            raise NotSent(f"not in {jid}")
        if found is None:
            raise Refused("not_found", f"this person is not in {jid} now")
        return f"{jid}/{found.nick}"

    def _is_group(self, place: str, facts: Facts) -> bool:
        return "/" not in place and (place in self._rooms or facts["chat"]["kind"] == "group")

    def _deliver_typing(self, place: str, facts: Facts) -> None:
        stream = self._online()
        group = self._is_group(place, facts)
        member = self._rooms.get(place)
        if group and (member is None or not member.room.joined):
            raise NotSent(f"not in {place}")
        kind = "groupchat" if group else "chat"
        stream.say(stanza_from_typing(to=self._address(place), kind=kind))

    async def _deliver_stanza(self, event: Event) -> None:
        text = stanza_from_xml(str(event.get("xml", "")))
        name = uuid.uuid4().hex
        with self._proofs.await_("", name, reflected=False) as proof:
            await self._prove(self._online(), text, proof)

    def _online(self) -> Stream:
        stream = self._stream
        if stream is None or not stream.online:
            raise NotSent(f"not connected to {self.settings.domain}")
        if stream.congested:
            raise NotSent(f"{stream.where} does not take what we say")
        return stream


def _is_news(stanza: Element, room: Room | None) -> bool:
    """Whether a room's message is one that we have not had.

    A room repeats what was said before (XEP-0045, 7.2.13): of that, only what was said while we
    were out is news. Our own server marks what it repeats after a gap as delayed too, in its own
    name; that was never settled.
    """
    if room is None:
        return False
    new = room.hear(stanza, time.monotonic()) if stanza.find(BODY) is not None else True
    delay = stanza.find(DELAY)
    if room.archived and delay is not None and bare(delay.get("from", "")) == room.jid:
        return False
    if delay is None or bare(delay.get("from", "")) != room.jid:
        return room.joined
    return room.joined and new


def _tell(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("the rooms of invitations were not kept", exc_info=task.exception())
