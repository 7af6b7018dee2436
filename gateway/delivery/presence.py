"""Who is connected where: best effort, in memory, shared between the processes by rings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from gateway.vocabulary.events import Author

SECONDS = 30.0
"""How long the word of another process counts without being said again."""


class Presence:
    """The people in each conversation, as each process says."""

    def __init__(self, process: str, ring: Callable[[dict[str, Any]], None]) -> None:
        self.changed: Callable[[str, list[Author]], None] = lambda *_: None
        self._process = process
        self._ring = ring
        self._people: dict[str, dict[str, tuple[float, list[Author]]]] = {}

    def present(self, conversation: str, people: Sequence[Author]) -> None:
        """This process's people in a conversation; all of them, each time."""
        self._keep(self._process, conversation, list(people), float("inf"))
        self._tell(conversation, list(people))

    def _tell(self, conversation: str, people: list[Author]) -> None:
        self._ring({"present": conversation, "process": self._process, "people": people})

    def hear(self, ring: dict[str, Any]) -> None:
        """Another process's people in a conversation."""
        until = time.monotonic() + SECONDS
        self._keep(ring["process"], ring["present"], ring["people"], until)

    def _keep(self, process: str, conversation: str, people: list[Author], until: float) -> None:
        before = self.people(conversation)
        said = self._people.setdefault(conversation, {})
        said[process] = (until, people)
        if not people:
            del said[process]
        if not said:
            del self._people[conversation]
        after = self.people(conversation)
        if before != after:
            self.changed(conversation, after)

    def repeat(self) -> None:
        """Say again who is connected here."""
        for conversation, said in self._people.items():
            if self._process in said:
                self._tell(conversation, said[self._process][1])

    def people(self, conversation: str) -> list[Author]:
        """Who is connected to a conversation, each once."""
        now = time.monotonic()
        found: dict[str, Author] = {}
        for until, people in self._people.get(conversation, {}).values():
            if until > now:
                found |= {person["id"]: person for person in people}
        return list(found.values())
