"""The copies of the newest messages in memory: most answers and edits are about these."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from gateway.ledger.queries import Outgoing
from gateway.vocabulary.degrade import Copy, Step
from gateway.vocabulary.events import Event, kind_of

KNOWN = 2_000
"""Messages whose copies are in memory."""


class Newest:
    """What one account's network called the messages that were sent last, part by part."""

    def __init__(self) -> None:
        self._copies: OrderedDict[tuple[str, str], list[Copy]] = OrderedDict()

    def copies(self, conversation: str, message: str) -> list[Copy] | None:
        """The parts of a message; None: ask the ledger."""
        return self._copies.get((conversation, message))

    def sent(
        self, row: Outgoing, event: Event, steps: Sequence[Step], natives: Sequence[str | None]
    ) -> None:
        """A row was sent as these steps, which the network calls so; ``event`` is it, resolved."""
        if kind_of(event) == "message" and row.parts == 0:
            message = event.get("message") or event["ref"]
            self._keep((row.conversation, message), steps, natives)
        elif any(kind_of(step.event) != "edit" for step in steps):
            self.forget(row, event)  # there are more parts of it now, or fewer

    def _keep(
        self, key: tuple[str, str], steps: Sequence[Step], natives: Sequence[str | None]
    ) -> None:
        if not steps or None in natives:
            return
        self._copies[key] = [
            Copy(step.part, str(native), step.event["ref"])
            for step, native in zip(steps, natives, strict=True)
        ]
        if len(self._copies) > KNOWN:
            self._copies.popitem(last=False)

    def forget(self, row: Outgoing, event: Event) -> None:
        """Nobody knows in memory what became of the message that a row is about."""
        self._copies.pop((row.conversation, str(event.get("id"))), None)

    def clear(self) -> None:
        """Another process may have changed them all."""
        self._copies.clear()
