"""Scopes and events, as ``docs/specs`` specifies them; a test compares the two.

An event's ``type`` is a prefix (the scope's own, or ``chat`` in sends) and one of the kinds
below. Bodies are the same on every protocol.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NotRequired, TypedDict

Event = dict[str, Any]
"""Any event, as ASGI has it."""

RECEIVED = ("message", "edit", "delete", "typing", "join", "leave", "sent", "failed", "disconnect")
"""The kinds that an application may receive."""

DURABLE = ("message",)
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

    type: Literal["telegram", "xmpp", "web", "room"]
    asgi: dict[str, str]
    conversation: str
    opening: Literal["new", "wake", "retry"]
    session: dict[str, Any]
    state: dict[str, Any]


class Attachment(TypedDict):
    """Something that is not text."""

    kind: str


class Message(TypedDict):
    """``message``, in both directions."""

    type: str
    key: str
    id: str
    text: str
    author: Author
    attachments: list[Attachment]
    reply_to: str | None
    at: float
    foreign: NotRequired[bool]
    origin: NotRequired[str]
    raw: NotRequired[Any]


class Edit(Message):
    """``edit``: as ``message``; ``id`` is that of the edited one."""


class Delete(TypedDict):
    """``delete``."""

    type: str
    key: str
    id: str
    author: Author


class Notice(TypedDict):
    """``typing``, ``join`` and ``leave``."""

    type: str
    key: str
    author: Author


class Sent(TypedDict):
    """``sent``: the network has what the application sent."""

    type: str
    key: str
    ref: str
    id: str


class Failed(TypedDict):
    """``failed``: the network will not have what the application sent."""

    type: str
    key: str
    ref: str
    code: str
    detail: str
    retry_after: float | None


class Disconnect(TypedDict):
    """``disconnect``: the instance ends."""

    type: str
    reason: Literal["idle", "shutdown", "left", "blocked"]


def kind_of(event: Event) -> str:
    """The kind of an event, without its prefix."""
    return _kind_of_type(event["type"])


@lru_cache(maxsize=256)
def _kind_of_type(name: Any) -> str:
    return str(name).rpartition(".")[2]  # asked several times of each event
