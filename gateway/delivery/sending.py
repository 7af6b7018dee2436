"""One row of the outbox, brought to an outcome.

Its references are resolved, it is degraded for its chat, its steps are delivered one by one, and
what the network said of each is committed before the next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.delivery.metrics import EVENTS_DROPPED, EVENTS_OUT
from gateway.delivery.newest import Newest
from gateway.ledger import queries
from gateway.ledger.journal import Journal, Operation
from gateway.ledger.queries import Outgoing
from gateway.ledger.rows import Rows
from gateway.vocabulary.degrade import (
    LINE,
    Chat,
    Copy,
    Step,
    files_in_words,
    gone,
    is_ours,
    reactions_in_words,
    said_again,
    steps_from_event,
    without_file,
)
from gateway.vocabulary.errors import DeliveryError, LedgerAway, Refused, Uncertain
from gateway.vocabulary.events import Event, Facts, kind_of

if TYPE_CHECKING:
    from gateway.delivery.outbox import Outbox

logger = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two tries to commit an outcome while the ledger is away."""

WITHOUT_FILE = ("too_large", "gone", "refused")
"""Codes of a refusal by which a message with a file goes on without it."""


MAY_BE_NOTHING = ("message", "answer")
"""Kinds of which a chat may have nothing to show; what else shows nothing has no message there."""


