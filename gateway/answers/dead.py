"""What was set aside, and what a person decides about it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from gateway.delivery.switchboard import Switchboard
from gateway.ledger.queries import Outgoing, dead
from gateway.ledger.queries.dead import Letter
from gateway.ledger.rows import Rows
from gateway.vocabulary.errors import GatewayError

AT_ONCE = 100
"""Letters that are tried again or let go in one operation."""

NAMED = 20
"""Letters that an answer names; it counts the others."""

LIMIT = 10_000
"""Letters that are listed at most."""

UNREADABLE = (
    "it could not be understood or recorded when it came, so that there is nothing to hand over;"
    " `gateway dead show` has it as its network sent it"
)
UNRECORDED = "it was said in a group of the channel layer, which keeps nothing"

Again = tuple[Letter, Outgoing | str]
"""A letter, and what it is now: a row of the outbox, or a conversation that has it to handle."""


class DeadLetters:
    """The verbs ``gateway dead``."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._journal = switchboard.journal

    def verbs(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        """Every verb."""
        names = ("dead_list", "dead_show", "dead_retry", "dead_drop")
        return {name: getattr(self, name) for name in names}

    async def dead_list(self, limit: int) -> list[dict[str, Any]]:
        """The newest letters, the newest last, without what was said in them."""
        bounded = max(1, min(limit, LIMIT))
        found = await self._journal.read(lambda rows: dead.letters(rows, bounded))
        return [_line(letter) for letter in found]

    async def dead_show(self, name: str) -> dict[str, Any]:
        """A letter with its event."""
        _check(name)
        letter = await self._journal.read(lambda rows: dead.letter(rows, name))
        if letter is None:
            raise GatewayError(_unknown(name))
        return _line(letter) | {"event": letter.event}

    async def dead_retry(self, names: list[str] | None) -> dict[str, Any]:
        """Try letters again, None: all; how many, and why not the others."""
        refused: list[list[str]] = []
        done = 0
        for some in await self._chosen(names):
            again, not_again = await self._journal.write(
                partial(_again, names=some, at=time.time())
            )
            refused += not_again
            done += len(again)
            for letter, what in again:
                self._announce(letter, what)
        return {"done": done, "refused": len(refused), "why": refused[:NAMED]}

    def _announce(self, letter: Letter, what: Outgoing | str) -> None:
        if isinstance(what, Outgoing):
            self._switchboard.send_soon(letter.account, what)
        elif self._switchboard.at_home(what):
            self._switchboard.conversations.nudge(what)
        else:
            self._switchboard.hub.ring({"inbox": what})

    async def dead_drop(self, names: list[str] | None) -> dict[str, Any]:
        """Let letters go, None: all; how many, and which are not there."""
        refused: list[list[str]] = []
        done = 0
        for some in await self._chosen(names):
            gone = await self._journal.write(partial(_let_go, names=some))
            refused += [[name, _unknown(name)] for name in some if name not in gone]
            done += len(gone)
        return {"done": done, "refused": len(refused), "why": refused[:NAMED]}

    async def _chosen(self, names: list[str] | None) -> list[list[str]]:
        """The names, or all that there are now, in parts."""
        for name in names or ():
            _check(name)
        if names is None:
            names = await self._journal.read(dead.letter_names)
        chosen = list(dict.fromkeys(names))
        return [chosen[start : start + AT_ONCE] for start in range(0, len(chosen), AT_ONCE)]


def _line(letter: Letter) -> dict[str, Any]:
    fields = asdict(letter)
    fields.pop("event")
    fields["id"] = fields.pop("name")
    return fields | {"kind": kind_of_letter(letter)}


def kind_of_letter(letter: Letter) -> str:
    """What a letter is: the type of its event, ``outgoing``, or ``unreadable``."""
    if letter.outgoing:
        return "outgoing"
    if letter.conversation is None or not isinstance(letter.event, dict):
        return "unreadable"
    return str(letter.event.get("type", "unreadable"))


def _check(name: str) -> None:
    if not dead.is_letter(name):
        raise GatewayError(f"{name!r} is no id of a dead letter; `gateway dead list` has them")


def _unknown(name: str) -> str:
    return f"there is no dead letter {name}; `gateway dead list` has those that there are"


def _again(rows: Rows, names: list[str], at: float) -> tuple[list[Again], list[list[str]]]:
    """Try each letter again; those that are on their way, and why the others are not."""
    done: list[Again] = []
    refused: list[list[str]] = []
    for name in names:
        letter = dead.letter(rows, name)
        sentence = _unknown(name) if letter is None else _why_not(letter)
        if letter is None or sentence:
            refused.append([name, sentence])
        elif letter.outgoing:
            queued = dead.queue_again(rows, name)
            assert queued is not None
            done.append((letter, queued))
        else:
            done.append((letter, dead.receive_again(rows, letter, at)))
    return done, refused


def _why_not(letter: Letter) -> str:
    """Why a letter cannot be tried again, or empty."""
    if letter.outgoing or dead.is_received(letter):
        return ""
    return UNRECORDED if kind_of_letter(letter) != "unreadable" else UNREADABLE


def _let_go(rows: Rows, names: list[str]) -> set[str]:
    return {name for name in names if dead.let_go(rows, name)}
