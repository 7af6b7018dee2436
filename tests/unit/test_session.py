"""The persisted dictionary: one overlay for each event in hand."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.delivery.session import Session


class Hand:
    event: str | None = "e1"


@pytest.fixture
def kept() -> dict[str, Any]:
    return {"count": 1, "list": [1]}


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def session(kept: dict[str, Any], hand: Hand) -> Session:
    return Session(kept, lambda: hand.event)


def test_what_is_kept_is_read(session: Session) -> None:
    assert session["count"] == 1


def test_a_change_is_read_by_its_own_event(session: Session) -> None:
    session["count"] = 2
    assert session["count"] == 2


def test_a_change_is_not_read_by_another_event(session: Session, hand: Hand) -> None:
    session["count"] = 2
    hand.event = "e2"
    assert session["count"] == 1


def test_a_change_is_kept_when_its_event_is_handled(session: Session, hand: Hand) -> None:
    session["count"] = 2
    assert session.take("e1") == {"count": 2}
    hand.event = "e2"
    assert session["count"] == 2


def test_a_value_changed_in_place_is_a_change(session: Session, kept: dict[str, Any]) -> None:
    session["list"].append(2)
    assert kept["list"] == [1]
    assert session.take("e1") == {"list": [1, 2]}


def test_reading_is_no_change(session: Session) -> None:
    assert session["list"] == [1]
    assert session.take("e1") == {}


def test_a_key_that_is_deleted_is_gone(session: Session) -> None:
    del session["count"]
    assert "count" not in session
    assert list(session) == ["list"]


def test_a_deletion_is_kept_as_none(session: Session) -> None:
    del session["count"]
    assert session.take("e1") == {"count": None}


def test_an_absent_key_is_an_error(session: Session) -> None:
    with pytest.raises(KeyError):
        session["absent"]


def test_an_absent_key_cannot_be_deleted(session: Session) -> None:
    with pytest.raises(KeyError):
        del session["absent"]


def test_it_counts_what_is_there(session: Session) -> None:
    session["new"] = 1
    assert len(session) == 3
