"""Rooms: who is in them, who may be, and what is told to them.

A room is a name, a log and members. What is told to it is appended to its log; each member, and
the room's own conversation (where its bot lives), reads the log from a cursor of its own.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

from gateway.delivery.conversations import Conversations
from gateway.delivery.log import Log
from gateway.delivery.manners import USUAL, Manners, Seldom, manners_from_settings
from gateway.delivery.names import Names
from gateway.delivery.record import LOG, Item, Send
from gateway.delivery.server import Entry
from gateway.delivery.telling import append_told
from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.rows import Row, Rows
from gateway.vocabulary.degrade import FORMAT
from gateway.vocabulary.errors import RoomError
from gateway.vocabulary.events import Author, Event, Facts
from gateway.vocabulary.ids import (
    OWN_ACCOUNT,
    account_of,
    check_room_name,
    group_from_room,
    key_parts,
    message_id,
    own_key,
    room_key,
)
from gateway.vocabulary.sends import check_origin
from gateway.vocabulary.text import clean

LIMIT = 1_000
"""Rooms of one gateway."""

TYPING_SECONDS = 3.0
"""How seldom a room is told that the same person still writes."""

ACCESS = ("members", "link", "page", "open")
"""Who may come in: who was linked; who has the code; who can open the page; anybody."""

SYSTEM: Author = {
    "id": "gateway:operator",
    "name": "operator",
    "handle": None,
    "kind": "person",
    "private": None,
}


@dataclass(slots=True)
class Room:
    """A room as it is now; ``access`` is one of ``ACCESS``."""

    name: str
    title: str = ""
    access: str = "members"
    code: str = ""
    form: str = FORMAT
    history: int = 50
    catch_up_seconds: float = 86_400.0
    catch_up_messages: int = 500
    manners: Manners = field(default_factory=Manners)

    @property
    def stream(self) -> str:
        """The log of the room, and the conversation that it is."""
        return room_key(self.name)


class Rooms:
    """The rooms of the gateway, their members in memory as in the ledger."""

    def __init__(self, journal: Journal, log: Log, conversations: Conversations) -> None:
        self.at_home: Callable[[str], bool] = lambda _: True
        self.changed: Callable[[], None] = lambda: None
        """Called after rooms or members changed by this process."""
        self.entered: Callable[[str], None] = lambda _: None
        """Called with a conversation that became a member."""
        self.exited: Callable[[str], None] = lambda _: None
        """Called with a conversation that is a member of no room any more."""
        self.told: Callable[[str, Entry], None] = lambda *_: None
        """Called with each entry of each room, for whoever watches."""
        self.passed: Callable[[str, Event], None] = lambda *_: None
        """Called with what is in no log, for the members at home elsewhere."""
        self.people: Callable[[str], list[Author]] = lambda _: []
        self.administers: Callable[[str, str], Awaitable[bool]]
        self.facts: Callable[[str], Awaitable[Facts]]
        self.bots = True
        """Whether the application routes ``room``: whether rooms have a bot."""
        self.rooms: dict[str, Room] = {}
        self.room_of: dict[str, str] = {}
        self.names = Names()
        self.configured: set[str] = set()
        self._members: dict[str, dict[str, None]] = {}
        self._version: str | None = None
        """Of what was read last; None: nothing was."""
        self._changes = 0
        """How often this process has changed who is where."""
        self._pace = Seldom(TYPING_SECONDS)
        self._groups: dict[str, str] = {}
        self._follows: dict[str, Callable[[], None]] = {}
        self._settings: Mapping[str, Any] = {}
        self._journal = journal
        self._log = log
        self._conversations = conversations

    # What there is

    async def load(self) -> None:
        """Read rooms and members anew, and follow the rooms' logs."""
        version, rooms, members, aliases = await self._read()
        self.names.load(aliases)
        self.rooms = {
            name: self._room(name, title, access, code) for name, title, access, code in rooms
        }
        self._groups = {group_from_room(name): name for name in self.rooms}
        former, self.room_of = self.room_of, {key: room for key, room, _ in members}
        self.configured = {conversation for conversation, _, configured in members if configured}
        self._members = {}
        for conversation, room in self.room_of.items():
            self._members.setdefault(room, {})[conversation] = None
        for name in self.rooms:
            self._follow(name)
        first, self._version = self._version is None, version
        if not first:
            await self._notice_moves({self.names.now(key): room for key, room in former.items()})

    async def _read(self) -> tuple[str, list[Row], list[Row], list[Row]]:
        """What the ledger has, with all that this process changed meanwhile."""
        while True:
            changes = self._changes
            found = await self._journal.read(_all_there_is)
            if changes == self._changes:
                return found

    async def _notice_moves(self, former: Mapping[str, str]) -> None:
        """Another process may have brought a conversation that is at home here into a room."""
        for conversation in former.keys() | self.room_of.keys():
            before, now = former.get(conversation), self.room_of.get(conversation)
            if before == now:
                continue
            if (awake := self._conversations.awake(conversation)) is not None:
                cursor = partial(queries.cursor, conversation=conversation)
                awake.joined(*(await self._journal.read(cursor) or ("", 0)))
                awake.nudge()
            if before is None:
                self.entered(conversation)
            elif now is None:
                self.exited(conversation)

    async def refresh(self) -> None:
        """Load again if another process changed rooms or members unheard."""
        if await self._journal.read(queries.rooms_version) != self._version:
            await self.load()

    def _room(self, name: str, title: str, access: str, code: str) -> Room:
        room = Room(name, title, access, code)
        settings = self._settings.get(name)
        if settings is not None:
            room.form, room.history = settings.format, settings.history
            room.manners = manners_from_settings(settings)
            room.catch_up_seconds = settings.catch_up_hours * 3600
            room.catch_up_messages = settings.catch_up_messages
        return room

    def _follow(self, name: str) -> None:
        if name not in self._follows:
            self._follows[name] = self._log.follow(
                room_key(name), lambda entry: self._feed(name, entry)
            )

    def _feed(self, name: str, entry: Entry) -> None:
        """Give an entry to the room's own conversation and to the members at home here."""
        self.told(name, entry)
        for conversation in [room_key(name)] * self.bots + list(self._members.get(name, ())):
            if self.at_home(conversation):
                event = self.names.event(entry.event) | {"key": message_id(name, entry.seq)}
                self._conversations.offer(conversation, Item(LOG, entry.seq, event))

    def get(self, name: str) -> Room:
        """A room; raises ``RoomError`` if there is none of this name."""
        room = self.rooms.get(name)
        if room is None:
            raise RoomError(f"There is no room {name!r}.")
        return room

    def members(self, name: str) -> list[str]:
        """The conversations that are in a room."""
        return list(self._members.get(name, ()))

    def form_of(self, conversation: str) -> str:
        """How messages of others are shown in a conversation where only the bot can speak."""
        room = self.rooms.get(self.room_of.get(conversation, ""))
        return room.form if room else FORMAT

    def extensions_of(self, conversation: str, extensions: Mapping[str, Any]) -> Mapping[str, Any]:
        """What of its abilities a conversation is to use in its room."""
        in_words = self.manners_of(self.room_of.get(conversation, "")).in_words
        if not in_words:
            return extensions
        return {name: limits for name, limits in extensions.items() if name not in in_words}

    def manners_of(self, name: str) -> Manners:
        """What a room wants to be told and to show."""
        room = self.rooms.get(name)
        return room.manners if room else USUAL

    def history(self, name: str) -> int:
        """How many past messages a newcomer to a room's web chat is shown."""
        room = self.rooms.get(name)
        return room.history if room else 50

    def who(self, name: str) -> list[Author]:
        """Who is connected to the room's conversations, as far as their networks tell."""
        return [person for member in self.members(name) for person in self.people(member)]

    async def overview(self) -> list[dict[str, Any]]:
        """Every room with its members and people, for the dashboard and the command line."""
        return [await self._overview(room) for room in list(self.rooms.values())]

    async def _overview(self, room: Room) -> dict[str, Any]:
        members = [
            {"conversation": member, "title": (await self.facts(member))["chat"]["title"]}
            for member in self.members(room.name)
        ]
        return {
            "name": room.name,
            "title": room.title,
            "access": room.access,
            "members": members,
            "people": self.who(room.name),
        }

    # Who may be in them

    async def admit(self, name: str, author: Author, code: str | None) -> None:
        """Let a person into a room's web chat; raises ``RoomError`` saying why not."""
        room = self.get(name)
        if room.access != "page":
            self._check_access(room, code, "This room is for members only.")

    def _check_access(self, room: Room, code: str | None, refusal: str) -> None:
        if room.access == "open":
            return
        if (
            room.access == "link"
            and code
            and room.code
            and hmac.compare_digest(code.encode(), room.code.encode())
        ):
            return
        if room.access == "link":
            refusal = "This room needs an invitation code."
        raise RoomError(refusal)

    async def join(
        self, conversation: str, name: str, author: Author, code: str | None = None
    ) -> bool:
        """A person brings a conversation into a room; False if it was there."""
        conversation = self.names.now(conversation)
        room = self.rooms.get(name)
        if room is None:
            raise RoomError(f"There is no room {name!r}, or it is not for you.")
        if self.room_of.get(conversation) == name:
            return False
        self._check_access(room, code, f"There is no room {name!r}, or it is not for you.")
        self._check_movable(conversation)
        if not await self.administers(conversation, author["id"]):
            raise RoomError("Only an administrator of this chat can do that.")
        return await self._enter(conversation, room, author)

    def _check_movable(self, conversation: str) -> None:
        parts = key_parts(conversation)
        if parts.protocol == "web" and not parts.place.startswith("~"):
            raise RoomError("The web chat of a room is always in its room.")
        if parts.protocol == "room":
            raise RoomError("A room cannot be in a room.")

    async def leave(self, conversation: str, author: Author) -> str:
        """A person takes a conversation out of its room; the room's name. Raises ``RoomError``."""
        conversation = self.names.now(conversation)
        name = self.room_of.get(conversation)
        if name is None:
            raise RoomError("This chat is in no room.")
        self._check_movable(conversation)
        if conversation in self.configured:
            raise RoomError(f"This chat is in {name!r} by the configuration; take it out there.")
        if not await self.administers(conversation, author["id"]):
            raise RoomError("Only an administrator of this chat can do that.")
        await self._exit(conversation, author)
        return name

    async def link(self, name: str, conversation: str) -> bool:
        """The operator brings a conversation into a room; False if it was there."""
        key_parts(conversation)
        conversation = self.names.now(conversation)
        self._check_movable(conversation)
        return await self._enter(conversation, self.get(name), SYSTEM)

    async def unlink(self, conversation: str) -> str:
        """The operator takes a conversation out of its room; the room's name."""
        conversation = self.names.now(conversation)
        name = self.room_of.get(conversation)
        if name is None:
            raise RoomError(f"{conversation} is in no room.")
        self._check_movable(conversation)
        await self._exit(conversation, SYSTEM)
        return name

    async def _enter(
        self, conversation: str, room: Room, author: Author, *, configured: bool = False
    ) -> bool:
        """Commit the member, its cursor at the head, and after it the ``join`` entry."""
        entry = _notice("join", conversation, author)
        key = f"{conversation}|join|{uuid4().hex}"

        def operation(rows: Rows) -> tuple[int, int] | None:
            known = queries.join(rows, conversation, room.name, room.stream, configured=configured)
            if not known:
                return None
            queries.touch_rooms(rows)
            head = queries.open_stream(rows, room.stream)[1]
            return head, queries.append(rows, room.stream, key, entry, entry["at"])[0]

        done = await self._journal.write(operation)
        if done is not None:
            self._left(conversation)
        if configured:
            self.configured.add(conversation)
        if done is None:
            return False
        self.room_of[conversation] = room.name
        self._members.setdefault(room.name, {})[conversation] = None
        awake = self._conversations.awake(conversation)
        if awake is not None:
            awake.joined(room.stream, done[0])
        self._log.publish(room.stream, done[1], entry)
        self.changed()
        self.entered(conversation)
        return True

    async def _exit(self, conversation: str, author: Author) -> None:
        room = self.get(self.room_of[conversation])
        entry = _notice("leave", conversation, author)
        key = f"{conversation}|leave|{uuid4().hex}"

        def operation(rows: Rows) -> int:
            queries.leave(rows, conversation)
            queries.touch_rooms(rows)
            return queries.append(rows, room.stream, key, entry, entry["at"])[0]

        seq = await self._journal.write(operation)
        self._left(conversation)
        awake = self._conversations.awake(conversation)
        if awake is not None:
            awake.joined("", 0)
        self._log.publish(room.stream, seq, entry)
        self.changed()
        self.exited(conversation)

    def _left(self, conversation: str) -> None:
        self._changes += 1
        former = self.room_of.pop(conversation, None)
        self.configured.discard(conversation)
        if former is not None:
            self._members[former].pop(conversation, None)

    # Making them

    async def create(self, name: str, access: str = "members", title: str = "") -> Room:
        """Make a room; raises ``RoomError``."""
        try:
            check_room_name(name)
        except ValueError as error:
            raise RoomError(str(error)) from None
        if access not in ACCESS:
            raise RoomError(f"{access!r} is no access; there are {', '.join(ACCESS)}.")
        if name in self.rooms:
            raise RoomError(f"There is a room {name!r} already.")
        if len(self.rooms) >= LIMIT:
            raise RoomError(f"There are {LIMIT} rooms already; that is the limit.")
        await self._keep(Room(name, title, access))
        return self.rooms[name]

    async def invite(self, name: str) -> str:
        """The invitation code of a room; ``members`` becomes ``link`` by it."""
        room = self.get(name)
        if room.access == "members" or not room.code:
            access = "link" if room.access == "members" else room.access
            room = replace(room, code=room.code or secrets.token_urlsafe(9), access=access)
            await self._keep(room)
        return room.code

    async def _keep(self, room: Room) -> None:
        """Commit a room, with its web chat as a member and the cursor of its bot at the head."""
        web = own_key(room.name)

        def operation(rows: Rows) -> None:
            queries.touch_rooms(rows)
            queries.keep_room(rows, room.name, room.title, room.access, room.code)
            queries.join(rows, web, room.name, room.stream, configured=True)
            if queries.cursor(rows, room.stream) is None:
                head = queries.open_stream(rows, room.stream)[1]
                queries.keep_cursor(rows, room.stream, room.stream, head)

        await self._journal.write(operation)
        await self.load()
        self.changed()

    async def configure(self, wanted: Mapping[str, Any]) -> None:
        """Make the rooms of the configuration and apply its members.

        One taken out of the configuration leaves; those that joined live stay.
        """
        self._settings = wanted
        await self.load()
        for name, settings in wanted.items():
            code = settings.code or (self.rooms[name].code if name in self.rooms else "")
            await self._keep(Room(name, settings.title, settings.access, code))
        await self._configure_members(
            {member: name for name, settings in wanted.items() for member in settings.members}
        )

    async def _configure_members(self, wanted: Mapping[str, str]) -> None:
        wanted = {self.names.now(conversation): name for conversation, name in wanted.items()}
        for conversation in [key for key in self.configured if account_of(key) != OWN_ACCOUNT]:
            if conversation not in wanted:
                await self._exit(conversation, SYSTEM)
        for conversation, name in wanted.items():
            await self._enter(conversation, self.rooms[name], SYSTEM, configured=True)

    # What is told to them

    async def tell_group(self, group: str, message: Event) -> None:
        """Take a message that was sent to a group named ``room.*``."""
        name = self._groups.get(group)
        if name is None:
            raise RoomError(f"There is no room for the group {group!r}; create one first.")
        author, text = message.get("author"), message.get("text")
        if not isinstance(author, dict) or not {"id", "name"} <= set(author):
            raise ValueError("a message to a room needs an author with an id and a name")
        if not isinstance(text, str):
            raise ValueError("a message to a room needs a text")
        check_origin(message)
        whole = {"handle": None, "kind": "bot", "private": None} | author
        said = {key: value for key, value in message.items() if key != "id"}
        await self.tell(name, said | {"text": clean(text), "author": whole})

    async def tell(self, name: str, event: Event) -> str | None:
        """Append an event to a room's log, once for its ``ref``; the id of the entry.

        A ``room.message`` has ``text``, ``author``, ``origin`` (the conversation it was said in,
        or None) and ``at``; what it was said as there is ``native``, and what its author's client
        calls it ``origin_id``. ``room.edit``, ``room.delete``, ``room.reaction`` and
        ``room.action`` have the ``id`` of a message as ``origin`` knows it. None, and nothing is
        told, if that is no message of this room or not this author's to change.
        """
        telling = self.telling(name, event)
        assert telling.operation is not None
        told: str | None = await self._journal.write(telling.operation, then=telling.told)
        return told

    def telling(self, name: str, event: Event) -> Send:
        """What tells a room, in whichever commit; see ``tell``."""
        room = self.get(name)
        event = dict(event)
        key = f"{name}|{event.pop('ref', None) or uuid4().hex}"
        native, origin_id = event.pop("native", None), event.pop("origin_id", None)
        event.setdefault("at", time.time())

        def operation(rows: Rows) -> tuple[int, bool] | None:
            return append_told(rows, name, key, event, native, origin_id)

        def told(appended: tuple[int, bool] | None) -> str | None:
            if appended is None:
                return None
            seq, new = appended
            if new:
                self._log.publish(room.stream, seq, event)
            return message_id(name, seq)

        return Send(operation, told)

    def pass_on(self, name: str, event: Event) -> None:
        """Hand an event to the members best effort, in no log (typing)."""
        if self._pace.allows(f"{name} {event['author']['id']}", time.monotonic()):
            self.hear(name, event)
            self.passed(name, event)

    def hear(self, name: str, event: Event) -> None:
        """Hand on, to the members at home here, what was passed on somewhere."""
        for conversation in self._members.get(name, ()):
            if conversation != event.get("origin") and self.at_home(conversation):
                self._conversations.tell(conversation, {"key": "", **event})

    async def take_over(self, accounts: Iterable[str]) -> None:
        """Accounts came home: wake the members, and the rooms, whose cursor is behind."""
        cursors = await self._journal.read(queries.cursors)
        heads = await self._journal.read(
            lambda rows: queries.heads(rows, {stream for stream, _ in cursors.values()})
        )
        prefixes = tuple(f"{account}:" for account in accounts)
        for conversation, (stream, position) in cursors.items():
            if conversation.startswith(prefixes) and position < heads.get(stream, 0):
                if not self.bots and conversation == stream:
                    continue
                self._conversations.nudge(conversation)


def _notice(kind: str, conversation: str, author: Author) -> Event:
    return {"type": f"room.{kind}", "author": author, "origin": conversation, "at": time.time()}


def _all_there_is(rows: Rows) -> tuple[str, list[Row], list[Row], list[Row]]:
    """The version, rooms, members and former names, as of one moment or a later one each."""
    version = queries.rooms_version(rows)
    return version, queries.rooms(rows), queries.members(rows), queries.aliases(rows)
