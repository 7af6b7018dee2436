"""What a room is told, on its way into the room's log: once, resolved, and only by who may.

Carried out within one commit: what it reads cannot change before it is written.
"""

from __future__ import annotations

import logging
from typing import Any

from gateway.delivery.metrics import EVENTS_DROPPED
from gateway.ledger import queries
from gateway.ledger.rows import Rows
from gateway.vocabulary.degrade import LINE
from gateway.vocabulary.events import Event, kind_of
from gateway.vocabulary.ids import message_id, room_key
from gateway.vocabulary.spans import without_spoilers

logger = logging.getLogger(__name__)

QUOTED = 200
"""Code points that are quoted of a message that is answered."""

CHANGED = ("spans", "attachments", "buttons")
"""What a change changes, beside the text."""

_GONE: Event = {name: [] for name in CHANGED} | {"text": "", "quoted": None}
"""What is left of a message that was taken back."""

AUTHORS_ONLY = ("edit", "delete")
"""What only the author of a message may do with it."""


def append_told(
    rows: Rows, room: str, key: str, event: Event, native: str | None, origin_id: str | None
) -> tuple[int, bool] | None:
    """Append an event to a room's log; its seq, and whether it is new.

    ``native`` is what the message is called where it was said. None if what the event is about
    is no message of this room, or is somebody else's.
    """
    if kind_of(event) == "message":
        return _append_message(rows, room, key, event, native, origin_id)
    if (known := queries.seq_of(rows, key)) is not None:
        return known, False
    target = _target(rows, room, event, origin_id)
    said = _said(rows, room, target)
    if target is None or said is None or said.get("gone") or not _may(event, said):
        return None
    event["id"] = target
    if kind_of(event) == "reaction":
        author, origin = event["author"], event.get("origin")
        event["reactions"] = queries.react(rows, target, author, event["emoji"], origin)
    elif kind_of(event) in AUTHORS_ONLY:
        _complete(event, said)
        queries.rewrite_entry(rows, room_key(room), target, said | _now(event))
    return queries.append(rows, room_key(room), key, event, event["at"])


def _now(event: Event) -> Event:
    """What a message is from here on: nobody quotes what was taken back, or is shown it late."""
    if kind_of(event) == "edit":
        return {name: event.get(name) or [] for name in CHANGED} | {"text": event["text"]}
    return _GONE | {"gone": True}


def take_back(rows: Rows, chat: str, message: str) -> None:
    """A message of a web chat is gone: its log keeps the place, and nobody is shown it late."""
    if message.isdecimal() and len(message) <= 18:
        for seq, said in queries.entries(rows, chat, int(message) - 1, 1):
            if seq == int(message) and kind_of(said) == "message":
                queries.rewrite_entry(rows, chat, message, said | _GONE)


def _complete(edit: Event, said: Event) -> None:
    """A change leaves what it cannot change: what is answered, and files that it does not name."""
    if kind_of(edit) != "edit":
        return
    for name in ("reply_to", "quoted"):
        edit[name] = said.get(name)
    if not edit.get("attachments"):
        edit["attachments"] = said.get("attachments") or []


def _append_message(
    rows: Rows, room: str, key: str, event: Event, native: str | None, origin_id: str | None
) -> tuple[int, bool]:
    origin = event.get("origin")
    if event.get("reply_to"):
        event["reply_to"] = _message_meant(rows, room, origin, event["reply_to"])
        answered = _said(rows, room, event["reply_to"])
        if answered is not None and not answered.get("gone"):
            event["quoted"] = _quoted(answered)
    seq, new = queries.append(rows, room_key(room), key, event, event["at"])
    if new and native is not None and origin is not None:
        author, message = event["author"]["id"], message_id(room, seq)
        if not (native == origin_id and _is_anothers(rows, origin, native, author)):
            queries.keep_copy(
                rows, message, origin, 0, native, author, event["at"], origin_id=origin_id
            )
    return seq, new


def _is_anothers(rows: Rows, conversation: str, native: str, author: str) -> bool:
    """Whether a name that an author's client chose is that of somebody else's message."""
    return queries.author_of_native(rows, conversation, native) not in (None, author)


def _target(rows: Rows, room: str, event: Event, origin_id: str | None) -> str | None:
    """The room's id of what an event is about.

    A name that its author's client gave means what was told last under it.
    """
    reference, origin = event["id"], event.get("origin")
    if origin is not None and origin_id is not None:
        author = event["author"]["id"]
        reference = queries.native_from_origin(rows, origin, author, origin_id) or reference
    return _message_meant(rows, room, origin, reference)


def _message_meant(rows: Rows, room: str, origin: str | None, reference: str) -> str | None:
    """The room's id of the message that somebody means where they are."""
    if reference.startswith(f"{room}#"):
        return reference
    if origin is not None and origin != room_key(room):
        found = queries.message_from_native(rows, origin, reference) or ""
        if found.startswith(f"{room}#"):
            return found.removesuffix(LINE)
    seq = queries.seq_of(rows, f"{room}|{reference}")
    return None if seq is None else message_id(room, seq)


def _said(rows: Rows, room: str, message: str | None) -> Event | None:
    """The entry of a message; None if the log does not hold it any more."""
    seq = (message or "").rpartition("#")[2]
    if not seq.isdecimal():
        return None
    found = queries.entries(rows, room_key(room), int(seq) - 1, 1)
    return found[0][1] if found and found[0][0] == int(seq) else None


def _may(event: Event, said: Event) -> bool:
    """Whether who did it may: nobody changes what another one said."""
    if kind_of(event) not in AUTHORS_ONLY or event.get("moderated"):
        return True
    if event["author"]["id"] == said["author"]["id"]:
        return True
    EVENTS_DROPPED.labels("foreign").inc()
    logger.warning(
        "message=%s %s of another's message refused: author=%s",
        event["id"],
        kind_of(event),
        event["author"]["id"],
    )
    return False


def _quoted(said: Event) -> dict[str, Any]:
    """The beginning of a message; what is hidden in it stays hidden."""
    text = " ".join(without_spoilers(said.get("text", ""), said.get("spans") or []).split())
    return {"author": said["author"]["name"], "text": text[:QUOTED]}
