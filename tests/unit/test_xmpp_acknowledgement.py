"""The two counts of XEP-0198."""

from __future__ import annotations

from protocols.xmpp.acknowledgement import Arrivals, Departure, Departures


def arrived(count: int) -> Arrivals:
    arrivals = Arrivals()
    for _ in range(count):
        arrivals.take()
    return arrivals


def departed(count: int) -> tuple[Departures, list[tuple[int, bool | None]]]:
    departures, told = Departures(), []
    for number in range(count):
        verdict = lambda handled, number=number: told.append((number, handled))  # noqa: E731
        departures.add(Departure(f"<{number}/>", verdict))
    return departures, told


def test_nothing_is_handled_before_it_is_settled() -> None:
    assert arrived(3).handled == 0


def test_only_leading_stanzas_are_handled() -> None:
    arrivals = arrived(3)
    arrivals.settle(1)
    arrivals.settle(3)
    assert arrivals.handled == 1


def test_a_gap_that_closes_counts_all() -> None:
    arrivals = arrived(3)
    for number in (3, 1, 2):
        arrivals.settle(number)
    assert arrivals.handled == 3


def test_a_question_is_answerable_when_all_before_it_is_safe() -> None:
    arrivals = arrived(1)
    arrivals.ask()
    arrivals.take()
    assert not arrivals.answerable
    arrivals.settle(1)
    assert arrivals.answerable


def test_a_late_answer_leaves_the_question_open() -> None:
    arrivals = arrived(1)
    arrivals.ask()
    arrivals.answered()
    assert arrivals.asked


def test_after_a_resumption_numbers_go_on_from_what_is_handled() -> None:
    arrivals = arrived(3)
    arrivals.settle(1)
    arrivals.rewind()
    assert arrivals.take() == 2


def test_what_is_acknowledged_is_told_in_order() -> None:
    departures, told = departed(3)
    departures.acknowledge(2)
    assert told == [(0, True), (1, True)]


def test_what_is_not_acknowledged_goes_out_again_in_order() -> None:
    departures, _ = departed(3)
    departures.acknowledge(1)
    assert list(departures.repeat()) == ["<1/>", "<2/>"]


def test_what_nobody_waits_for_any_more_is_not_repeated() -> None:
    departures = Departures()
    departures.add(given_up := Departure("<0/>"))
    departures.add(Departure("<1/>"))
    given_up.withdraw()
    assert list(departures.repeat()) == ["<1/>"]


def test_repeated_stanzas_are_counted_anew() -> None:
    departures, told = departed(2)
    departures.acknowledge(1)
    list(departures.repeat())
    departures.acknowledge(2)
    assert told == [(0, True), (1, True)]


def test_an_older_count_changes_nothing() -> None:
    departures, told = departed(2)
    departures.acknowledge(2)
    departures.acknowledge(1)
    assert told == [(0, True), (1, True)]


def test_the_count_wraps() -> None:
    departures = Departures()
    departures._acknowledged = 2**32 - 1
    departures.add(Departure("<0/>"))
    departures.acknowledge(0)
    assert len(departures) == 0


def test_a_session_that_is_gone_without_a_count_leaves_doubt() -> None:
    departures, told = departed(1)
    departures.abandon(None)
    assert told == [(0, None)]


def test_a_session_that_is_gone_with_its_count_leaves_none() -> None:
    departures, told = departed(2)
    departures.abandon(1)
    assert told == [(0, True), (1, False)]


def test_only_what_is_not_acknowledged_can_have_ended_the_stream() -> None:
    departures = Departures()
    first, second = Departure("first"), Departure("second")
    departures.add(first)
    departures.add(second)
    departures.acknowledge(1)
    departures.blame()
    assert (first.blamed, second.blamed) == (False, True)
