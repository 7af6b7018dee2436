"""The checker of the torture suite finds each breach that it is there for."""

from __future__ import annotations

import pytest

from checker import AnswerLost, Chronicle, Died, Said, Shown, faults

SAID = (Said("a", 1), Said("a", 2), Said("a", 3))
ONE, TWO, THREE = (Shown("a", number) for number in (1, 2, 3))

KEPT: dict[str, Chronicle] = {
    "each once": [*SAID, ONE, TWO, THREE],
    "two conversations cross": [*SAID, Said("b", 1), ONE, Shown("b", 1), TWO, THREE],
    "a death excuses the last": [*SAID, ONE, TWO, Died(), TWO, THREE],
    "each death excuses one": [*SAID, ONE, Died(), ONE, Died(), ONE, TWO, THREE],
    "a lost answer excuses its own": [*SAID, ONE, TWO, AnswerLost("a", 2), TWO, THREE],
}
BROKEN: dict[str, Chronicle] = {
    "lost": [*SAID, ONE, THREE],
    "shown before": [*SAID, ONE, THREE, TWO],
    "again": [*SAID, ONE, ONE, TWO, THREE],
    "again, after 1": [*SAID, ONE, Died(), ONE, ONE, TWO, THREE],
    "again, after 2": [*SAID, ONE, TWO, Died(), ONE, TWO, THREE],
    "again, after 3": [*SAID, ONE, TWO, Died(), THREE, TWO],
    "nobody": [*SAID, ONE, TWO, THREE, Shown("a", 4)],
}


@pytest.mark.parametrize("chronicle", KEPT.values(), ids=KEPT)
def test_a_promise_that_was_kept(chronicle: Chronicle) -> None:
    assert faults(chronicle) == []


@pytest.mark.parametrize(("words", "chronicle"), BROKEN.items(), ids=BROKEN)
def test_a_promise_that_was_broken(words: str, chronicle: Chronicle) -> None:
    assert any(words in fault for fault in faults(chronicle))
