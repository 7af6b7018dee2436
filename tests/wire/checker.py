"""Whether the promise was kept, from what was seen at the ends of the gateway alone.

Both ends write into one chronicle: what people said, what their chats were shown, where a network
swallowed an answer, when the process died. Each message is numbered, and what answers or repeats
it bears its number. The ledger is never asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody said a numbered message; it is to be shown in ``conversation``."""

    conversation: str
    number: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation was shown a text; ``number`` is the message it belongs to, if any."""

    conversation: str
    number: int | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The network showed it, and let the connection die instead of saying so."""

    conversation: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Died:
    """The gateway's process was killed."""

    how: str = ""


Chronicle = Sequence[Said | Shown | AnswerLost | Died]


def faults(chronicle: Chronicle) -> list[str]:
    """Every breach of the promise, as a sentence; none if it was kept."""
    conversations = dict.fromkeys(
        happening.conversation for happening in chronicle if isinstance(happening, Said | Shown)
    )
    return [
        f"{conversation}: {fault}"
        for conversation in conversations
        for fault in _faults(_of(conversation, chronicle))
    ]


def _of(conversation: str, chronicle: Chronicle) -> Chronicle:
    return [
        happening
        for happening in chronicle
        if isinstance(happening, Died) or happening.conversation == conversation
    ]


def _faults(chronicle: Chronicle) -> Iterator[str]:
    said = [happening.number for happening in chronicle if isinstance(happening, Said)]
    shown = [happening for happening in chronicle if isinstance(happening, Shown)]
    first = list(dict.fromkeys(one.number for one in shown if one.number in said))
    yield from (f"{one.text!r} was asked for by nobody" for one in shown if one.number not in said)
    yield from (f"{number} was lost" for number in said if number not in first)
    expected = [number for number in said if number in first]
    if first != expected:
        place = next(place for place in range(len(first)) if first[place] != expected[place])
        yield f"{first[place]} was shown before {expected[place]}"
    yield from _repeats(chronicle)


def _repeats(chronicle: Chronicle) -> Iterator[str]:
    """What was shown again without an unknown fate to excuse it.

    Unknown is the fate of the one whose answer was lost, and, when the process died, of the last
    one that was shown in the conversation: those before it had been confirmed. Each excuses one
    repeat, until something else is shown.
    """
    shown: set[int | None] = set()
    unknown: set[int | None] = set()
    last: int | None = None
    died = "its start"
    for happening in chronicle:
        match happening:
            case Died(how):
                unknown, died = {last}, how
            case AnswerLost(_, number):
                unknown.add(number)
            case Shown(_, number):
                if number in shown and number not in unknown:
                    yield f"{number} was shown again, after {last}; the process had died at {died}"
                unknown = set()
                last = number
                shown.add(number)
