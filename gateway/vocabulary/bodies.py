"""What an application sends, as ``docs/specs`` specifies it; a test compares the two."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from gateway.vocabulary.events import Attachment, Author, Button, Quoted, Reacted, Span


class SendMessage(TypedDict):
    """``message``; ``message`` is the room's id of what is shown, where a room's is shown.

    ``native``, ``origin_id`` and ``at`` are those of what a room is told.
    """

    type: str
    text: NotRequired[str]
    spans: NotRequired[list[Span]]
    ref: NotRequired[str]
    to: NotRequired[str]
    reply_to: NotRequired[str | None]
    quoted: NotRequired[Quoted | None]
    author: NotRequired[Author]
    origin: NotRequired[str | None]
    attachments: NotRequired[list[Attachment]]
    buttons: NotRequired[list[list[Button]]]
    message: NotRequired[str]
    native: NotRequired[str | None]
    origin_id: NotRequired[str | None]
    at: NotRequired[float]


class SendEdit(TypedDict):
    """``edit``."""

    type: str
    id: str
    text: NotRequired[str]
    spans: NotRequired[list[Span]]
    ref: NotRequired[str]
    to: NotRequired[str]
    author: NotRequired[Author]
    origin: NotRequired[str | None]
    attachments: NotRequired[list[Attachment]]
    buttons: NotRequired[list[list[Button]]]


class SendDelete(TypedDict):
    """``delete``."""

    type: str
    id: str
    ref: NotRequired[str]
    to: NotRequired[str]
    author: NotRequired[Author]
    origin: NotRequired[str | None]


class SendReaction(TypedDict):
    """``reaction``; ``reactions`` are those of a room, where they are shown."""

    type: str
    id: str
    emoji: NotRequired[list[str]]
    reactions: NotRequired[list[Reacted]]
    ref: NotRequired[str]
    to: NotRequired[str]
    author: NotRequired[Author]
    origin: NotRequired[str | None]


class SendAnswer(TypedDict):
    """``answer``: to who pressed a button."""

    type: str
    token: str
    text: NotRequired[str]
    ref: NotRequired[str]


class SendTyping(TypedDict):
    """``typing``."""

    type: str
    to: NotRequired[str]
    author: NotRequired[Author]


class Accept(TypedDict):
    """``accept``."""

    type: str
    events: NotRequired[list[str]]


class Handled(TypedDict):
    """``handled``; ``sends`` are said in one commit with the marks."""

    type: str
    keys: list[str]
    steps: NotRequired[list[list[Any]]]
    sends: NotRequired[list[dict[str, Any]]]


class Waiting(TypedDict):
    """``waiting``."""

    type: str
    keys: list[str]
    until: NotRequired[float | None]
