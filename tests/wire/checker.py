"""Whether the promise was kept, from what was seen at the ends of the gateway alone.

Both ends write into one chronicle: what people said, what their chats were shown, where a network
swallowed an answer or was cut off, when the process died. Each message bears its speaker and a
number, and so does what answers or repeats it. The ledger is never asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

Name = tuple[str, int | None]
"""The speaker and the number of a message."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is to be shown in ``conversation``; an answer is a speaker of its own."""

    conversation: str
    speaker: str
    number: int

    @property
    def name(self) -> Name:
        """Which message it is."""
        return self.speaker, self.number


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation was shown a text; ``number`` is None if it bears none."""

    conversation: str
    speaker: str
    number: int | None
    text: str = ""

    @property
    def name(self) -> Name:
        """Which message it is."""
        return self.speaker, self.number


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The network showed it, and let the connection die instead of saying so."""

    conversation: str
    speaker: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A network was cut off; its conversations begin with its name."""

    network: str
    how: str = ""


@dataclass(frozen=True, slots=True)
class Died:
    """The gateway's process was killed."""

    how: str = ""


Happening = Said | Shown | AnswerLost | Cut | Died
Chronicle = Sequence[Happening]


def faults(chronicle: Chronicle, *, never_twice: Collection[str] = ()) -> list[str]:
    """Every breach of the promise, as a sentence; none if it was kept.

    In the conversations ``never_twice`` nothing excuses a repeat.
    """
    return [
        f"{conversation}: {fault}"
        for conversation in conversations(chronicle)
        for fault in _faults(
            _of(conversation, chronicle), excusable=conversation not in never_twice
        )
    ] + list(_crossings(chronicle))


def conversations(chronicle: Chronicle) -> list[str]:
    """Every conversation in which something was said or shown."""
    return list(
        dict.fromkeys(one.conversation for one in chronicle if isinstance(one, Said | Shown))
    )


def repeats(chronicle: Chronicle) -> dict[str, int]:
    """How often something was shown again in each conversation where it was, excused or not."""
    counts = {}
    for conversation in conversations(chronicle):
        shown = _shown(_of(conversation, chronicle))
        counts[conversation] = len(shown) - len(set(shown))
    return {conversation: count for conversation, count in counts.items() if count}


def _of(conversation: str, chronicle: Chronicle) -> Chronicle:
    return [one for one in chronicle if _concerns(one, conversation)]


def _concerns(happening: Happening, conversation: str) -> bool:
    match happening:
        case Died():
            return True
        case Cut(network):
            return conversation.startswith(network)
    return happening.conversation == conversation


def _shown(chronicle: Chronicle) -> list[Name]:
    return [one.name for one in chronicle if isinstance(one, Shown)]


def _faults(chronicle: Chronicle, *, excusable: bool) -> Iterator[str]:
    said = [one.name for one in chronicle if isinstance(one, Said)]
    for one in chronicle:
        if isinstance(one, Shown) and one.name not in said:
            yield f"{one.text!r} was asked for by nobody"
    first = list(dict.fromkeys(name for name in _shown(chronicle) if name in said))
    yield from (f"{_words(name)} was lost" for name in said if name not in first)
    for speaker in dict.fromkeys(speaker for speaker, _ in said):
        shown = [name for name in first if name[0] == speaker]
        expected = [name for name in said if name[0] == speaker and name in first]
        yield from _first_difference(shown, expected)
    yield from _repeats(chronicle, excusable=excusable)


def _first_difference(shown: list[Name], expected: list[Name]) -> Iterator[str]:
    for one, other in zip(shown, expected, strict=True):
        if one != other:
            yield f"{_words(one)} was shown before {_words(other)}"
            return


def _repeats(chronicle: Chronicle, *, excusable: bool) -> Iterator[str]:
    """What was shown again without an unknown fate to excuse it.

    Unknown is the fate of the one whose answer was lost, and, when the process died or the
    network was cut off, of the last one that was shown in the conversation: those before it had
    been confirmed. Each excuses one repeat, until something else is shown.
    """
    shown: set[Name] = set()
    unknown: set[Name] = set()
    last: Name = ("", None)
    trouble = "no trouble at all"
    for happening in chronicle:
        match happening:
            case Died(how) | Cut(_, how):
                unknown, trouble = {last}, how
            case AnswerLost(_, speaker, number):
                unknown.add((speaker, number))
            case Shown():
                name = happening.name
                if name in shown and not (excusable and name in unknown):
                    yield f"{_words(name)} was shown again, after {_words(last)} and {trouble}"
                unknown = set()
                last = name
                shown.add(name)


def _crossings(chronicle: Chronicle) -> Iterator[str]:
    """What two conversations were both shown, and not in the same order: those of one room."""
    first = {
        conversation: list(dict.fromkeys(_shown(_of(conversation, chronicle))))
        for conversation in conversations(chronicle)
    }
    for (one, names), (other, others) in combinations(first.items(), 2):
        both = set(names) & set(others)
        left, right = [n for n in names if n in both], [n for n in others if n in both]
        for fault in _first_difference(left, right):
            yield f"{one}: {fault}, and not so in {other}"


def _words(name: Name) -> str:
    return f"{name[0]} {name[1]}"
