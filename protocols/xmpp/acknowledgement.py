"""The two counts of XEP-0198: what arrived and is safe here, what left and is safe there.

Nothing here performs I/O. A stanza that arrives counts as handled when it is on disk, and only
once everything before it is: ``h`` names the leading ones. A stanza that leaves is kept, as the
text that went out, until the server says that it has it; after a resumption what it does not
have goes out again, in the old order, before anything new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MODULUS = 2**32
"""Both counts wrap here (XEP-0198, section 4)."""

Settle = Callable[[], None]
"""Called once a stanza that arrived is safe here."""

Verdict = Callable[[bool | None], None]
"""Told once: True, the server has it; False, it certainly never got it; None, nobody knows."""


def settle_nothing() -> None:
    """For what is not counted, or is counted with something else."""


class Arrivals:
    """Stanzas from the server, numbered as they come and settled as they are committed."""

    def __init__(self) -> None:
        self._arrived = 0
        self._asked: int | None = None
        self._waiting: deque[int] = deque()

    def take(self) -> int:
        """Number a stanza that has just arrived."""
        self._arrived += 1
        self._waiting.append(self._arrived)
        return self._arrived

    def settle(self, number: int) -> None:
        """A stanza is safe; numbers of another session, and repeats, change nothing."""
        try:
            self._waiting.remove(number)
        except ValueError:
            return

    @property
    def _leading(self) -> int:
        return self._waiting[0] - 1 if self._waiting else self._arrived

    @property
    def handled(self) -> int:
        """``h``: the leading stanzas that are safe."""
        return self._leading % MODULUS

    def ask(self) -> None:
        """The server wants to know whether what it has sent so far is safe."""
        self._asked = self._arrived

    @property
    def asked(self) -> bool:
        """Whether the server waits for an answer."""
        return self._asked is not None

    @property
    def answerable(self) -> bool:
        """Whether the server waits for an answer, and everything it asked about is safe."""
        return self._asked is not None and self._leading >= self._asked

    def answered(self) -> None:
        """``h`` was sent; if it was not all that was asked about, the question stays open."""
        if self.answerable:
            self._asked = None

    def rewind(self) -> None:
        """The server sends again what was not acknowledged: forget that it arrived."""
        self._arrived = self._leading
        self._waiting.clear()
        self._asked = None


@dataclass(slots=True)
class Departure:
    """A stanza that was written and is not acknowledged."""

    text: str
    verdict: Verdict | None = None
    withdrawn: bool = False
    """Its sender has given up waiting and will send it again itself: never repeat it here."""
    blamed: bool = False
    """It may be why the server ended the stream."""

    def withdraw(self) -> None:
        """Nobody waits for this stanza any more."""
        self.withdrawn = True
        self.verdict = None

    def settle(self, verdict: bool | None) -> None:
        """Tell the sender what became of it, once."""
        if self.verdict is not None:
            tell, self.verdict = self.verdict, None
            tell(verdict)


class Departures:
    """Stanzas to the server, in order, from the oldest that it has not acknowledged."""

    def __init__(self) -> None:
        self._acknowledged = 0
        self._kept: deque[Departure] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, departure: Departure) -> None:
        """Keep a stanza that is being written."""
        self._kept.append(departure)

    def acknowledge(self, handled: int) -> None:
        """The server has ``handled`` stanzas of this session; more than we sent count as all."""
        fresh = (handled - self._acknowledged) % MODULUS
        if fresh > MODULUS // 2:
            return
        for _ in range(min(fresh, len(self._kept))):
            self._kept.popleft().settle(True)
        self._acknowledged = handled % MODULUS

    def repeat(self) -> Iterator[str]:
        """What goes out again after a resumption; it keeps its place and gets new numbers."""
        self._kept = deque(departure for departure in self._kept if not departure.withdrawn)
        return iter([departure.text for departure in self._kept])

    def blame(self) -> None:
        """The server ended the stream over one of the stanzas that it has not acknowledged."""
        for departure in self._kept:
            departure.blamed = True

    def abandon(self, handled: int | None) -> None:
        """The session is gone; ``handled`` is the server's last count if it still knows it."""
        if handled is not None:
            self.acknowledge(handled)
        while self._kept:
            self._kept.popleft().settle(None if handled is None else False)


class Session:
    """One session with the server: it outlives its connections where the server allows it."""

    def __init__(self, jid: str) -> None:
        self.jid = jid
        """The full JID that the server gave us."""
        self.name: str | None = None
        """What to ask for when resuming; None: it cannot be resumed."""
        self.arriving = False
        """Whether stanzas from the server are counted."""
        self.leaving = False
        """Whether stanzas to the server are counted."""
        self.arrivals = Arrivals()
        self.departures = Departures()
