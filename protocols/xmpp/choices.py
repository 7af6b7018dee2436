"""The buttons that can still be pressed: those of the last message with any in each place.

Nothing here performs I/O, and nothing is kept over a restart: the numbered list is.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.vocabulary.events import Button, Event, kind_of
from gateway.vocabulary.text import clean

PLACES = 1_000
"""Places whose buttons are remembered; of more, those that had theirs last."""
OPTIONS = 100
"""Buttons of one message that are offered; the others are in the numbered list only."""
LONGEST_NAME = 60
LONGEST_LABEL = 200
"""Code points of a choice's name and of what is on a button."""

NODES = "urn:chat-gateway:choice:"
"""What the node of every choice begins with."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one message offers."""

    node: str
    id: str
    """The native id of the message."""
    name: str
    options: tuple[tuple[str, str], ...]
    """The number of each button over all rows, and what is on it."""
    links: tuple[tuple[str, str], ...] = ()
    """What is on a button that opens something, and its address."""
    group: bool = False
    """Whether everybody in a room was asked."""


class Choices:
    """Remembers what was said with buttons."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Choice] = OrderedDict()

    def said(self, place: str, event: Event, native: str, *, group: bool = False) -> None:
        """Something was said or changed in a place, where it is called ``native``."""
        known = self._open.get(place)
        about_it = known is not None and known.id == native
        match kind_of(event):
            case "delete" if about_it:
                del self._open[place]
            case "edit" if known is None or about_it:
                node = known.node if known is not None else _new_node()
                self._open.pop(place, None)
                self._offer(place, choice_from_event(event, native, node, group=group))
            case "message" if event.get("buttons"):
                self._offer(place, choice_from_event(event, native, _new_node(), group=group))

    def at(self, place: str) -> Choice | None:
        """What is open in a place."""
        return self._open.get(place)

    def _offer(self, place: str, choice: Choice) -> None:
        if not choice.options:
            return
        self._open[place] = choice
        self._open.move_to_end(place)
        if len(self._open) > PLACES:
            self._open.popitem(last=False)


def choice_from_event(event: Event, native: str, node: str, *, group: bool = False) -> Choice:
    """Translate the buttons of a message; without any to press there are no ``options``."""
    buttons = list(_numbered(event.get("buttons") or ()))
    return Choice(
        node=node,
        id=native,
        name=_name(event.get("text", "")),
        options=tuple((n, _label(button["text"])) for n, button in buttons if "url" not in button),
        links=tuple(
            (_label(button["text"]), clean(button["url"]))
            for _, button in buttons
            if "url" in button
        ),
        group=group,
    )


def _new_node() -> str:
    return NODES + uuid.uuid4().hex


def _numbered(rows: Iterable[Sequence[Button]]) -> Iterable[tuple[str, Button]]:
    flat = [button for row in rows for button in row]
    return ((str(number), button) for number, button in enumerate(flat[:OPTIONS]))


def _name(text: str) -> str:
    lines = clean(text).strip().splitlines() or [""]
    return _cut(lines[0], LONGEST_NAME) or "?"


def _label(text: str) -> str:
    return _cut(clean(text), LONGEST_LABEL) or "?"


def _cut(text: str, most: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"
