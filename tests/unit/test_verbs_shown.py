"""What the verbs print: lines for people, pure functions of what the gateway answered."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import run
from gateway.delivery.pace import Pace
from gateway.delivery.server import Limits, Rate
from gateway.verbs.broadcast import bar, fitted
from gateway.verbs.queue import duration_from_seconds, line_from_account, lines_from_queue
from gateway.verbs.status import cells_from_account

NOON = time.mktime((2026, 7, 1, 12, 0, 0, 0, 0, -1))


def account(**found: Any) -> dict[str, Any]:
    """What the gateway answers of an account."""
    return {
        "account": "telegram:default",
        "queued": 0,
        "unhandled": 0,
        "asked": 0,
        "held": {},
        "oldest": NOON - 250,
        "state": "connected",
        "detail": "",
        "ledger": "",
        "held_until": None,
        "held_chats": 0,
        "held_chats_until": None,
        **found,
    }


LINES = [
    ({}, ""),
    ({"asked": 3}, ""),
    ({"queued": 2}, "telegram: 2 queued, on its way (oldest: 4 min)"),
    (
        {"queued": 812, "held_until": NOON + 250},
        "telegram: 812 queued, flood limit until 12:04:10 (oldest: 4 min)",
    ),
    (
        {"queued": 2, "held_chats": 1, "held_chats_until": NOON + 250},
        "telegram: 2 queued, flood limit of 1 chat until 12:04:10 (oldest: 4 min)",
    ),
    (
        {"queued": 2, "held_chats": 4, "held_chats_until": NOON + 250},
        "telegram: 2 queued, flood limit of 4 chats until 12:04:10 (oldest: 4 min)",
    ),
    (
        {"account": "xmpp:shop", "queued": 3, "state": "reconnecting"},
        "xmpp.shop: 3 queued, reconnecting (oldest: 4 min)",
    ),
    (
        {"queued": 1, "state": "refused", "detail": "bad token"},
        "telegram: 1 queued, refused: bad token (oldest: 4 min)",
    ),
    (
        {"unhandled": 5, "held_until": NOON + 9},
        "telegram: 5 to be handled, on its way (oldest: 4 min)",
    ),
    (
        {"account": "xmpp:default", "held": {"the archive of den@rooms": 12}},
        "xmpp: 12 arrivals wait for the archive of den@rooms (oldest: 4 min)",
    ),
    (
        {"queued": 2, "held": {"the archive of a@b": 1, "the archive of c@d": 3}},
        "telegram: 2 queued, on its way, 1 arrival waits for the archive of a@b,"
        " 3 arrivals wait for the archive of c@d (oldest: 4 min)",
    ),
    (
        {"held": {"the archive of a@b": 2}, "state": "reconnecting"},
        "telegram: reconnecting, 2 arrivals wait for the archive of a@b (oldest: 4 min)",
    ),
    (
        {"queued": 1, "unhandled": 5, "ledger": "disk full"},
        "telegram: 1 queued, 5 to be handled, the ledger is away: disk full (oldest: 4 min)",
    ),
    (
        {"queued": 1, "state": "refused", "detail": "bad token\n\x1b[31m\tsorry"},
        "telegram: 1 queued, refused: bad token  [31m sorry (oldest: 4 min)",
    ),
]


@pytest.mark.parametrize(("found", "line"), LINES)
def test_a_line_says_what_waits_and_why(found: dict[str, Any], line: str) -> None:
    assert line_from_account(account(**found), NOON) == line


def test_where_nothing_waits_it_is_said_unless_the_ledger_is_away() -> None:
    assert lines_from_queue([account(), account()], NOON) == ["nothing waits"]
    away = [account(ledger="disk full"), account(ledger="disk full")]
    assert lines_from_queue(away, NOON) == ["nothing is taken in: the ledger is away: disk full"]


@pytest.mark.parametrize(
    ("detail", "error", "unknown", "said"),
    [
        ("as bot@a", "", 0, "as bot@a"),
        ("as bot@a", "cut off", 0, "as bot@a; last error: cut off"),
        ("cut off", "cut off", 0, "cut off"),
        ("", "cut\noff", 0, "last error: cut off"),
        ("as bot@a", "cut off", 3, "as bot@a; last error: cut off; sends of unknown fate: 3"),
    ],
)
def test_what_is_past_is_told_from_what_is_now(
    detail: str, error: str, unknown: int, said: str
) -> None:
    account = {"account": "xmpp:default", "state": "connected"}
    found = account | {"detail": detail, "error": error, "unknown": unknown}
    assert cells_from_account(found) == ("xmpp:default", "connected", said)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_a_duration_is_shown_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert duration_from_seconds(seconds) == shown


@pytest.mark.parametrize(
    ("members", "have", "failed", "drawn"),
    [
        (0, 0, 0, f"[{'-' * 24}]  0 of 0"),
        (4, 1, 0, f"[{'#' * 6}{'-' * 18}]  1 of 4"),
        (4, 2, 1, f"[{'#' * 18}{'-' * 6}]  2 of 4, 1 failed"),
        (4, 4, 0, f"[{'#' * 24}]  4 of 4"),
    ],
)
def test_the_bar_grows_with_what_is_done(members: int, have: int, failed: int, drawn: str) -> None:
    assert bar({"members": members, "have": have, "failed": failed}) == drawn


@pytest.mark.parametrize(
    ("line", "columns", "drawn"),
    [
        ("1234567", 8, "1234567"),
        ("12345678", 8, "123456…"),
        ("1234", 0, "1234"),
        ("漢字漢", 6, "漢字…"),
    ],
)
def test_what_is_drawn_over_itself_stays_in_its_line(line: str, columns: int, drawn: str) -> None:
    assert fitted(line, columns) == drawn


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dead", "retry"], "name one or more ids, or give --all"),
        (["dead", "drop", "1", "--all"], "name one or more ids, or give --all"),
        (["dead", "drop", "1"], "add -y to drop 1"),
        (["broadcast", "lobby"], "give a room and a text, or --watch with an id"),
        (["broadcast", "lobby", "hi", "--watch", "lobby#1"], "give a room and a text, or --watch"),
    ],
)
def test_a_verb_that_lacks_something_is_wrong(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    ["queue", "dead list", "dead show 1", "dead retry 1", "dead drop 1 -y", "broadcast lobby hi"],
)
def test_a_verb_without_a_gateway_fails_in_a_sentence(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(line.split()) == 1
    assert "no gateway is running here" in capsys.readouterr().err


# Who yields at the account's bucket


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    """An account of ten a second."""
    return Pace(Limits(account=Rate(10, 1)), clock)


def test_what_yields_leaves_half_of_the_bucket(pace: Pace) -> None:
    taken = 0
    while pace.wait("a", group=False, yields=True) == 0:
        pace.take("a", group=False)
        taken += 1
    assert (taken, pace.wait("b", group=False)) == (5, 0)


def test_what_yields_waits_while_others_wait(pace: Pace, clock: Clock) -> None:
    for _ in range(10):
        pace.take("a", group=False)
    clock.now = pace.wait("b", group=False)
    assert pace.wait("b", group=False) == 0 < pace.wait("a", group=False, yields=True)


def test_what_yields_goes_as_fast_as_the_rate_when_nobody_else_does(
    pace: Pace, clock: Clock
) -> None:
    for _ in range(100):
        clock.now += pace.wait("a", group=False, yields=True)
        pace.take("a", group=False)
    assert clock.now == pytest.approx(9.5)


def test_what_yields_goes_at_last_from_a_bucket_of_one(clock: Clock) -> None:
    pace = Pace(Limits(account=Rate(1, 1)), clock)
    assert pace.wait("a", group=False, yields=True) == 0


def test_what_a_network_asked_for_is_over_in_time(pace: Pace, clock: Clock) -> None:
    pace.hold(5)
    pace.hold(9, "a")
    before = pace.held
    clock.now = 6
    assert (before.account, pace.held.account, pace.held.chats, pace.held.longest) == (5, 0, 1, 3)
