"""How long to stay away after a connection ended."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.backoff import AT_ONCE, FIRST, LONGEST, Backoff


def test_after_a_session_there_is_no_pause() -> None:
    backoff = Backoff()
    assert [backoff.after(session=True, now=100.0 + n) for n in range(10)] == [0.0] * 10


def test_pauses_grow_while_no_session_comes_about() -> None:
    backoff = Backoff()
    pauses = [backoff.after(session=False, now=100.0 + n) for n in range(4)]
    assert pauses == [FIRST, FIRST * 2, FIRST * 4, FIRST * 8]


def test_a_session_makes_pauses_short_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(session=False, now=100.0)
    backoff.after(session=True, now=101.0)
    assert backoff.after(session=False, now=102.0) == FIRST


def test_sessions_that_end_at_once_again_and_again_are_failures() -> None:
    backoff = Backoff()
    pauses = [backoff.after(session=True, now=100.0) for _ in range(int(AT_ONCE) + 3)]
    assert pauses[-3:] == [FIRST, FIRST * 2, FIRST * 4]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=200))
def test_there_is_never_a_hot_loop_nor_a_pause_without_end(ends: list[tuple[bool, float]]) -> None:
    backoff, now, at_once = Backoff(), 1000.0, 0
    for session, lasted in ends:
        now += lasted
        pause = backoff.after(session=session, now=now)
        at_once += pause == 0
        now += pause
        assert 0 <= pause <= LONGEST
    assert at_once <= AT_ONCE + (now - 1000.0) / 3 + 1
