"""What is kept, what goes first, what is remembered, and what each person may upload."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.downloads import MEMORY, Failures
from gateway.media.shelf import Kept, Shelf
from gateway.media.uploads import AT_ONCE, OWNER_AT_ONCE, OWNER_COUNT, OWNER_SECONDS, Allowance
from gateway.vocabulary.errors import MediaError, NotSent, Refused


def shelf_of(*names: str) -> Shelf:
    return Shelf(Kept(name, 10, float(used)) for used, name in enumerate(names))


def test_the_least_recently_used_goes_first() -> None:
    shelf = shelf_of("a", "b", "c")
    shelf.use("a", 9)
    assert list(shelf.beyond(20)) == ["b"]


def test_what_was_used_last_stays_however_large() -> None:
    assert list(shelf_of("a", "b").beyond(0)) == ["a"]


def test_the_order_of_use_outlives_a_restart() -> None:
    shelf = Shelf([Kept("new", 10, 5), Kept("old", 10, 1)])
    assert list(shelf.beyond(10)) == ["old"]


def test_what_was_not_used_since_goes() -> None:
    assert list(shelf_of("a", "b", "c").before(2)) == ["a", "b"]


def test_a_file_that_is_written_again_counts_once() -> None:
    shelf = shelf_of("a", "b")
    shelf.put(Kept("a", 5, 9))
    assert (shelf.size, len(shelf)) == (15, 2)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 50), st.booleans())),
    st.integers(0, 200),
)
def test_what_is_kept_fits_and_is_counted(steps: list[tuple[str, int, bool]], limit: int) -> None:
    shelf, sizes = Shelf(), {}
    for now, (name, size, put) in enumerate(steps):
        if put:
            shelf.put(Kept(name, size, now))
            sizes[name] = size
        else:
            shelf.drop(name)
            sizes.pop(name, None)
        for gone in shelf.beyond(limit):
            del sizes[gone]
        assert shelf.size == sum(sizes.values())
        assert shelf.size <= limit or len(shelf) == 1


# Failures

GONE = MediaError("gone", "There is no such file.")
BROKEN = MediaError("gone", "Nobody answers.", again=True)


def test_what_failed_for_good_fails_at_once_for_a_while() -> None:
    failures = Failures()
    failures.learn("a", GONE, 0, patience=60)
    with pytest.raises(MediaError, match="no such file"):
        failures.check("a", MEMORY - 1)


def test_what_failed_for_good_is_tried_again_later() -> None:
    failures = Failures()
    failures.learn("a", GONE, 0, patience=60)
    failures.check("a", MEMORY)


def test_a_broken_way_is_tried_again() -> None:
    failures = Failures()
    assert failures.learn("a", BROKEN, 0, patience=60).again
    failures.check("a", 1)


def test_a_way_that_stays_broken_is_given_up() -> None:
    failures = Failures()
    tries = [failures.learn("a", BROKEN, now, patience=60).again for now in (0, 30, 59, 60)]
    assert tries == [True, True, True, False]


def test_patience_begins_anew_when_it_worked() -> None:
    failures = Failures()
    failures.learn("a", BROKEN, 0, patience=60)
    failures.forget("a")
    assert failures.learn("a", BROKEN, 60, patience=60).again


def test_an_error_says_what_becomes_of_the_message() -> None:
    assert isinstance(BROKEN.of_delivery(), NotSent)
    refused = GONE.of_delivery()
    assert isinstance(refused, Refused)
    assert refused.code == "gone"


# Allowance


def test_one_person_uploads_few_files_at_once() -> None:
    allowance = Allowance()
    with ExitStack() as running:
        for _ in range(OWNER_AT_ONCE):
            running.enter_context(allowance.uploading("ada", 0))
        with pytest.raises(MediaError), allowance.uploading("ada", 0):
            pass
        running.enter_context(allowance.uploading("bob", 0))


def test_everybody_together_uploads_not_too_many_at_once() -> None:
    allowance = Allowance()
    with ExitStack() as running:
        for number in range(AT_ONCE):
            running.enter_context(allowance.uploading(f"visitor {number}", 0))
        with pytest.raises(MediaError), allowance.uploading("ada", 0):
            pass


def test_one_person_uploads_so_many_in_a_while() -> None:
    allowance = Allowance()
    for _ in range(OWNER_COUNT):
        with allowance.uploading("ada", 0):
            pass
    with pytest.raises(MediaError) as caught, allowance.uploading("ada", OWNER_SECONDS - 1):
        pass
    assert caught.value.again
    with allowance.uploading("ada", OWNER_SECONDS):
        pass
