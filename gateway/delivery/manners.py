"""What a room wants to be told, and where it wants to be shown."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.vocabulary.events import Event

Direction = Literal["both", "in", "out"]
"""Seen from the room: ``in`` is heard and shown nothing, ``out`` is shown and not heard."""

KNOWN = 10_000
"""Keys that a ``Seldom`` keeps in memory."""


@dataclass(frozen=True, slots=True)
class Manners:
    """The manners of one room."""

    directions: Mapping[str, Direction] = field(default_factory=dict)
    ignored_names: tuple[re.Pattern[str], ...] = ()
    ignored_texts: tuple[re.Pattern[str], ...] = ()
    joins: bool = False
    """Whether people who come and go are told of."""
    untold: frozenset[str] = frozenset()
    """Kinds that the room is not told."""
    in_words: frozenset[str] = frozenset()
    """Extensions that members do without, so that it is said in words."""

    def hears(self, conversation: str) -> bool:
        """Whether what is said in a member is told to the room."""
        return self.directions.get(conversation, "both") != "out"

    def shows(self, conversation: str) -> bool:
        """Whether a member shows what the room says."""
        return self.directions.get(conversation, "both") != "in"

    def ignores(self, event: Event) -> bool:
        """Whether an event is by somebody, or says something, that is not to be told."""
        author, text = event["author"], event.get("text", "")
        names = (author["name"], author.get("handle") or "", author["id"])
        return any(rule.search(name) for rule in self.ignored_names for name in names) or any(
            rule.search(text) for rule in self.ignored_texts
        )


USUAL = Manners()
"""Those of a room that nothing was said of, and of no room."""


def manners_from_settings(settings: Any) -> Manners:
    """Read them from ``[rooms.NAME]`` of the configuration."""
    return Manners(
        settings.directions,
        tuple(map(re.compile, settings.ignore_names)),
        tuple(map(re.compile, settings.ignore_texts)),
        settings.joins,
        frozenset(settings.untold),
        frozenset(settings.in_words),
    )


class Seldom:
    """Lets the same thing happen once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: OrderedDict[str, float] = OrderedDict()

    def allows(self, key: str, now: float) -> bool:
        """Whether it may happen now; then it has."""
        if now - self._last.get(key, float("-inf")) < self._seconds:
            return False
        self._last[key] = now
        self._last.move_to_end(key)
        if len(self._last) > KNOWN:
            self._last.popitem(last=False)
        return True
