"""The checker of the torture suite finds each breach that it is there for."""

from __future__ import annotations

import pytest

from checker import AnswerLost, Chronicle, Cut, Died, Said, Shown, faults, repeats

SAID = (Said("net a", "ann", 1), Said("net a", "ann", 2), Said("net a", "ann", 3))
ONE, TWO, THREE = (Shown("net a", "ann", number) for number in (1, 2, 3))
BEN = Said("net a", "ben", 1)
BEN_SHOWN = Shown("net a", "ben", 1)
SAID_IN_B = tuple(Said("net b", one.speaker, one.number) for one in (*SAID, BEN))
ONE_B, TWO_B, THREE_B, BEN_B = (
    Shown("net b", one.speaker, one.number) for one in (ONE, TWO, THREE, BEN_SHOWN)
)
LOST = AnswerLost("net a", "ann", 2)

KEPT: dict[str, Chronicle] = {
    "each once": [*SAID, ONE, TWO, THREE],
    "two conversations cross": [*SAID, Said("b", "ben", 1), ONE, Shown("b", "ben", 1), TWO, THREE],
    "two speakers cross": [*SAID, BEN, ONE, BEN_SHOWN, TWO, THREE],
    "a room is one order": [
        *(*SAID, BEN, *SAID_IN_B),
        *(ONE, BEN_SHOWN, ONE_B, BEN_B, TWO, THREE, TWO_B, THREE_B),
    ],
    "a death excuses the last": [*SAID, ONE, TWO, Died(), TWO, THREE],
    "each death excuses one": [*SAID, ONE, Died(), ONE, Died(), ONE, TWO, THREE],
    "a lost answer excuses its own": [*SAID, ONE, TWO, LOST, TWO, THREE],
    "a cut excuses the last of its network": [*SAID, ONE, TWO, Cut("net"), TWO, THREE],
}
BROKEN: dict[str, Chronicle] = {
    "ann 2 was lost": [*SAID, ONE, THREE],
    "ben 1 was lost": [*SAID, BEN, ONE, TWO, THREE],
    "shown before ann 2": [*SAID, ONE, THREE, TWO],
    "not so in net b": [
        *(*SAID, BEN, *SAID_IN_B),
        *(ONE, BEN_SHOWN, TWO, THREE, ONE_B, TWO_B, BEN_B, THREE_B),
    ],
    "again": [*SAID, ONE, ONE, TWO, THREE],
    "again, after ann 1": [*SAID, ONE, Died(), ONE, ONE, TWO, THREE],
    "again, after ann 2": [*SAID, ONE, TWO, Died(), ONE, TWO, THREE],
    "again, after ann 3": [*SAID, ONE, TWO, Died(), THREE, TWO],
    "again, after ben 1": [*SAID, BEN, ONE, BEN_SHOWN, Died(), ONE, TWO, THREE],
    "ann 1 was shown again": [*SAID, ONE, TWO, LOST, ONE, TWO, THREE],
    "ann 2 was shown again": [*SAID, ONE, TWO, Cut("other"), TWO, THREE],
    "nobody": [*SAID, ONE, TWO, THREE, Shown("net a", "ann", 4)],
    "'who?'": [*SAID, ONE, TWO, THREE, Shown("net a", "", None, "who?")],
}


@pytest.mark.parametrize("chronicle", KEPT.values(), ids=KEPT)
def test_a_promise_that_was_kept(chronicle: Chronicle) -> None:
    assert faults(chronicle) == []


@pytest.mark.parametrize(("words", "chronicle"), BROKEN.items(), ids=BROKEN)
def test_a_promise_that_was_broken(words: str, chronicle: Chronicle) -> None:
    assert any(words in fault for fault in faults(chronicle))


def test_a_repeat_where_there_is_no_excuse() -> None:
    chronicle = [*SAID, ONE, TWO, Died(), TWO, THREE]
    assert faults(chronicle, never_twice={"net a"}) != []


def test_repeats_are_counted_excused_or_not() -> None:
    assert repeats([*SAID, ONE, TWO, Died(), TWO, THREE]) == {"net a": 1}
