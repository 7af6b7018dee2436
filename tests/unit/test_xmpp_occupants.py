"""Who is in a room, as its presence tells it."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from protocols.xmpp.occupants import Change, Occupant, Room, removal_from_presence

LOBBY = "lobby@conference.example.org"


def presence(nick: str, inside: str = "", kind: str = "", item: str = "") -> Element:
    attribute = f"type='{kind}'" if kind else ""
    return ElementTree.fromstring(
        f"<presence xmlns='jabber:client' from='{LOBBY}/{nick}' {attribute}>"
        "<x xmlns='http://jabber.org/protocol/muc#user'>"
        f"<item affiliation='member' role='participant' {item}/>{inside}</x>"
        f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='id-{nick}'/></presence>"
    )


def room(*nicks: str) -> Room:
    made = Room(LOBBY, "Robo")
    for nick in nicks:
        made.take(presence(nick))
    made.take(presence("Robo", "<status code='110'/>"))
    return made


def test_who_is_there_before_us_does_not_come() -> None:
    made = Room(LOBBY, "Robo")
    assert made.take(presence("alice"))[0] is Change.NOTHING


def test_our_own_presence_ends_the_entering() -> None:
    change, _ = Room(LOBBY, "Robo").take(presence("Robo", "<status code='110'/>"))
    assert change is Change.ENTERED


def test_who_comes_after_us_comes() -> None:
    change, person = room().take(presence("alice", item="jid='Alice@example.org/phone'"))
    assert change is Change.CAME
    assert person == Occupant("alice", "id-alice", "alice@example.org", "member", "participant")


def test_another_presence_of_the_same_person_is_nothing() -> None:
    assert room("alice").take(presence("alice"))[0] is Change.NOTHING


def test_who_leaves_goes() -> None:
    assert room("alice").take(presence("alice", kind="unavailable"))[0] is Change.WENT


def test_a_new_name_is_neither_going_nor_coming() -> None:
    made = room("alice")
    renamed = presence("alice", "<status code='303'/>", "unavailable", "nick='al'")
    changes = [made.take(renamed)[0], made.take(presence("al"))[0]]
    assert changes == [Change.NOTHING, Change.NOTHING]


def test_our_own_new_name_is_ours() -> None:
    made = room()
    codes = "<status code='303'/><status code='110'/>"
    made.take(presence("Robo", codes, "unavailable", "nick='Robo2'"))
    assert (made.nick, made.joined) == ("Robo2", True)


def test_a_name_that_the_service_gave_us_is_ours() -> None:
    made = Room(LOBBY, "Robo")
    made.take(presence("robo-1", "<status code='210'/><status code='110'/>"))
    assert made.nick == "robo-1"


def test_we_are_not_among_the_others() -> None:
    assert [person.nick for person in room("alice").others()] == ["alice"]


def test_being_kicked_removes_us() -> None:
    made = room("alice")
    kick = presence("Robo", "<status code='307'/><status code='110'/>", "unavailable")
    assert made.take(kick)[0] is Change.REMOVED
    assert (made.joined, list(made.others())) == (False, [])
    assert removal_from_presence(kick) == "kicked out of the room"


def test_a_person_is_found_by_occupant_id_and_not_by_another_ones_name() -> None:
    made = room("alice")
    assert made.by_place("id-alice") is not None
    assert made.by_place("alice") is None


def message(nick: str, name: str, occupant: str = "") -> Element:
    who = f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{occupant}'/>" if occupant else ""
    return ElementTree.fromstring(
        f"<message xmlns='jabber:client' from='{LOBBY}/{nick}' id='{name}'>{who}</message>"
    )


def test_what_was_heard_is_known_again() -> None:
    made = room()
    assert [made.hear(message("alice", "m1"), 1.0) for _ in range(2)] == [True, False]


def test_the_same_id_of_another_person_is_another_message() -> None:
    made = room()
    made.hear(message("alice", "m1", "o1"), 1.0)
    assert made.hear(message("alice", "m1", "o2"), 1.0)


def test_a_message_without_an_id_is_never_known_as_new() -> None:
    assert not room().hear(message("alice", ""), 1.0)


# Whose words they are: a room that gives no occupant-ids


def nameless(*nicks: str) -> Room:
    """A room whose presences bear ids, but for our own: others have written theirs."""
    made = Room(LOBBY, "Robo")
    for nick in nicks:
        made.take(presence(nick))
    ours = presence("Robo", "<status code='110'/>")
    ours.remove(ours[-1])
    made.take(ours)
    return made


def test_where_we_are_given_no_id_nobody_is() -> None:
    made = nameless("alice")
    made.take(presence("bob"))
    assert [person.id for person in made.others()] == [None, None]


def test_where_ids_are_given_everybody_may_change_what_they_say() -> None:
    assert room("alice").may_change("alice", "m1")


def test_without_ids_who_said_something_may_change_it() -> None:
    made = nameless("alice")
    made.heard_from("alice", "s1", "m1")
    assert made.may_change("alice", "m1")
    assert made.may_change("alice", "s1")


def test_without_ids_who_took_the_name_may_not() -> None:
    made = nameless("alice")
    made.heard_from("alice", "m1")
    made.take(presence("alice", kind="unavailable"))
    made.take(presence("alice"))
    assert not made.may_change("alice", "m1")


def test_without_ids_words_go_with_who_takes_another_name() -> None:
    made = nameless("alice")
    made.heard_from("alice", "m1")
    made.take(presence("alice", "<status code='303'/>", "unavailable", "nick='al'"))
    made.take(presence("al"))
    made.take(presence("alice"))
    assert made.may_change("al", "m1")
    assert not made.may_change("alice", "m1")


def test_without_ids_nothing_is_known_after_we_were_out() -> None:
    made = nameless("alice")
    made.heard_from("alice", "m1")
    made.leave()
    assert not made.may_change("alice", "m1")
