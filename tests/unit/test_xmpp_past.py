"""What an archive holds, and who said it."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.identity import Identity
from protocols.xmpp.occupants import Occupant, Room
from protocols.xmpp.past import (
    Place,
    note_from_place,
    page_from_fin,
    place_from_note,
    query,
    result_from_stanza,
    room_as_of,
    said_by_us,
)
from protocols.xmpp.translate import arrival_from_stanza

NOW = 1_700_000_000.0
LOBBY = "lobby@conference.example.org"
US = Identity("default", "bot@example.org", "Robo")


def parse(xml: str) -> Element:
    return ElementTree.fromstring(xml)


def result(inside: str, stamp: str = "2023-11-01T00:00:00Z") -> Element:
    return parse(
        f"<message xmlns='jabber:client' from='{LOBBY}'>"
        "<result xmlns='urn:xmpp:mam:2' id='a1' queryid='q'><forwarded xmlns='urn:xmpp:forward:0'>"
        f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>{inside}</forwarded></result></message>"
    )


def said(inside: str = "<body>hello</body>", nick: str = "alice") -> str:
    return (
        f"<message xmlns='jabber:client' type='groupchat' from='{LOBBY}/{nick}' id='m1'>"
        f"{inside}</message>"
    )


def by(occupant: str) -> str:
    return f"<body>hello</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{occupant}'/>"


def lobby(*people: Occupant) -> Room:
    return Room(LOBBY, "Robo", joined=True, occupants={person.nick: person for person in people})


def message(inside: str, nick: str = "alice") -> Element:
    return parse(said(inside, nick))


@given(st.text(), st.floats(0, 1e10))
def test_a_place_comes_back_from_its_note(identity: str, at: float) -> None:
    assert place_from_note(note_from_place(Place(identity, at))) == Place(identity, at)


def test_without_a_note_there_is_no_place() -> None:
    assert place_from_note(None) is None


def test_a_page_is_asked_for_after_an_id() -> None:
    asked = ElementTree.tostring(query("q", after="<a&1>", start=None, newest=False))
    assert b"&lt;a&amp;1&gt;</" in asked


def test_a_page_is_asked_for_from_a_time_on() -> None:
    asked = ElementTree.tostring(query("q", after=None, start=NOW, newest=False))
    assert b"2023-11-14T22:13:20Z" in asked


def test_a_past_message_bears_the_archives_id() -> None:
    found = result_from_stanza(LOBBY, result(said()), NOW)
    arrival = arrival_from_stanza(found.message, US, lobby(), NOW) if found else None
    assert arrival is not None
    assert (arrival.event["id"], arrival.delivery) == ("a1", f"{LOBBY} a1")


def test_an_id_that_a_past_message_claims_is_not_believed() -> None:
    claim = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{LOBBY}' id='forged'/><body>hello</body>"
    found = result_from_stanza(LOBBY, result(said(claim)), NOW)
    assert found is not None
    arrival = arrival_from_stanza(found.message, US, lobby(), NOW)
    assert arrival is not None
    assert arrival.delivery == f"{LOBBY} a1"


def test_a_past_message_was_said_when_the_archive_says() -> None:
    found = result_from_stanza(LOBBY, result(said()), NOW)
    arrival = arrival_from_stanza(found.message, US, lobby(), NOW) if found else None
    assert arrival is not None
    assert arrival.event["at"] == 1_698_796_800.0


@pytest.mark.parametrize("inside", ["", "<presence xmlns='jabber:client'/>", "<message/>"])
def test_what_holds_no_message_is_no_result(inside: str) -> None:
    assert result_from_stanza(LOBBY, result(inside), NOW) is None


def test_a_stamp_that_cannot_be_read_counts_as_now() -> None:
    found = result_from_stanza(LOBBY, result(said(), stamp="yesterday"), NOW)
    assert found is not None
    assert found.at == NOW


def test_the_nick_of_a_past_message_may_be_somebody_elses_now() -> None:
    room = lobby(Occupant("alice", "id-alice", "alice@example.org"))
    then = room_as_of(room, message(by("id-eve")))
    assert then.occupants["alice"] == Occupant("alice", "id-eve")


def test_a_past_author_who_is_here_under_another_nick_is_known() -> None:
    room = lobby(Occupant("Alice!", "id-alice", "alice@example.org"))
    then = room_as_of(room, message(by("id-alice")))
    assert then.occupants["alice"] == Occupant("alice", "id-alice", "alice@example.org")


@pytest.mark.parametrize(
    ("inside", "nick", "ours"),
    [
        (by("id-robo"), "Robo", True),
        (by("id-robo"), "Robo_", True),
        (by("id-alice"), "alice", False),
        (by("id-alice"), "Robo", False),
        (by("id-of-a-former-room"), "Robo", True),
        ("<body>hello</body>", "Robo", True),
        ("<body>hello</body>", "alice", False),
    ],
)
def test_our_own_past_words_are_known_by_the_occupant_id_and_by_our_name(
    inside: str, nick: str, ours: bool
) -> None:
    room = lobby(Occupant("Robo", "id-robo"), Occupant("alice", "id-alice"))
    assert said_by_us(message(inside, nick), room) is ours


def test_a_page_ends_where_the_archive_says() -> None:
    fin = parse(
        "<fin xmlns='urn:xmpp:mam:2' complete='true'>"
        "<set xmlns='http://jabber.org/protocol/rsm'><last>a9</last></set></fin>"
    )
    page = page_from_fin(fin, ())
    assert (page.last, page.complete) == ("a9", True)


def test_a_page_with_nothing_in_it_is_the_last() -> None:
    assert page_from_fin(parse("<fin xmlns='urn:xmpp:mam:2'/>"), ()).complete
