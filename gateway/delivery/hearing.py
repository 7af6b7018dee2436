"""What a network tells, made whole by what the ledger knows, within the commit that records it.

An author's client names its message by its own id, a button is a number: both are looked up.
"""

from __future__ import annotations

from gateway.ledger import queries
from gateway.ledger.rows import Rows
from gateway.vocabulary.events import Button, Event, Facts, kind_of, prefix_of

CHOICE_SECONDS = 3_600.0
"""How long a number is taken for a choice of the last numbered list."""

ABOUT = ("edit", "delete", "reaction")
"""Kinds that are about a message of a person."""


def made_whole(rows: Rows, conversation: str, facts: Facts, event: Event) -> Event:
    """Return an event of the wire with what the ledger adds to it."""
    kind = kind_of(event)
    if kind == "message":
        return _choice(rows, conversation, facts, event) or event
    if kind == "action":
        buttons = queries.buttons_under(rows, conversation, event["id"])
        return event | {"data": _data(buttons, event["button"])}
    if kind in ABOUT and event.get("origin_id") and event["origin_id"] == event["id"]:
        author = event["author"]["id"]
        native = queries.native_from_origin(rows, conversation, author, event["origin_id"])
        return event | {"id": native} if native else event
    return event


def _choice(rows: Rows, conversation: str, facts: Facts, event: Event) -> Event | None:
    """The press of a button that a number stands for, where buttons are a numbered list."""
    number = event["text"].strip() if len(event["text"]) <= 4 else ""
    if not (number.isascii() and number.isdecimal()) or "button" in facts["extensions"]:
        return None
    if answered := event.get("reply_to"):
        native, buttons = answered, queries.buttons_under(rows, conversation, answered)
    else:
        since = event["at"] - CHOICE_SECONDS
        native, buttons = queries.latest_buttons(rows, conversation, since) or ("", [])
    place = str(int(number) - 1)
    data = _data(buttons, place)
    return None if data is None else _action(conversation, event, native, place, data)


def _data(buttons: list[Button], place: str) -> str | None:
    """What the button at a place means; None if it is none that comes back."""
    known = place.isascii() and place.isdecimal() and int(place) < len(buttons)
    return buttons[int(place)].get("data") if known else None


def _action(conversation: str, event: Event, native: str, place: str, data: str) -> Event:
    return {
        "type": f"{prefix_of(event)}.action",
        "id": native,
        "button": place,
        "data": data,
        "author": event["author"],
        "token": f"{conversation}|{event['id']}",
        "at": event["at"],
    }
