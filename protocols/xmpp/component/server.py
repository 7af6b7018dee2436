"""The server of a component: a client's, and its puppets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Coroutine, Iterable
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from gateway.delivery.server import Arrival, Port
from gateway.vocabulary.events import Event, Facts, kind_of
from gateway.vocabulary.ids import account_of, protocol_of
from protocols.xmpp.archives import Archives
from protocols.xmpp.component.address import without_namespace
from protocols.xmpp.component.cards import Cards
from protocols.xmpp.component.connection import ComponentConnection
from protocols.xmpp.component.courtesy import Courtesy
from protocols.xmpp.component.entrance import Entrance
from protocols.xmpp.component.names import named
from protocols.xmpp.component.pictures import Pictures
from protocols.xmpp.component.puppet import Puppet
from protocols.xmpp.component.puppets import Puppets
from protocols.xmpp.component.seal import Seal
from protocols.xmpp.component.typists import Typists
from protocols.xmpp.connection import Connection
from protocols.xmpp.history import History
from protocols.xmpp.identity import place_from_key
from protocols.xmpp.ids import id_from_stanza
from protocols.xmpp.incoming import Incoming
from protocols.xmpp.membership import leave_stanza
from protocols.xmpp.occupants import Occupant, Room
from protocols.xmpp.past import from_room
from protocols.xmpp.server import Part, Server
from protocols.xmpp.settings import Settings
from protocols.xmpp.stream import Stream

VOICED = ("message", "edit", "delete", "reaction", "typing")
"""What people do themselves."""
ABOUT = ("edit", "delete")
"""What only the occupant can do who said the message."""
SPOKEN_FOR = 2000
"""Messages that the bot said for somebody, and that it changes."""


class SealedHistory(History):
    """Knows what puppets said, also those that are not there any more."""

    seal: Seal

    def _past(self, archive: str, message: Element) -> Arrival | None:
        room = self._rooms.room(archive)
        if room is None or not from_room(message, room) or not self.seal.holds(message):
            return super()._past(archive, message)
        self._proofs.archived(room.jid, message, id_from_stanza(message, self._us, room))
        return None


class NoArchive(Archives):
    """A component has none of its own; who writes to it while it is away is told so."""

    async def keep_up(self, stream: Stream) -> None:
        """See ``Archives``."""
        self._catchup.without(self._jid, "")


class ComponentServer(Server):
    """A domain on an XMPP server, in which everybody from elsewhere has a JID."""

    def __init__(self, account: str, settings: Settings, port: Port) -> None:
        self._seal = Seal(settings.password.get_secret_value())
        self._spoken_for: OrderedDict[str, None] = OrderedDict()
        super().__init__(account, settings, port)

    def _wire(self) -> None:
        self._pictures = Pictures(self.port)
        self._puppets = Puppets(
            self.settings.domain,
            self.port,
            self._link,
            self._rooms,
            self._pictures,
            most=self.settings.puppets,
            hours=self.settings.puppet_hours,
        )
        self._typists = Typists(self._link)
        self._cards = Cards(
            us=self._us, link=self._link, puppets=self._puppets, pictures=self._pictures
        )
        super()._wire()

    def _history(self) -> History:
        history = SealedHistory(self._us, self._rooms, self._proofs, self._attendance)
        history.seal = self._seal
        return history

    def _archives_of_ours(self) -> Archives:
        return NoArchive(self._us.jid, self._link, self._catchup, self.rooms_changed)

    def _connection_with(self, incoming: Incoming) -> Connection:
        entrance = Entrance(
            us=self._us,
            link=self._link,
            rooms=self._rooms,
            proofs=self._proofs,
            puppets=self._puppets,
            seal=self._seal,
            courtesy=Courtesy(self._link),
            bot=incoming,
        )
        return ComponentConnection(
            self.account,
            self.settings,
            self.port.status,
            link=self._link,
            receiver=entrance,
            tenant=self,
        )

    async def run(self) -> None:
        """See ``Server.run``."""
        await self._puppets.recall()
        await super().run()

    def _parts(self) -> Iterable[Part]:
        return (*super()._parts(), self._puppets, self._pictures)

    # Saying

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Say it as the person who said it, or else as the bot, with their name."""
        if kind_of(event) == "stanza":
            event = event | {"xml": _plain(str(event.get("xml", "")))}
        if "author" not in facts["extensions"] or not _of_somebody(event):
            return await super().deliver(conversation, facts, event)
        place = place_from_key(conversation)
        if kind_of(event) == "typing":
            self._typing(place, event)
            return None
        puppet = await self._puppet(place, event)
        if puppet is None:
            return await super().deliver(conversation, facts, self._spoken(event))
        self._typists.said(puppet)
        return await self._delivery.deliver(place, facts, event, sender=puppet.jid)

    def _typing(self, place: str, event: Event) -> None:
        puppet = self._puppets.present(place, event["author"])
        if puppet is not None:
            self._typists.begin(puppet)

    async def _puppet(self, place: str, event: Event) -> Puppet | None:
        if event.get("origin_id") in self._spoken_for and kind_of(event) in ABOUT:
            return None
        account = account_of(event["origin"]) if event.get("origin") else ""
        return await self._puppets.speaker(place, event["author"], account)

    def _spoken(self, event: Event) -> Event:
        """What the bot says for somebody; it is the one who can change it then."""
        if kind_of(event) == "message" and event.get("ref"):
            self._spoken_for[event["ref"]] = None
            if len(self._spoken_for) > SPOKEN_FOR:
                self._spoken_for.popitem(last=False)
        return named(event) if kind_of(event) in ("message", "edit") else event

    # Of the connection (``Tenant``)

    def connected(self, stream: Stream) -> list[Coroutine[Any, Any, None]]:
        """See ``Tenant``."""
        self._puppets.lose()
        self._cards.serve(stream)
        return super().connected(stream)

    async def pack_up(self) -> None:
        """See ``Tenant``; nobody tells the rooms that a component is gone, but itself."""
        await self._puppets.remember()
        self._puppets.say_goodbye()
        if (stream := self._link.online()) is not None:
            for member in self._rooms:
                if member.room.joined:
                    stream.say(leave_stanza(member.room))
        await super().pack_up()

    def disconnected(self) -> None:
        """See ``Tenant``."""
        super().disconnected()
        self._puppets.lose()
        self._typists.forget()

    # Of the rooms (``Watcher``)

    def left(self, room: Room) -> None:
        """See ``Watcher``."""
        self._puppets.leave(room.jid)
        super().left(room)

    async def catch_up(self, room: Room) -> None:
        """See ``Watcher``; who was in the room with us comes back."""
        await super().catch_up(room)
        await self._puppets.return_to(room.jid)

    def _people(self, room: Room) -> Iterable[Occupant]:
        return (one for one in room.others() if not self._puppets.holds(room.jid, one.nick))


def _of_somebody(event: Event) -> bool:
    """Whether an event is a person's, and not our bot's own."""
    origin = event.get("origin")
    ours = event.get("author") is None or (origin is not None and protocol_of(origin) == "room")
    return kind_of(event) in VOICED and not ours


def _plain(xml: str) -> str:
    try:
        return without_namespace(xml)
    except ParseError:
        return xml  # whoever checks it has a sentence for it