class Sending:
    """Sends the rows of one account."""

    def __init__(self, outbox: Outbox, journal: Journal) -> None:
        self._outbox = outbox
        self._journal = journal
        self._out = EVENTS_OUT.labels(outbox.account)
        self._newest = Newest()

    def look_first(self) -> None:
        """Trust nothing in memory: another process may have sent since."""
        self._newest.clear()

    async def send(self, row: Outgoing) -> None:
        """Bring one row to an outcome; raises ``Moved`` and ``LedgerAway``, which are none."""
        try:
            await self._say(row)
        except Refused as refused:
            await self._refuse(row, refused)
        except Uncertain as uncertain:
            self._outbox.failed(row, "unknown", str(uncertain))
            await self._commit(
                partial(queries.outcome, outbox=row.id, word="unknown", error=str(uncertain))
            )
        except (DeliveryError, LedgerAway):
            raise
        except Exception as error:  # of what was said, or ours: what is behind it may not wait
            logger.exception("conversation=%s outbox=%s cannot be said", row.conversation, row.id)
            await self._refuse(row, Refused("internal", f"{type(error).__name__}: {error}"))

    async def leaving(self, row: Outgoing, *, yes: bool) -> None:
        """Have on disk that the network may have what is next of a row, or has it not."""
        await self._commit(self._leaving(row, yes=yes))

    def stays(self, row: Outgoing) -> None:
        """What was to leave will not, because whoever sends it ends here."""
        self._journal.post(self._leaving(row, yes=False))

    def _leaving(self, row: Outgoing, *, yes: bool) -> Operation[None]:
        return partial(queries.leaving, outbox=row.id, holder=self._outbox.holder, yes=yes)

    async def _say(self, row: Outgoing) -> None:
        facts = await self._outbox.facts(row.conversation)
        event, chat = await self._resolved(row, facts)
        if kind_of(event) == "message" and row.parts == 0 and files_in_words(event, chat):
            self._outbox.failed(row, "too_large", "a file that this chat does not take")
        await self._take_steps(row, facts, event, chat)

    async def _take_steps(self, row: Outgoing, facts: Facts, event: Event, chat: Chat) -> None:
        """Deliver what is left of a row.

        The outcome is committed before the next row of the line is sent: so, when the process
        dies, one row of a conversation at most has an unknown fate.
        """
        steps = steps_from_event(event, chat)
        if not steps and kind_of(event) not in MAY_BE_NOTHING:
            raise Refused("not_found", f"{event.get('id')!r} is not shown there, or cannot change")
        taken: list[Step] = []
        natives: list[str | None] = []
        number = row.parts
        while number < len(steps):
            step = _named(steps[number], row, number)
            try:
                natives.append(await self._outbox.deliver(row, facts, step.event))
            except Refused as refused:
                self._newest.forget(row, event)
                steps[number:] = _instead(refused, event, [step, *steps[number + 1 :]], chat)
                self._lost_file(row, refused, step, chat)
                continue
            taken.append(step)
            number += 1
            if number < len(steps):
                await self._commit(
                    partial(self._part_sent, row, step, number, natives[-1]),
                    partial(queries.part_sent, outbox=row.id, parts=number, native=None),
                )
        self._out.inc()
        self._outbox.sent(row, next((native for native in natives if native), None))
        if natives:
            await self._commit(
                partial(self._sent, row, steps, natives[-1]),
                partial(queries.sent, outbox=row.id, parts=len(steps), native=None),
            )
            self._newest.sent(row, event, taken, natives)
        else:
            await self._commit(partial(queries.sent, outbox=row.id, parts=row.parts, native=None))

    def _part_sent(
        self, row: Outgoing, step: Step, parts: int, native: str | None, rows: Rows
    ) -> None:
        queries.part_sent(rows, row.id, parts, native)
        _keep(rows, row, step, native)

    def _sent(self, row: Outgoing, steps: Sequence[Step], native: str | None, rows: Rows) -> None:
        queries.sent(rows, row.id, len(steps), native)
        _keep(rows, row, _named(steps[-1], row, len(steps) - 1), native)
        for step in steps:  # not one by one: what a row still has to do is found by its copies
            if kind_of(step.event) == "delete":
                queries.forget_copy(rows, row.conversation, step.event["id"])

    def _lost_file(self, row: Outgoing, refused: Refused, step: Step, chat: Chat) -> None:
        """Tell whoever sent a file that nobody there can have it."""
        files = step.event.get("attachments") or ()
        if refused.code in WITHOUT_FILE and any(chat.link(file) is None for file in files):
            self._outbox.failed(row, refused.code, str(refused))

    async def _refuse(self, row: Outgoing, refused: Refused) -> None:
        logger.warning("conversation=%s refused=%s: %s", row.conversation, refused.code, refused)
        EVENTS_DROPPED.labels("refused").inc()
        self._outbox.failed(row, refused.code, str(refused))
        detail = f"{refused.code}: {refused}"
        await self._commit(partial(queries.outcome, outbox=row.id, word="refused", error=detail))

    async def _commit(
        self, operation: Operation[None], without: Operation[None] | None = None
    ) -> None:
        """Commit what the network has told us, however long the ledger is away.

        What it calls a message may be nothing that can be kept: ``without`` it is committed then,
        for a message that is there is not to be sent again.
        """
        instead = None if without is None else lambda _, rows: without(rows)
        while True:
            try:
                return await self._journal.write(operation, instead=instead)
            except LedgerAway as error:
                logger.warning("account=%s an outcome waits: %s", self._outbox.account, error)
                await asyncio.sleep(PAUSE)
            except Exception as error:
                if without is None:
                    raise
                logger.warning("account=%s a copy is not known: %s", self._outbox.account, error)
                return None

    async def _resolved(self, row: Outgoing, facts: Facts) -> tuple[Event, Chat]:
        """The event with what it answers, and the chat with what the event is about, as it is."""
        event = row.event
        chat = Chat(
            row.conversation,
            self._outbox.extensions(row.conversation, facts["extensions"]),
            self._outbox.form(row.conversation),
            link=self._outbox.link,
        )
        if event.get("reply_to") is None and "id" not in event:
            return event, chat
        if (known := self._in_memory(row, chat)) is not None:
            return known
        return await self._journal.read(partial(_known, row=row, chat=chat))

    def _in_memory(self, row: Outgoing, chat: Chat) -> tuple[Event, Chat] | None:
        """What ``_known`` would find of a message or an edit, if it is about what is newest."""
        event, kind = row.event, kind_of(row.event)
        if kind == "message" and (answered := event.get("reply_to")):
            found = self._newest.copies(row.conversation, answered)
            return (event | {"reply_to": found[0].native}, chat) if found else None
        if kind == "edit" and not event.get("reply_to"):
            found = self._newest.copies(row.conversation, event["id"])
            return (event, replace(chat, copies=found)) if found else None
        return None


