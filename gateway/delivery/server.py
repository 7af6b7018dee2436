"""What every protocol server is: the one side of it that the gateway sees.

A server holds the connection of one account. It turns traffic into arrivals and gives them to
its ``Port``; ``accept`` returns when they are on disk, and only then may the server confirm them
to its network. The other way round the outbox calls ``deliver``, one event at a time in each
conversation and many conversations at once.

To add a protocol: a folder with ``settings.py``, ``server.py``, ``translate.py`` and ``text.py``,
and one entry point in the group ``gateway.protocols``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from gateway.delivery.status import Status
from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment, Author, Event, Facts


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event from the wire, before it is recorded.

    ``event`` has its prefixed ``type`` and no ``key`` (the ledger gives it). ``delivery`` is what
    the network itself repeats on redelivery, or None. ``facts`` describe the chat as it is now.

    ``behind`` names what is to be told before it, in words that people are shown (``the archive of
    lobby@example.org``): it is recorded, but nobody gets it before ``Port.release``. When it comes
    again with nothing to wait for, in its place among what is told, its turn has come too.

    ``note`` is a name and a word as for ``Port.note``: kept in the commit of the arrival, whether
    it is new or had come before.
    """

    conversation: str
    facts: Facts
    event: Event
    delivery: str | None
    behind: str | None = None
    note: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream of the log: a common body and its place in the order."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True)
class Opening:
    """A stream as it is now: the epoch is random and made with it, the head its last seq (0: none).

    ``since`` and ``seq`` of two different epochs have nothing to do with each other.
    """

    epoch: str
    head: int


