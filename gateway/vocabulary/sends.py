"""What an application sends, checked at the edge: wrong shapes are named, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.vocabulary.events import Author, Button, Event, Facts, kind_of
from gateway.vocabulary.ids import key_parts, protocol_of
from gateway.vocabulary.spans import clean_styled
from gateway.vocabulary.text import clean

MOST_BUTTONS = 100
"""Buttons under one message (Bot API, InlineKeyboardMarkup)."""

MOST_ATTACHMENTS = 10
"""Files of one message (Bot API, sendMediaGroup)."""

MAX_DATA = 4_096
"""Code points that a button may mean."""

NEEDED = {"edit": "id", "delete": "id", "reaction": "id", "answer": "token"}
"""What names the thing that a send is about."""


def clean_send(kind: str, event: Event) -> Event:
    """Return a send as the ledger can keep it; raises ``ValueError`` saying what is wrong."""
    text = event.get("text", "")
    if not isinstance(text, str):
        raise ValueError(f"text must be a string, not {type(text).__name__}")
    if kind in NEEDED:
        _check_named(kind, event)
    check_origin(event)
    changes: Event = {}
    if spans := event.get("spans"):
        changes["text"], changes["spans"] = clean_styled(text, spans)
    elif (cleaned := clean(text)) is not text:
        changes["text"] = cleaned
    if buttons := event.get("buttons"):
        changes["buttons"] = rows_from_buttons(buttons)
    if attachments := event.get("attachments"):
        changes["attachments"] = _attachments(attachments)
    if emoji := event.get("emoji"):
        changes["emoji"] = [clean(one) for one in _strings("emoji", emoji)]
    return event | changes if changes else event


def check_origin(event: Event) -> None:
    """Raise ``ValueError`` unless an event was said in a conversation, or in none."""
    origin = event.get("origin")
    if origin is not None:
        key_parts(str(origin))


def addressee(conversation: str, event: Event) -> str:
    """Where a send of a conversation goes: an answer to where its button was pressed."""
    if kind_of(event) == "answer":
        return str(event["token"]).rpartition("|")[0]
    return str(event.get("to") or conversation)


def author_from_facts(conversation: str, facts: Facts) -> Author:
    """Our bot, as the author of what it says in a conversation."""
    bot = facts["bot"]
    return {
        "id": f"{protocol_of(conversation)}:{bot['id']}",
        "name": bot["name"],
        "handle": None,
        "kind": "bot",
        "private": None,
    }


def _check_named(kind: str, event: Event) -> None:
    name = NEEDED[kind]
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{kind} needs {name!r}, a string; not {value!r:.40}")
    if kind == "answer" and value.count(":") < 2:
        raise ValueError(f"token must be that of an action; not {value!r:.40}")


def rows_from_buttons(buttons: Any) -> list[list[Button]]:
    """Rows of whole buttons; a word stands for a button, and a button for a row of its own.

    Raises ``ValueError`` if something in it is no button, or there are too many.
    """
    rows = [
        [_button(one) for one in (row if isinstance(row, list | tuple) else [row])]
        for row in _iterable("buttons", buttons)
    ]
    rows = [row for row in rows if row]
    if sum(map(len, rows)) > MOST_BUTTONS:
        raise ValueError(f"a message has at most {MOST_BUTTONS} buttons")
    return rows


def _button(button: Any) -> Button:
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, Mapping) or not isinstance(button.get("text"), str):
        raise ValueError(f"a button is a text or has a text; not {button!r:.60}")
    text = clean(button["text"]).strip()
    if not text:
        raise ValueError("a button needs some text")
    if "url" in button:
        return {"text": text, "url": clean(str(button["url"]))}
    data = clean(str(button.get("data", text)))
    if len(data) > MAX_DATA:
        raise ValueError(f"the data of a button has at most {MAX_DATA} characters")
    return {"text": text, "data": data}


def _attachments(attachments: Any) -> list[dict[str, Any]]:
    found = [dict(one) for one in _iterable("attachments", attachments) if isinstance(one, Mapping)]
    if len(found) != len(attachments) or not all(isinstance(one.get("kind"), str) for one in found):
        raise ValueError("each of the attachments is a dict with a kind")
    if len(found) > MOST_ATTACHMENTS:
        raise ValueError(f"a message has at most {MOST_ATTACHMENTS} attachments")
    return [
        {key: clean(value) if isinstance(value, str) else value for key, value in one.items()}
        for one in found
    ]


def _strings(name: str, values: Any) -> list[str]:
    found = list(_iterable(name, values))
    if not all(isinstance(value, str) for value in found):
        raise ValueError(f"{name} holds strings only")
    return found


def _iterable(name: str, values: Any) -> Iterable[Any]:
    if not isinstance(values, list | tuple):
        raise ValueError(f"{name} must be a list, not {type(values).__name__}")
    return values