def _known(rows: Rows, row: Outgoing, chat: Chat) -> tuple[Event, Chat]:
    """The references of a row resolved: what it answers, what it is about, the line under that."""
    event, conversation = row.event, row.conversation
    if event.get("reply_to"):
        answered = _parts(rows, conversation, event["reply_to"])
        event = event | {"reply_to": answered[0].native if answered else None}
    if "id" not in event:
        return event, chat
    about, copies = _whole_message(rows, conversation, event["id"])
    under = kind_of(event) != "edit"  # a changed text leaves the line of reactions as it is
    line = queries.copies(rows, conversation, f"{about}{LINE}") if under else []
    return event | {"id": about}, replace(chat, copies=copies, line=line)


def _parts(rows: Rows, conversation: str, reference: str) -> list[Copy]:
    """What a reference names in a conversation; an id that nobody knows is the network's own."""
    found = queries.copies(rows, conversation, reference)
    if not found and "#" not in reference:
        return [Copy(0, reference, None)]
    return found


def _whole_message(rows: Rows, conversation: str, reference: str) -> tuple[str, list[Copy]]:
    """What the ledger calls a message, of which a reference may name one part; its parts."""
    if found := queries.copies(rows, conversation, reference):
        return reference, found
    message = queries.message_from_native(rows, conversation, reference) or reference
    return message, _parts(rows, conversation, message)


def _named(step: Step, row: Outgoing, number: int) -> Step:
    """A step under a ref of its own, so that the network knows a repetition of it."""
    ref = row.event["ref"]
    return Step(step.event | {"ref": f"{ref}.{number}" if number else ref}, step.part)


def _instead(refused: Refused, event: Event, steps: Sequence[Step], chat: Chat) -> list[Step]:
    """What is sent instead of steps, the first of which was refused; raises the refusal if nothing.

    What stands for one step takes its place, so that the others keep their numbers.
    """
    step, rest = steps[0], steps[1:]
    kind = kind_of(step.event)
    if refused.code in WITHOUT_FILE and step.event.get("attachments") and kind == "message":
        return [*without_file(step, chat), *rest]
    if kind_of(event) == "edit" and kind == "edit" and refused.code == "too_old":
        return said_again(event, chat)
    if kind == "delete" and refused.code == "too_old":
        copy = Copy(step.part, step.event["id"], step.event.get("origin_id"))
        if instead := gone(event, replace(chat, copies=[copy])):
            return [*instead, *rest]
    if kind == "reaction" and "reactions" in event and refused.code != "not_found":
        return reactions_in_words(event, chat)
    raise refused


def _keep(rows: Rows, row: Outgoing, step: Step, native: str | None) -> None:
    """Remember where a message appears now, or what can be pressed under it."""
    event, conversation = step.event, row.conversation
    kind = kind_of(event)
    if native is None:
        return
    if kind == "message":
        queries.keep_copy(
            rows,
            event.get("message") or row.event["ref"],
            conversation,
            step.part,
            native,
            event.get("author", {}).get("id", ""),
            time.time(),
            origin_id=event["ref"],
            buttons=_choices(event),
        )
    elif kind == "edit":
        queries.change_buttons(rows, conversation, native, event.get("buttons") or [])


def _choices(event: Event) -> list[Any] | None:
    """What can be pressed under a message: nothing, if our bot says something else by now."""
    if event.get("buttons"):
        return list(event["buttons"])
    return [] if is_ours(event) and not str(event.get("message")).endswith(LINE) else None
