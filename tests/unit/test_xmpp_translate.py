"""Stanzas to arrivals."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from gateway.vocabulary.errors import Delayed, NotSent, Refused
from protocols.xmpp.encryption import encryption_of_stanza
from protocols.xmpp.identity import Identity, author_from_occupant, facts_from_place, place_from_key
from protocols.xmpp.invitations import Invitation, invitation_from_stanza
from protocols.xmpp.occupants import Occupant, Room
from protocols.xmpp.outcomes import outcome_from_error
from protocols.xmpp.translate import arrival_from_stanza, event_from_stanza

US = Identity("default", "bot@example.org", "Robo")
NOW = 1_700_000_000.0
LOBBY = "lobby@conference.example.org"


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


def test_where_the_room_gives_no_ids_a_written_one_counts_for_nothing() -> None:
    room = lobby()
    room.identifies = False
    forged = "<body>hi</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='bob'/>"
    assert event(groupchat(forged), room)["author"]["id"] == f"xmpp:{LOBBY}/alice"


def test_where_the_room_gives_no_ids_a_name_alone_changes_nothing() -> None:
    room = lobby()
    room.identifies = False
    for inside in (f"<body>x</body>{REPLACE}", RETRACT.format("", "")):
        assert event_from_stanza(parse(groupchat(inside)), US, room, NOW) is None


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


def test_in_private_a_message_is_called_as_its_sender_calls_it() -> None:
    archived = f"<stanza-id xmlns='urn:xmpp:sid:0' by='{US.jid}' id='s1'/>"
    arrival = arrival_from_stanza(parse(chat(f"<body>x</body>{archived}")), US, None, NOW)
    assert arrival is not None
    assert (arrival.event["id"], arrival.delivery) == ("m1", f"{US.jid} s1")


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


def about(xml: str, room: Room | None = None) -> dict[str, Any]:
    """An event but for who did it, and when."""
    found = event(xml, room)
    return {name: found[name] for name in found if name not in ("author", "at")}


REPLACE = "<replace xmlns='urn:xmpp:message-correct:0' id='m0'/>"
RETRACT = "<retract xmlns='urn:xmpp:message-retract:1' id='s0'{}>{}</retract>"
MODERATED = "<moderated xmlns='urn:xmpp:message-moderate:1'/>"
OLD = "<apply-to xmlns='urn:xmpp:fasten:0' id='s0'>{}</apply-to>"
OLD_RETRACT = "<retract xmlns='urn:xmpp:message-retract:0'/>"
OLD_MODERATED = f"<moderated xmlns='urn:xmpp:message-moderate:0'>{OLD_RETRACT}</moderated>"
DELETED = {"type": "xmpp.delete", "id": "s0", "origin_id": "s0"}
REACTIONS = "<reactions xmlns='urn:xmpp:reactions:0' id='s0'>{}</reactions>"


def from_room(inside: str) -> str:
    return f"<message from='{LOBBY}' type='groupchat'>{inside}</message>"


def test_a_correction_is_an_edit_of_what_its_author_calls_so() -> None:
    found = about(chat(f"<body>new</body>{REPLACE}"))
    edit = {"type": "xmpp.edit", "id": "m0", "origin_id": "m0", "text": "new"}
    assert found == edit | {"attachments": [], "reply_to": None}


def test_a_correction_without_words_is_no_event() -> None:
    found = event_from_stanza(parse(chat(f"{REPLACE}<body/>")), US, None, NOW)
    assert found is None or found["type"] == "xmpp.stanza"


def test_a_message_has_the_id_that_its_corrections_go_by() -> None:
    assert event(chat("<body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/>"))["origin_id"] == (
        "m1"
    )


@pytest.mark.parametrize(
    "inside",
    [
        RETRACT.format("", ""),
        RETRACT.format("", "") + "<body>/me took it back</body>",
        OLD.format(OLD_RETRACT),
    ],
)
def test_a_retraction_is_a_delete_by_its_author(inside: str) -> None:
    assert about(groupchat(inside), lobby()) == DELETED


@pytest.mark.parametrize("inside", [RETRACT.format("", MODERATED), OLD.format(OLD_MODERATED)])
def test_what_the_room_takes_away_is_moderated(inside: str) -> None:
    assert about(from_room(inside), lobby()) == DELETED | {"moderated": True}


@pytest.mark.parametrize("inside", [RETRACT.format("", MODERATED), OLD.format(OLD_MODERATED)])
@pytest.mark.parametrize("body", ["", "<body>words for others</body>"])
def test_nobody_but_the_room_moderates(inside: str, body: str) -> None:
    assert event_from_stanza(parse(groupchat(inside + body)), US, lobby(), NOW) is None
    assert event_from_stanza(parse(chat(inside + body)), US, None, NOW) is None


def test_what_the_archive_shows_in_place_of_a_retracted_message_is_no_event() -> None:
    gone = "<retracted xmlns='urn:xmpp:message-retract:1' stamp='2026-01-01T00:00:00Z'/>"
    assert event_from_stanza(parse(groupchat(gone)), US, lobby(), NOW) is None


def test_reactions_are_all_that_is_shown_now() -> None:
    shown = "<reaction>👍</reaction><reaction> 👋🏽 </reaction><reaction>👍</reaction>"
    found = about(groupchat(REACTIONS.format(shown)), lobby())
    assert found == {"type": "xmpp.reaction", "id": "s0", "emoji": ["👍", "👋🏽"]}


def test_no_reactions_take_away_those_before() -> None:
    assert about(chat(REACTIONS.format("")))["emoji"] == []


def test_the_words_beside_a_reaction_are_for_others() -> None:
    found = about(chat(REACTIONS.format("<reaction>👍</reaction>") + "<body>+1</body>"))
    assert found["type"] == "xmpp.reaction"


def test_a_reaction_that_is_a_novel_is_none() -> None:
    assert about(chat(REACTIONS.format(f"<reaction>{'x' * 99}</reaction>")))["emoji"] == []


@pytest.mark.parametrize(
    "inside",
    [
        "<encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted><body>X</body>",
        "<encrypted xmlns='urn:xmpp:omemo:2'><payload/></encrypted><body>I sent</body>",
        "<x xmlns='jabber:x:encrypted'>...</x><body>This message is encrypted</body>",
        "<openpgp xmlns='urn:xmpp:openpgp:0'>...</openpgp><body>I sent</body>",
        "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:x'/><body>I sent</body>",
        "<body>?OTRv23?</body>",
    ],
)
def test_what_is_encrypted_is_no_event_and_says_something(inside: str) -> None:
    message = parse(chat(inside))
    assert event_from_stanza(message, US, None, NOW) is None
    found = encryption_of_stanza(message)
    assert found is not None
    assert found.says


def test_an_exchange_of_keys_says_nothing() -> None:
    keys = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>"
    found = encryption_of_stanza(parse(chat(keys)))
    assert found is not None
    assert not found.says


@pytest.mark.parametrize(
    "inside",
    [
        "<received xmlns='urn:xmpp:receipts' id='x'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>",
    ],
)
def test_a_receipt_in_private_is_one(inside: str) -> None:
    assert event(chat(inside)) | {"author": None} == {
        "type": "xmpp.receipt",
        "id": "x",
        "author": None,
    }


def test_a_marker_in_a_room_is_of_anybodys_message_and_left_out() -> None:
    xml = groupchat("<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>")
    assert event_from_stanza(parse(xml), US, lobby(), NOW) is None


def test_what_a_gateway_brought_is_bridged() -> None:
    found = event(chat("<body>x</body><bridged xmlns='urn:chat-gateway:bridged:0'/>"))
    assert found["bridged"] is True


@pytest.mark.parametrize("inside", ["<body/>", "<subject>Topic</subject>"])
def test_what_says_nothing_is_no_event(inside: str) -> None:
    assert event_from_stanza(parse(groupchat(inside)), US, lobby(), NOW) is None


def test_composing_is_typing() -> None:
    xml = chat("<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    assert event(xml)["type"] == "xmpp.typing"


def test_small_talk_is_no_event() -> None:
    xml = chat("<gone xmlns='http://jabber.org/protocol/chatstates'/>")
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
