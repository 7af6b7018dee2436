"""How much of what was missed is taken."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.server import Arrival
from protocols.xmpp.gap import Gap
from protocols.xmpp.identity import Identity, facts_from_place
from protocols.xmpp.past import Place

US = Identity("default", "bot@example.org", "Robo")
ADA = "ada@example.org"


def arrival(kind: str = "message") -> Arrival:
    event: dict[str, Any] = {"type": f"xmpp.{kind}"}
    return Arrival(US.key(ADA), facts_from_place(ADA, US, None), event, None)


def gap(most: int, *items: Arrival | None) -> Gap:
    made = Gap(most)
    for number, item in enumerate(items):
        made.take(Place(str(number), float(number)), item)
    return made


def test_within_the_bound_nothing_is_passed_over() -> None:
    made = gap(2, arrival(), arrival())
    assert (made.skipped, made.passed) == (0, None)


def test_the_oldest_are_passed_over() -> None:
    made = gap(2, arrival(), arrival(), arrival())
    assert made.passed == Place("0", 0.0)


def test_only_messages_of_people_are_counted() -> None:
    assert gap(0, arrival(), arrival("stanza"), None).skipped == 1


def test_what_is_nothing_to_us_takes_no_room() -> None:
    assert gap(1, arrival(), None, None).skipped == 0


def test_the_end_is_the_last_message_whatever_it_was() -> None:
    assert gap(1, arrival(), None).last == Place("1", 1.0)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 7))
def test_what_is_kept_and_what_is_passed_over_is_everything(
    count: int, most: int, size: int
) -> None:
    made = gap(most, *[arrival() for _ in range(count)])
    portions = list(made.portions(size))
    assert sum(len(items) for _, items in portions) + made.skipped == count
    assert all(len(items) <= size for _, items in portions)
