"""Stanzas to arrivals, and events to stanzas."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vocabulary.errors import Delayed, NotSent, Refused
from gateway.vocabulary.text import clean
from protocols.xmpp.identity import Identity, author_from_occupant, facts_from_place, place_from_key
from protocols.xmpp.occupants import Occupant, Room
from protocols.xmpp.stanzas import id_from_ref, stanza_from_event, stanza_from_xml
from protocols.xmpp.translate import (
    Invitation,
    arrival_from_stanza,
    event_from_stanza,
    invitation_from_stanza,
    outcome_from_error,
)

US = Identity("default", "bot@example.org", "Robo")
NOW = 1_700_000_000.0
LOBBY = "lobby@conference.example.org"

any_text = st.text(st.characters(exclude_categories=()))


def parse(xml: str) -> Element:
    return ElementTree.fromstring(xml.replace(" ", " xmlns='jabber:client' ", 1))


def lobby(**occupants: Occupant) -> Room:
    return Room(LOBBY, "Robo", joined=True, occupants=dict(occupants))


def event(xml: str, room: Room | None = None) -> dict[str, Any]:
    found = event_from_stanza(parse(xml), US, room, NOW)
    assert found is not None
    return found


def chat(inside: str, attributes: str = "id='m1'") -> str:
    return f"<message from='alice@example.org/phone' type='chat' {attributes}>{inside}</message>"


def groupchat(inside: str, nick: str = "alice") -> str:
    return f"<message from='{LOBBY}/{nick}' type='groupchat' id='m1'>{inside}</message>"


# What is said


@given(any_text)
def test_text_comes_back_as_it_was_cleaned(text: str) -> None:
    sent = stanza_from_event({"text": text}, to="bot@example.org", kind="chat", name="n")
    assert event(sent.replace(" ", " from='alice@example.org' ", 1))["text"] == clean(text)


@given(any_text)
def test_an_address_and_an_id_cannot_break_out_of_their_quotes(text: str) -> None:
    sent = parse(stanza_from_event({"text": "x"}, to=text, kind="chat", name=text))
    assert (sent.get("to"), sent.get("id")) == (clean(text), clean(text))


@given(any_text)
def test_a_made_id_is_safe_and_the_same_again(ref: str) -> None:
    name = id_from_ref(ref)
    assert name == id_from_ref(ref)
    assert re.fullmatch("[!-~]{1,128}", name)


def test_a_ref_that_is_safe_is_the_id() -> None:
    assert id_from_ref("web:1/2-3") == "web:1/2-3"


def test_a_message_bears_its_id_as_origin_id_too() -> None:
    sent = parse(stanza_from_event({"text": "x"}, to="a@b", kind="chat", name="n1"))
    origin = sent.find("{urn:xmpp:sid:0}origin-id")
    assert origin is not None
    assert origin.get("id") == sent.get("id") == "n1"


@pytest.mark.parametrize(
    "xml",
    [
        "<stream/>",
        "<message></message><message/>",
        "</stream:stream>",
        "<!DOCTYPE x><message/>",
        "<message><!-- x --></message>",
        "<message>&unknown;</message>",
        "<message>\ud800</message>",
        "<message xmlns='jabber:server'/>",
        "x" * 70_000,
    ],
)
def test_a_stanza_that_could_break_the_stream_is_refused(xml: str) -> None:
    with pytest.raises(Refused):
        stanza_from_xml(xml)


# Who and where


def test_a_private_chat_is_the_bare_jid() -> None:
    arrival = arrival_from_stanza(parse(chat("<body>hi</body>")), US, None, NOW)
    assert arrival is not None
    assert arrival.conversation == "xmpp:default:alice@example.org"
    assert arrival.facts["user"] == arrival.event["author"]
    assert arrival.event["author"]["id"] == "xmpp:alice@example.org"


def test_a_room_is_one_conversation() -> None:
    arrival = arrival_from_stanza(parse(groupchat("<body>hi</body>")), US, lobby(), NOW)
    assert arrival is not None
    assert arrival.conversation == f"xmpp:default:{LOBBY}"
    assert arrival.facts["chat"]["kind"] == "group"
    assert arrival.facts["user"] is None


def test_a_private_message_in_a_room_is_named_by_the_occupant_id() -> None:
    xml = (
        f"<message from='{LOBBY}/alice' type='chat'><body>hi</body>"
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/></message>"
    )
    arrival = arrival_from_stanza(parse(xml), US, lobby(), NOW)
    assert arrival is not None
    assert arrival.conversation == f"xmpp:default:{LOBBY}/o1"
    assert arrival.event["author"]["private"] == arrival.conversation
    assert arrival.facts["chat"]["kind"] == "private"


def test_an_author_in_a_room_is_the_occupant_id() -> None:
    said = "<body>hi</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/>"
    assert event(groupchat(said), lobby())["author"]["id"] == f"xmpp:{LOBBY}/o1"


def test_an_author_without_an_occupant_id_is_the_nick() -> None:
    assert event(groupchat("<body>hi</body>"), lobby())["author"]["id"] == f"xmpp:{LOBBY}/alice"


def test_our_own_server_may_name_anybody() -> None:
    author = author_from_occupant(Occupant("al", "o1", "alice@else.net"), US, lobby())
    assert author["id"] == "xmpp:alice@else.net"


def test_a_foreign_service_may_name_the_accounts_of_its_domain() -> None:
    room = Room("den@muc.else.net", "Robo")
    author = author_from_occupant(Occupant("al", "o1", "alice@else.net"), US, room)
    assert author["id"] == "xmpp:alice@else.net"


def test_a_foreign_service_cannot_name_one_of_ours() -> None:
    room = Room("den@muc.evil.net", "Robo")
    author = author_from_occupant(Occupant("boss", "o1", "admin@example.org"), US, room)
    assert author["id"] == "xmpp:den@muc.evil.net/o1"


def test_the_room_itself_is_a_chat_that_speaks() -> None:
    xml = f"<message from='{LOBBY}' type='groupchat'><body>notice</body></message>"
    assert event(xml, lobby())["author"] | {"name": ""} == {
        "id": f"xmpp:{LOBBY}",
        "name": "",
        "handle": None,
        "kind": "chat",
        "private": None,
    }


def test_facts_of_a_room_have_its_title() -> None:
    room = lobby()
    room.title = "The\nLobby"
    assert facts_from_place(LOBBY, US, room)["chat"]["title"] == "The Lobby"


@pytest.mark.parametrize("key", ["telegram:default:1", "xmpp:default:", "xmpp", "xmpp:d:/x"])
def test_another_protocols_key_is_no_place(key: str) -> None:
    with pytest.raises(ValueError, match="conversation"):
        place_from_key(key)


# Which message


def test_the_rooms_stanza_id_is_the_native_and_the_delivery_id() -> None:
    xml = groupchat(f"<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='{LOBBY}' id='s1'/>")
    arrival = arrival_from_stanza(parse(xml), US, lobby(), NOW)
    assert arrival is not None
    assert (arrival.event["id"], arrival.delivery) == ("s1", f"{LOBBY} s1")


def test_a_stanza_id_by_somebody_else_counts_for_nothing() -> None:
    forged = "<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='eve@example.org' id='s1'/>"
    arrival = arrival_from_stanza(parse(chat(forged)), US, None, NOW)
    assert arrival is not None
    assert (arrival.event["id"], arrival.delivery) == ("m1", None)


def test_the_origin_id_goes_before_the_message_id() -> None:
    assert event(chat("<body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/>"))["id"] == "o"


def test_a_message_without_any_id_gets_one() -> None:
    assert event(chat("<body>x</body>", ""))["id"]


def test_a_delayed_message_was_said_when_it_was_said() -> None:
    delay = "<delay xmlns='urn:xmpp:delay' stamp='2001-02-03T04:05:06Z'/>"
    assert event(chat(f"<body>x</body>{delay}"))["at"] == 981173106.0


@pytest.mark.parametrize("stamp", ["", "yesterday", "2999-01-01T00:00:00Z"])
def test_a_stamp_that_cannot_be_is_now(stamp: str) -> None:
    delay = f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>"
    assert event(chat(f"<body>x</body>{delay}"))["at"] == NOW


# What kind


def test_a_reply_loses_the_quotation_for_old_clients() -> None:
    found = event(
        chat(
            "<body>&gt; hi\nyes</body><reply xmlns='urn:xmpp:reply:0' id='r1'/>"
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
            "<body start='0' end='5'/></fallback>"
        )
    )
    assert (found["text"], found["reply_to"]) == ("yes", "r1")


@pytest.mark.parametrize("span", ["start='9' end='3'", "start='0' end='99'", "end='-1'", ""])
def test_a_quotation_that_cannot_be_leaves_the_text(span: str) -> None:
    found = event(
        chat(
            "<body>yes</body><reply xmlns='urn:xmpp:reply:0' id='r1'/>"
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"
            f"<body {span}/></fallback>"
        )
    )
    assert found["text"] == "yes"


def test_composing_is_typing() -> None:
    xml = chat("<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    assert event(xml)["type"] == "xmpp.typing"


def test_small_talk_is_no_event() -> None:
    xml = chat("<received xmlns='urn:xmpp:receipts' id='x'/>")
    assert event_from_stanza(parse(xml), US, None, NOW) is None


def test_what_has_no_common_kind_is_a_stanza() -> None:
    found = event(chat("<ping xmlns='urn:example'/>"))
    assert found["type"] == "xmpp.stanza"
    assert "urn:example" in found["xml"]


def test_our_name_is_stripped_from_a_command() -> None:
    assert event(chat("<body>/order@robo two</body>"))["text"] == "/order two"


def test_a_command_for_another_bot_is_foreign() -> None:
    found = event(chat("<body>/order@other two</body>"))
    assert (found["text"], found["foreign"]) == ("/order@other two", True)


def test_an_invitation_by_the_room() -> None:
    xml = (
        f"<message from='{LOBBY}'><x xmlns='http://jabber.org/protocol/muc#user'>"
        "<invite from='a@b'/><password>p</password></x></message>"
    )
    assert invitation_from_stanza(parse(xml)) == Invitation(LOBBY, "p")


def test_an_invitation_by_a_person() -> None:
    xml = chat(f"<x xmlns='jabber:x:conference' jid='{LOBBY}'/>")
    assert invitation_from_stanza(parse(xml)) == Invitation(LOBBY, None)


@pytest.mark.parametrize("jid", ["", "example.org", "a@b/c", "@b", "a@"])
def test_an_invitation_to_no_room_is_none(jid: str) -> None:
    xml = chat(f"<x xmlns='jabber:x:conference' jid='{jid}'/>")
    assert invitation_from_stanza(parse(xml)) is None


# What became of it


def error(condition: str, kind: str = "cancel") -> Element:
    return parse(
        f"<message type='error'><error type='{kind}'>"
        f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    )


def test_not_being_in_the_room_is_not_sent() -> None:
    assert isinstance(outcome_from_error(error("not-acceptable")), NotSent)


def test_wait_is_a_delay() -> None:
    outcome = outcome_from_error(error("resource-constraint", "wait"))
    assert isinstance(outcome, Delayed)


@pytest.mark.parametrize(
    ("condition", "code"),
    [("item-not-found", "not_found"), ("forbidden", "forbidden"), ("undefined", "refused")],
)
def test_other_errors_refuse_with_a_code(condition: str, code: str) -> None:
    outcome = outcome_from_error(error(condition))
    assert isinstance(outcome, Refused)
    assert outcome.code == code
