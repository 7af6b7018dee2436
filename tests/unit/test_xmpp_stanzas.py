"""Events to stanzas."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vocabulary.errors import Refused
from gateway.vocabulary.text import clean
from protocols.xmpp.identity import Identity
from protocols.xmpp.stanzas import (
    body_from_event,
    id_from_ref,
    receipt_for,
    stanza_from_event,
    stanza_from_state,
    stanza_from_xml,
)
from protocols.xmpp.styling import STYLES
from protocols.xmpp.translate import event_from_stanza
from styled import worded

US = Identity("default", "bot@example.org", "Robo")

any_text = st.text(st.characters(exclude_categories=()))
some_text = st.text(min_size=1).filter(lambda text: clean(text).strip())
FILE = {
    "kind": "photo",
    "source": "https://files.example/a/cat.png",
    "name": "cat.png",
    "type": "image/png",
    "size": 70,
}


def parse(xml: str) -> Element:
    return ElementTree.fromstring(xml.replace(" ", " xmlns='jabber:client' ", 1))


def stanza(to: str = "alice@example.org", kind: str = "chat", name: str = "n1", **body: Any) -> str:
    event = {"type": f"chat.{body.pop('what', 'message')}", **body}
    return stanza_from_event(event, to=to, kind=kind, name=name)


def heard(xml: str) -> dict[str, Any]:
    """What somebody else's gateway makes of a stanza of ours."""
    sent = xml.replace(" ", " from='alice@example.org' ", 1)
    found = event_from_stanza(parse(sent), US, None, 0.0)
    assert found is not None
    return found


@given(some_text)
def test_text_comes_back_as_it_was_cleaned(text: str) -> None:
    assert heard(stanza(text=text))["text"] == clean(text)


@given(worded(STYLES))
def test_text_with_spans_comes_back_word_by_word(styled: tuple[str, list[Any]]) -> None:
    text, spans = styled
    assert heard(stanza(text=text, spans=spans))["text"].split() == text.split()


@given(any_text)
def test_an_address_and_an_id_cannot_break_out_of_their_quotes(text: str) -> None:
    sent = parse(stanza(text="x", to=text, name=text))
    assert (sent.get("to"), sent.get("id")) == (clean(text), clean(text))


@given(any_text)
def test_nothing_that_an_event_holds_breaks_the_stanza(text: str) -> None:
    for what in ("message", "edit", "delete", "reaction"):
        parse(
            stanza(
                what=what,
                text=text,
                id=text,
                origin_id=text,
                reply_to=text,
                quoted={"author": text, "text": text},
                emoji=[text],
                attachments=[FILE | {"name": text, "source": text, "type": text}],
            )
        )


@given(any_text)
def test_a_made_id_is_safe_and_the_same_again(ref: str) -> None:
    name = id_from_ref(ref)
    assert name == id_from_ref(ref)
    assert re.fullmatch("[!-~]{1,128}", name)


def test_a_ref_that_is_safe_is_the_id() -> None:
    assert id_from_ref("web:1/2-3") == "web:1/2-3"


@pytest.mark.parametrize("what", ["message", "edit", "delete", "reaction"])
def test_whatever_we_do_bears_its_id_as_origin_id_too(what: str) -> None:
    sent = parse(stanza(what=what, text="x", id="m0", emoji=["👍"]))
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


# Texts


def test_spans_are_styling() -> None:
    spans = [{"style": "bold", "start": 0, "end": 2}]
    assert (
        body_from_event({"type": "chat.message", "text": "so what", "spans": spans}) == "*so* what"
    )


def test_marks_that_were_typed_are_unstyled() -> None:
    sent = parse(stanza(text="*so* what"))
    assert sent.find("{urn:xmpp:styling:0}unstyled") is not None
    assert heard(stanza(text="*so* what"))["text"] == "*so* what"


def test_a_plain_text_is_not_marked_as_one() -> None:
    assert "unstyled" not in stanza(text="so what")


@given(some_text, some_text)
def test_a_reply_quotes_for_others_and_says_what_it_says(text: str, quote: str) -> None:
    quoted = {"author": "Ada", "text": quote}
    found = heard(stanza(text=text, reply_to="m0", quoted=quoted))
    assert (found["text"], found["reply_to"]) == (clean(text), "m0")


