"""The server of one XMPP account: its parts, wired together.

    Connection -> Stream -> Incoming -> CatchUp -> Intake -> port
                                        archives -> History -^
    port -> Delivery -> Stream, and back the proof

``Link`` holds the stream of the moment for all of them. ``Rooms`` keeps us in the rooms that
``Attendance`` wants. What stanzas mean is known to what is pure: ``translate`` reads them to
arrivals, ``stanzas`` writes them from events, ``identity`` says who and where that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Protocol, Self

from gateway.delivery.server import Limits, Port, ProtocolServer
from gateway.delivery.status import State
from gateway.vocabulary.events import Event, Facts
from protocols.xmpp.apologies import Apologies
from protocols.xmpp.archives import Archives
from protocols.xmpp.attendance import Attendance
from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.choices import Choices
from protocols.xmpp.comings import Comings
from protocols.xmpp.commands import Commands
from protocols.xmpp.component.names import named
from protocols.xmpp.connection import Connection
from protocols.xmpp.delivery import Delivery
from protocols.xmpp.history import History
from protocols.xmpp.identity import Identity, author_from_occupant, extensions, place_from_key
from protocols.xmpp.incoming import Incoming
from protocols.xmpp.intake import Intake
from protocols.xmpp.link import Link
from protocols.xmpp.occupants import Occupant, Room
from protocols.xmpp.places import Places
from protocols.xmpp.proofs import Proofs
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.settings import Settings
from protocols.xmpp.stream import Stream
from protocols.xmpp.subscriptions import Subscriptions
from protocols.xmpp.suspects import Suspects
from protocols.xmpp.uploads import Uploads
from protocols.xmpp.writing import Writing

DRAIN_SECONDS = 0.5
PEOPLE_SECONDS = 0.2
"""How long changes of who is in a room are gathered."""


class Part(Protocol):
    """What runs as long as the server."""

    async def run(self) -> None:
        """Work until cancelled."""


class Server(ProtocolServer):
    """An account on an XMPP server."""

    settings: Settings

    def __new__(cls, account: str, settings: Settings, port: Port) -> Self:
        """An account, or a whole domain: the configuration says which of the two it is."""
        if settings.mode == "component" and cls is Server:
            from protocols.xmpp.component.server import ComponentServer

            return super().__new__(ComponentServer)  # type: ignore[return-value]
        return super().__new__(cls)

    def __init__(self, account: str, settings: Settings, port: Port) -> None:
        super().__init__(account, settings, port)
        self.identity = settings.bare_jid
        name = account.removeprefix("xmpp:")
        puppets = settings.mode == "component" and settings.puppets > 0
        self._us = Identity(name, settings.bare_jid, settings.room_nick, puppets=puppets)
        self._link = Link(settings.domain)
        self._proofs = Proofs()
        self._rooms = Rooms(settings.room_nick, self, settings.bound)
        self._places = Places(self._us, self._rooms)
        self._attendance = Attendance(port, self._link, self._rooms, self._places)
        self._ledger_away = False
        self._gathering: dict[str, asyncio.TimerHandle] = {}
        self._wire()

    def _wire(self) -> None:
        """Make the parts that a message passes."""
        us, link, rooms, proofs = self._us, self._link, self._rooms, self._proofs
        self._intake = Intake(self.port, self._on_written)
        history = self._history()
        self._catchup = CatchUp(self.port, self._intake, history, self.settings.bound)
        self._archives = self._archives_of_ours()
        self._uploads = Uploads(us, self.port, link, self.settings.tls_ca)
        self._writing = Writing(link)
        self._commands = self._commands_of_ours()
        self._delivery = Delivery(
            us=us,
            link=link,
            rooms=rooms,
            attendance=self._attendance,
            places=self._places,
            proofs=proofs,
            suspects=Suspects(),
            catchup=self._catchup,
            uploads=self._uploads,
            writing=self._writing,
            choices=self._commands.choices,
        )
        self._comings = Comings(us, self.port)
        incoming = Incoming(
            us=us,
            port=self.port,
            link=link,
            rooms=rooms,
            attendance=self._attendance,
            proofs=proofs,
            intake=self._intake,
            catchup=self._catchup,
            subscriptions=Subscriptions(link),
            comings=self._comings,
            apologies=Apologies(us, self.port, link, self._places),
        )
        self._connection = self._connection_with(incoming)

    def _history(self) -> History:
        return History(self._us, self._rooms, self._proofs, self._attendance)

    def _archives_of_ours(self) -> Archives:
        return Archives(self._us.jid, self._link, self._catchup, self.rooms_changed)

    def _commands_of_ours(self) -> Commands:
        return Commands(
            us=self._us,
            link=self._link,
            rooms=self._rooms,
            choices=Choices(),
            catchup=self._catchup,
            intake=self._intake,
        )

    def _connection_with(self, incoming: Incoming) -> Connection:
        return Connection(
            self.account,
            self.settings,
            self.port.status,
            link=self._link,
            receiver=incoming,
            tenant=self,
        )

    @property
    def limits(self) -> Limits:
        """XMPP has none of its own; servers slow a connection down by not reading it."""
        return Limits()

    async def identify(self) -> str:
        """The bare JID, as configured."""
        return self.settings.bare_jid

    async def run(self) -> None:
        """Keep a session until cancelled or closed; raises ``CredentialsRefused``."""
        await self._attendance.recall()
        await self._catchup.recall()
        # The connection ends first: what has arrived is still written while it says goodbye.
        tasks = [asyncio.create_task(part.run()) for part in self._parts()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self._connection.end()
            self._catchup.end()
            self._proofs.abandon()

    def _parts(self) -> Iterable[Part]:
        return (self._connection, self._intake, self._catchup.notes)

    async def close(self) -> None:
        """Let what arrived be committed, say goodbye, stop; at most three seconds."""
        await self._connection.close()
        self._proofs.abandon()
        self.port.status.set(State.STOPPED)

    async def check(self) -> list[str]:
        """Log in beside a running gateway, without being seen, and leave."""
        return await self._connection.check()

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Say something and wait for the proof: the room's own copy, or our server's receipt."""
        if "author" in facts["extensions"] and not self._us.puppets:  # a component's, once
            event = named(event)
        return await self._delivery.deliver(place_from_key(conversation), facts, event)

    async def enter(self, conversation: str) -> None:
        """Join the room, if it is one."""
        await self._attendance.enter(conversation)

    async def leave(self, conversation: str) -> None:
        """Leave the room, unless it is one that people invited us to."""
        await self._attendance.leave(conversation)

    def facts(self, conversation: str) -> Facts:
        """What a key tells: a room is one that we want to be in, or whose service is named so."""
        return self._places.facts(conversation)

    def as_of_now(self, facts: Facts) -> Facts:
        """Whether there can be files is known only since our server was asked (XEP-0363).

        Whether everybody speaks as themselves, only since we know as what we are connected.
        """
        known, largest = facts["extensions"], self._us.largest_file
        puppets = self._us.puppets and facts["chat"]["kind"] == "group"
        able = known.get("file", {}).get("max_size")
        if able == largest and ("author" in known) == puppets and "edit" in known:
            return facts
        return {**facts, "extensions": extensions(largest, puppets=puppets)}

    async def administers(self, conversation: str, author: str) -> bool:
        """Whether this is an owner or administrator of the room; in private chats everybody is."""
        return self._places.administers(conversation, author)

    # Of the connection (``Tenant``)

    def begun(self) -> None:
        """See ``Tenant``."""
        self._proofs.lose()
        self._archives.begin()

    def connected(self, stream: Stream) -> list[Coroutine[Any, Any, None]]:
        """See ``Tenant``."""
        self._commands.serve(stream)
        self._rooms.start(stream)
        self.rooms_changed()
        work = [self._archives.keep_up(stream)]
        if not stream.was_resumed:
            work.append(self._attendance.look_round(stream))
            work.append(self._uploads.look(stream, self.settings.home))
        return work

    async def pack_up(self) -> None:
        """See ``Tenant``."""
        self._rooms.stop()
        await self._intake.drain(DRAIN_SECONDS)
        await self._catchup.notes.write_all()

    def disconnected(self) -> None:
        """See ``Tenant``."""
        self._rooms.stop()
        self._writing.forget()
        self._intake.release(forget=False)

    # Of the rooms (``Watcher``)

    def rooms_changed(self) -> None:
        """See ``Watcher``."""
        if self._link.online() is None:
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

    def left(self, room: Room) -> None:
        """See ``Watcher``."""
        self._catchup.drop(room.jid)
        self._comings.forget(room.jid)
        self.people_changed(room)
        self.rooms_changed()

    async def catch_up(self, room: Room) -> None:
        """See ``Watcher``."""
        await self._archives.read(room.jid, room.archived)

    def people_changed(self, room: Room) -> None:
        """See ``Watcher``; changes that come together are told together."""
        if room.jid not in self._gathering:
            loop = asyncio.get_running_loop()
            self._gathering[room.jid] = loop.call_later(PEOPLE_SECONDS, self._tell_people, room)

    def _tell_people(self, room: Room) -> None:
        self._gathering.pop(room.jid, None)
        people = [author_from_occupant(person, self._us, room) for person in self._people(room)]
        self.port.present(self._us.key(room.jid), people)

    def _people(self, room: Room) -> Iterable[Occupant]:
        return room.others()

    # Of the intake

    def _on_written(self) -> None:
        """It has committed something, or could not."""
        stream = self._link.stream
        if stream is None:
            return
        stream.acknowledge(late=self._intake.ledger_away)
        if self._intake.drained:
            self._link.go_on()
        if self._ledger_away != self._intake.ledger_away:
            self._ledger_away = self._intake.ledger_away
            self.rooms_changed()