class Streams(Protocol):
    """The logs of the chats of a server whose network is the ledger itself (``keeps_log``).

    A stream is named by its conversation's key. An arrival of such a server is appended to its
    stream in the commit that records it, and so is what an application says there.
    """

    async def open(self, conversation: str) -> Opening:
        """Make the stream if it is new, and say where it stands."""

    async def read(self, conversation: str, after: int, limit: int) -> list[Entry]:
        """Up to ``limit`` entries with ``seq > after``, in order."""

    def follow(self, conversation: str, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """Call ``listener`` for each new entry, in order and without gaps; returns the way out.

        Follow first, then read what came before, then drop what was seen twice.
        """


class Rooms(Protocol):
    """What a server may ask about rooms."""

    async def admit(self, room: str, author: Author, code: str | None) -> None:
        """Let a person into a room's web chat; raises ``RoomError`` saying why not."""

    def history(self, room: str) -> int:
        """How many past messages a newcomer to the room is shown."""


class Media(Protocol):
    """The files of messages; raises ``MediaError``, whose ``of_delivery()`` is for ``deliver``."""

    most: int
    """Bytes of the largest file that is taken."""

    async def file(self, attachment: Attachment) -> Path:
        """The attachment's file on this machine, fetched once; not to be changed or removed.

        It may go at any time after it was opened; read it at once. ``ValueError``: it has no file.
        """

    def link(self, attachment: Attachment) -> str | None:
        """A signed URL of the file that expires; only a path if ``public_url`` is not set.

        None if it has no file.
        """

    async def keep(
        self, pieces: AsyncIterator[bytes], owner: str, name: str, announced: str = ""
    ) -> Attachment:
        """Keep what somebody uploads (``owner``: their author's id); the attachment of it.

        ``announced``: the media type that the sender gives; the content decides.
        """


class Port(Protocol):
    """What a protocol server may ask of the gateway."""

    status: Status
    application: Callable[..., Any]
    """The ASGI application: what the server does not answer itself goes there."""
    mounts: MutableMapping[str, Callable[..., Any]]
    """ASGI applications by path (``/hooks/telegram/default/``), served by whoever serves HTTP."""
    streams: Streams
    rooms: Rooms
    media: Media

    async def accept(self, arrivals: Sequence[Arrival]) -> None:
        """Record arrivals in their order; returns once they are committed.

        Raises ``LedgerAway`` if they could not be recorded; nothing may be confirmed then.
        """

    async def release(self, name: str, settled: Container[str | None] = ()) -> bool:
        """Let go on what waits ``behind`` a name, in its order and behind all that is recorded.

        One commit of some of it; whether there is more. The ``settled`` deliveries are done with.
        Raises ``LedgerAway``.
        """

    async def held(self) -> list[str]:
        """What arrivals wait ``behind``, maybe since a process before this one."""

    async def set_aside(self, delivery: str | None, raw: Any, error: str) -> None:
        """Keep what could not be understood as a dead letter; returns once committed."""

    async def conversations(self) -> dict[str, Facts]:
        """The account's conversations that are groups or members of a room."""

    async def topic_of(self, conversation: str, native: str) -> str | None:
        """The conversation within this one (a topic of it) that has a message with this native id.

        For networks that do not say in which topic something happened to a message.
        """

    async def move(self, old: str, new: str) -> None:
        """A conversation has another key now (Bot API: migration to a supergroup)."""

    def present(self, conversation: str, people: Sequence[Author]) -> None:
        """Say who is connected to a conversation now; the whole list, each time it changes."""

    def pass_on(self, conversation: str, event: Event) -> None:
        """Hand an event to the application best effort, unrecorded (typing)."""

    async def picture(self, account: str, author: str) -> Attachment | None:
        """The picture of somebody on another account's network; None if they have none.

        Raises ``MediaError`` if nobody can say.
        """

    async def note(self, name: str, value: str) -> None:
        """Keep a word of the server's own (an archive id, an offset) in the ledger."""

    async def noted(self, name: str) -> str | None:
        """Read it back."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a network allows: ``count`` in ``seconds``, and ``burst`` at once (0: ``count``)."""

    count: float
    seconds: float
    burst: float = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The rates of an account: over all its chats, in one chat, in one group chat."""

    account: Rate | None = None
    chat: Rate | None = None
    group: Rate | None = None
    at_once: int = 64
    """How many conversations of the account may be delivering at the same time."""


class ProtocolServer:
    """The base of every protocol server."""

    keeps_log: ClassVar[bool] = False
    """Whether the ledger's log is this server's network (the web platform)."""

    identity: str = ""
    """Who the account is on its network (the numeric bot id, the bare JID); known when connected,
    or before."""

    def __init__(self, account: str, settings: Any, port: Port) -> None:
        self.account = account
        self.settings = settings
        self.port = port

    @property
    def limits(self) -> Limits:
        """What the outbox keeps to."""
        return Limits()

    async def identify(self) -> str:
        """Say who the account is: before ``run``, because the inbox is kept under this name.

        Raises ``CredentialsRefused``, or any other error if the network cannot be reached.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Serve until cancelled.

        ``CredentialsRefused`` stops the account; any other exception, and a return, makes the
        supervisor start it again after a pause. The server keeps ``port.status`` true.
        """
        raise NotImplementedError

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Put one event on the wire and return its native id, if the network gives one.

        The event fits the chat: it has been degraded, split and its references resolved.
        Raises a ``DeliveryError`` that says what became of it.
        """
        raise NotImplementedError

    async def call(self, method: str, parameters: dict[str, Any]) -> Any:
        """Ask the network something of its own; not durable."""
        raise NotImplementedError(f"{self.account} takes no calls")

    async def open(self, source: str) -> AsyncIterator[bytes]:
        """Fetch a file of this network, piece by piece; ``source`` is an attachment's, whole.

        A generator. Raises ``MediaError``; what else it raises counts as a broken way to it.
        """
        raise MediaError("refused", f"{self.account} has no files")
        yield b""

    async def picture(self, author: str) -> Attachment | None:
        """A small picture of a person, by their author's id; None if they have none.

        Raises ``MediaError`` if the network does not say.
        """
        return None

    async def administers(self, conversation: str, author: str) -> bool:
        """Whether this person may link and unlink the chat (private chats: always)."""
        return True

    async def enter(self, conversation: str) -> None:
        """A conversation became a member of a room: be present there (XMPP: join the MUC)."""

    async def leave(self, conversation: str) -> None:
        """A conversation is no member of a room any more: no need to be present there."""

    def facts(self, conversation: str) -> Facts:
        """What is known of a conversation from its key alone; raises ``ValueError`` if no key."""
        raise NotImplementedError

    def as_of_now(self, facts: Facts) -> Facts:
        """What was recorded of a conversation, with what may have changed since; asked often."""
        return facts

    async def check(self) -> list[str]:
        """Try the login without disturbing a running gateway; sentences for ``gateway check``.

        Raises ``CredentialsRefused`` or another ``GatewayError`` if it does not work.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Stop taking from the network, then say goodbye to it; at most a few seconds."""
