"""Scopes and events, as ``docs/specs`` specifies them; a test compares the two.

An event's ``type`` is a prefix (the scope's own, or ``chat`` in sends) and one of the kinds
below. Bodies are the same on every protocol.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NotRequired, TypedDict

Event = dict[str, Any]
"""Any event, as ASGI has it."""

RECEIVED = (
    "message",
    "edit",
    "delete",
    "reaction",
    "action",
    "typing",
    "receipt",
    "join",
    "leave",
    "sent",
    "failed",
    "disconnect",
)
"""The kinds that an application may receive."""

DURABLE = ("message", "edit", "delete", "reaction", "answer")
"""The kinds of sends that the ledger keeps until the network has them."""

PASSING = ("typing",)
"""The kinds of sends that are best effort."""

CONTROL = ("accept", "handled", "waiting")
"""The kinds by which an application speaks to its server only."""

SENDS = (*DURABLE, *PASSING, *CONTROL)


class Author(TypedDict):
    """Who said it; never absent."""

    id: str
    name: str
    handle: str | None
    kind: Literal["person", "bot", "chat"]
    private: str | None


class Bot(TypedDict):
    """Who the application speaks as."""

    id: str
    name: str


class Chat(TypedDict):
    """The place a conversation is."""

    id: str
    kind: Literal["private", "group", "channel", "room"]
    title: str


class Facts(TypedDict):
    """What a protocol server knows of a conversation; the ledger keeps it."""

    bot: Bot
    chat: Chat
    thread: str | None
    user: Author | None
    extensions: dict[str, dict[str, Any]]


class Scope(Facts):
    """The scope of a conversation, as an application gets it."""

    type: str
    asgi: dict[str, str]
    conversation: str
    opening: Literal["new", "wake", "retry"]
    session: dict[str, Any]
    state: dict[str, Any]


class Span(TypedDict):
    """How a part of a text is shown: code points ``start`` up to, not including, ``end``."""

    style: Literal[
        "bold",
        "italic",
        "underline",
        "strike",
        "spoiler",
        "code",
        "pre",
        "link",
        "quote",
        "mention",
        "emoji",
    ]
    start: int
    end: int
    language: NotRequired[str]
    url: NotRequired[str]
    user: NotRequired[str]
    id: NotRequired[str]


class Attachment(TypedDict):
    """Something that is not text; a file has a ``source``."""

    kind: str
    source: NotRequired[str]
    name: NotRequired[str]
    type: NotRequired[str]
    size: NotRequired[int]
    width: NotRequired[int]
    height: NotRequired[int]
    duration: NotRequired[float]
    latitude: NotRequired[float]
    longitude: NotRequired[float]
    text: NotRequired[str]


class Button(TypedDict):
    """What a person can press: ``data`` comes back in an ``action``, ``url`` is opened."""

    text: str
    data: NotRequired[str]
    url: NotRequired[str]


class Quoted(TypedDict):
    """The beginning of a message that is answered, for chats that cannot point at it."""

    author: str
    text: str


class Reacted(TypedDict):
    """One reaction of one person to a room's message."""

    emoji: str
    author: str
    name: str
    origin: str | None


# What an application receives


class Received(TypedDict):
    """What every received event has."""

    type: str
    key: str
    steps: NotRequired[dict[int, Any]]


class Message(Received):
    """``message``."""

    id: str
    text: str
    author: Author
    at: float
    spans: NotRequired[list[Span]]
    attachments: NotRequired[list[Attachment]]
    buttons: NotRequired[list[list[Button]]]
    reply_to: NotRequired[str | None]
    quoted: NotRequired[Quoted | None]
    origin_id: NotRequired[str | None]
    album: NotRequired[str | None]
    bridged: NotRequired[bool]
    foreign: NotRequired[bool]
    origin: NotRequired[str | None]
    client: NotRequired[str | None]
    ref: NotRequired[str | None]
    raw: NotRequired[Any]


class Edit(Message):
    """``edit``: as ``message``; ``id`` is that of the edited one."""


class Delete(Received):
    """``delete``: a message is gone."""

    id: str
    author: Author
    at: float
    origin_id: NotRequired[str | None]
    moderated: NotRequired[bool]
    origin: NotRequired[str | None]
    client: NotRequired[str | None]
    ref: NotRequired[str | None]


class Reaction(Received):
    """``reaction``: all that its author shows on a message now."""

    id: str
    author: Author
    emoji: list[str]
    at: float
    reactions: NotRequired[list[Reacted]]
    origin: NotRequired[str | None]
    client: NotRequired[str | None]
    ref: NotRequired[str | None]


class Action(Received):
    """``action``: a button was pressed."""

    id: str
    button: str
    data: str | None
    author: Author
    token: str
    at: float
    origin: NotRequired[str | None]
    client: NotRequired[str | None]
    ref: NotRequired[str | None]


class Receipt(Received):
    """``receipt``: somebody's client has what the application sent."""

    id: str
    author: Author


class Typing(Received):
    """``typing``: somebody writes."""

    author: Author


class Notice(Received):
    """``join`` and ``leave``; ``id``, ``origin`` and ``at`` where a room tells it."""

    author: Author
    id: NotRequired[str]
    origin: NotRequired[str]
    at: NotRequired[float]


class Sent(Received):
    """``sent``: the network has what the application sent."""

    ref: str
    id: str


class Failed(Received):
    """``failed``: the network will not have what the application sent."""

    ref: str
    code: str
    detail: str
    retry_after: float | None


class Disconnect(Received):
    """``disconnect``: the instance ends."""

    reason: Literal["idle", "shutdown"]


class Skipped(Received):
    """``skipped``: what a room said too long ago to be shown to a member that was away."""

    count: int


class Update(Received):
    """``update``: what Telegram told and no common kind can say."""

    raw: Any


class Stanza(Received):
    """``stanza``: what came over XMPP and no common kind can say."""

    xml: str
    author: Author


def kind_of(event: Event) -> str:
    """The kind of an event, without its prefix."""
    return _prefix_and_kind(event["type"])[1]


def prefix_of(event: Event) -> str:
    """The prefix of an event's type."""
    return _prefix_and_kind(event["type"])[0]


@lru_cache(maxsize=256)  # asked several times of each event, and there are few
def _prefix_and_kind(name: Any) -> tuple[str, str]:
    prefix, _, kind = str(name).rpartition(".")
    return prefix, kind