def test_a_reply_names_who_is_answered() -> None:
    event = {"type": "chat.message", "text": "yes", "reply_to": "m0"}
    answered = "lobby@muc.example.org/Ada"
    xml = stanza_from_event(
        event, to="lobby@muc.example.org", kind="groupchat", name="n1", answered=answered
    )
    assert parse(xml).find("{urn:xmpp:reply:0}reply").get("to") == answered


def test_a_reply_in_a_private_chat_names_who_it_goes_to() -> None:
    found = parse(stanza(text="yes", reply_to="m0")).find("{urn:xmpp:reply:0}reply")
    assert found.get("to") == "alice@example.org"


def test_what_a_reply_quotes_is_one_line() -> None:
    quoted = {"author": "Ada", "text": "one\ntwo"}
    event = {"type": "chat.message", "text": "yes", "reply_to": "m0", "quoted": quoted}
    assert body_from_event(event) == "> Ada: one two\nyes"


def test_who_is_answered_by_a_bot_that_was_pressed() -> None:
    token = "xmpp:default:lobby@conference.example.org|s1"
    assert heard(stanza(what="answer", token=token, text="Done."))["reply_to"] == "s1"


# What is about a message


def test_an_edit_replaces_what_our_message_was_called() -> None:
    found = heard(stanza(what="edit", id="s7", origin_id="ref-1", text="new"))
    assert (found["type"], found["id"], found["text"]) == ("xmpp.edit", "ref-1", "new")


@given(any_text.filter(bool))
def test_an_edit_names_a_message_as_that_was_named(ref: str) -> None:
    sent = parse(stanza(what="edit", id="s7", origin_id=ref, text="new"))
    replace = sent.find("{urn:xmpp:message-correct:0}replace")
    assert replace is not None
    assert replace.get("id") == id_from_ref(ref)


def test_a_delete_retracts_by_the_native_id() -> None:
    found = heard(stanza(what="delete", id="s7", origin_id="ref-1"))
    assert (found["type"], found["id"]) == ("xmpp.delete", "s7")


def test_a_delete_tells_those_that_know_none() -> None:
    sent = parse(stanza(what="delete", id="s7"))
    assert sent.findtext("{jabber:client}body")
    fallback = sent.find("{urn:xmpp:fallback:0}fallback")
    assert fallback is not None
    assert fallback.get("for") == "urn:xmpp:message-retract:1"


@given(st.lists(some_text.filter(lambda text: len(text) < 60), max_size=5, unique=True))
def test_reactions_are_the_whole_set(emoji: list[str]) -> None:
    found = heard(stanza(what="reaction", id="s7", emoji=emoji))
    wanted = list(dict.fromkeys(clean(each).strip() for each in emoji))
    assert (found["type"], found["id"], found["emoji"]) == ("xmpp.reaction", "s7", wanted)


# Files


def test_a_file_is_shown_by_clients_of_every_age() -> None:
    sent = parse(stanza(text="", attachments=[FILE]))
    assert sent.findtext("{jabber:client}body") == FILE["source"]
    assert sent.findtext("{jabber:x:oob}x/{jabber:x:oob}url") == FILE["source"]
    assert sent.find("{urn:xmpp:sfs:0}file-sharing") is not None


def test_a_file_comes_back_as_it_was() -> None:
    found = heard(stanza(text="", attachments=[FILE]))
    assert (found["text"], found["attachments"]) == ("", [FILE])


# Manners


@pytest.mark.parametrize(
    ("origin", "brought"),
    [("telegram:default:1", True), ("room:default:lobby", False), (None, False)],
)
def test_what_was_said_elsewhere_bears_the_mark_of_a_hop(origin: str, brought: bool) -> None:
    found = heard(stanza(text="hi", origin=origin))
    assert found.get("bridged", False) is brought


def test_a_private_message_asks_for_a_receipt_and_a_rooms_does_not() -> None:
    assert "urn:xmpp:receipts" in stanza(text="hi")
    assert "urn:xmpp:receipts" not in stanza(text="hi", kind="groupchat")


def test_a_receipt_names_the_message() -> None:
    assert heard(receipt_for("m1", to="alice@example.org/x"))["id"] == "m1"


@pytest.mark.parametrize("state", ["composing", "paused", "active"])
def test_a_chat_state_is_not_kept(state: Any) -> None:
    sent = parse(stanza_from_state(state, to="a@b", kind="chat"))
    assert sent.find(f"{{http://jabber.org/protocol/chatstates}}{state}") is not None
    assert sent.find("{urn:xmpp:hints}no-store") is not None
