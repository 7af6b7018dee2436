"""Frames of the web platform <-> events."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.server import Entry
from gateway.vocabulary.events import Attachment, Author
from protocols.websocket.said import (
    MAX_TEXT,
    BadFrame,
    Said,
    client_from_query,
    delivery_from_said,
    event_from_said,
    said_from_text,
)
from protocols.websocket.translate import (
    answer_from_event,
    failed,
    frame_from_entry,
    payload_from_frame,
    payload_from_wire,
    wire_from_payload,
)

CHAT = "web:default:den"
UPLOAD = "web:default/" + "x" * 22

ADA: Author = {
    "id": "web:~ada",
    "name": "Ada",
    "handle": None,
    "kind": "person",
    "private": "web:default:~ada",
}

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KINDS = ["message", "typing", "edit", "delete", "reaction", "action"]
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["message", "typing", "edit", "delete", "reaction", "action"])
        | ANY_JSON,
        "text": ANY_JSON,
        "ref": ANY_JSON,
        "reply_to": ANY_JSON,
        "id": ANY_JSON | st.just("7"),
        "spans": ANY_JSON,
        "emoji": ANY_JSON,
        "button": ANY_JSON,
        "attachments": ANY_JSON,
    },
)


def nowhere(attachment: Attachment) -> None:
    """No file can be had."""


def code_of(frame: Any) -> str:
    with pytest.raises(BadFrame) as bad:
        said_from_text(frame if isinstance(frame, str) else json.dumps(frame))
    return bad.value.code


@given(st.text())
def test_no_text_raises_anything_but_a_bad_frame(text: str) -> None:
    with suppress(BadFrame):
        said_from_text(text)


@given(FRAMES)
def test_no_json_raises_anything_but_a_bad_frame(frame: dict[str, Any]) -> None:
    with suppress(BadFrame):
        said_from_text(json.dumps(frame))


@given(st.text(st.characters(codec=None)))
def test_what_is_taken_can_be_written_as_utf8(text: str) -> None:
    try:
        said = said_from_text(json.dumps({"type": "message", "text": text}))
    except BadFrame:
        return
    said.text.encode()


def test_a_message_is_read_with_its_ref_and_reply() -> None:
    frame = '{"type": "message", "text": "hi", "ref": "r1", "reply_to": "7"}'
    assert said_from_text(frame) == Said("message", "hi", "r1", "7")


def test_text_that_is_no_json_is_a_message() -> None:
    assert said_from_text("hello {") == Said("message", "hello {")


def test_json_that_is_no_object_is_a_message() -> None:
    assert said_from_text("42") == Said("message", "42")


def test_endlessly_nested_json_is_a_message() -> None:
    deep = "[" * 60_000
    assert said_from_text(deep) == Said("message", deep)


def test_a_lone_surrogate_is_replaced() -> None:
    assert said_from_text(r'{"type": "message", "text": "a\ud800"}').text == "a\ufffd"


def test_a_nul_is_replaced() -> None:
    assert said_from_text(r'{"type": "message", "text": "a\u0000"}').text == "a\ufffd"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({}, "no_type"),
        ({"type": "dance"}, "unknown_type"),
        ({"type": ["message"]}, "unknown_type"),
        ({"type": "message"}, "bad_text"),
        ({"type": "message", "text": 7}, "bad_text"),
        ({"type": "message", "text": " \n"}, "empty"),
        ({"type": "message", "text": "x" * (MAX_TEXT + 1)}, "too_long"),
        ({"type": "message", "text": "x", "ref": ""}, "bad_ref"),
        ({"type": "message", "text": "x", "ref": "a b"}, "bad_ref"),
        ({"type": "message", "text": "x", "ref": "r" * 129}, "bad_ref"),
        ({"type": "message", "text": "x", "reply_to": 7}, "bad_reply_to"),
        ("", "empty"),
        ({"type": "edit", "text": "x"}, "bad_id"),
        ({"type": "edit", "text": "", "id": "7"}, "empty"),
        ({"type": "delete", "id": "lobby#7"}, "bad_id"),
        ({"type": "reaction", "id": "7", "emoji": "x"}, "bad_emoji"),
        ({"type": "reaction", "id": "7", "emoji": ["words"]}, "bad_emoji"),
        ({"type": "action", "id": "7", "button": 1}, "bad_button"),
        ({"type": "message", "attachments": [{"source": "file:/etc/passwd"}]}, "bad_attachments"),
        ({"type": "message", "attachments": [{"source": "telegram:a/b"}]}, "bad_attachments"),
        ({"type": "message", "attachments": [{"source": "https://e.org"}]}, "bad_attachments"),
    ],
)
def test_a_bad_frame_has_a_code(frame: Any, code: str) -> None:
    assert code_of(frame) == code


def test_a_bad_frame_names_its_ref() -> None:
    with pytest.raises(BadFrame) as bad:
        said_from_text('{"type": "message", "ref": "r1"}')
    assert bad.value.ref == "r1"


def test_the_longest_text_is_taken() -> None:
    assert len(said_from_text("x" * MAX_TEXT).text) == MAX_TEXT


def test_a_delivery_names_visitor_client_and_ref() -> None:
    assert delivery_from_said(Said("message", "x", "r1"), "ada", "c1") == "ada c1 r1"


@pytest.mark.parametrize(("client", "ref"), [(None, "r1"), ("c1", None)])
def test_without_client_or_ref_there_is_no_delivery(client: str | None, ref: str | None) -> None:
    assert delivery_from_said(Said("message", "x", ref), "ada", client) is None


@pytest.mark.parametrize("client", ["", "a b", "x" * 129, "\u00e4"])
def test_a_client_without_a_proper_name_has_none(client: str) -> None:
    assert client_from_query(client) is None


def test_an_event_carries_client_and_ref() -> None:
    event = event_from_said(Said("message", "x", "r1"), ADA, "c1", 5.0, CHAT)
    assert (event["type"], event["client"], event["ref"]) == ("web.message", "c1", "r1")


def test_an_entry_is_shown_with_its_place() -> None:
    event = event_from_said(Said("message", "x", "r1"), ADA, "c1", 5.0, CHAT)
    frame = frame_from_entry(Entry(9, event), nowhere)
    assert frame == {
        "type": "message",
        "seq": 9,
        "id": "9",
        "client": "c1",
        "ref": "r1",
        "text": "x",
        "author": {"id": "web:~ada", "name": "Ada", "handle": None, "kind": "person"},
        "attachments": [],
        "reply_to": None,
        "at": 5.0,
    }


@pytest.mark.parametrize("hidden", ["raw", "key"])
def test_what_is_of_no_concern_is_not_shown(hidden: str) -> None:
    assert hidden not in frame_from_entry(
        Entry(1, {"type": "room.message", hidden: "secret"}), nowhere
    )


@given(st.integers(1), st.dictionaries(st.text(), ANY_JSON))
def test_whatever_was_logged_can_be_shown(seq: int, body: dict[str, Any]) -> None:
    body.pop("author", None)
    shown = payload_from_frame(frame_from_entry(Entry(seq, {**body, "type": "room.join"}), nowhere))
    assert json.loads(shown)["type"] == "join"


def test_a_failure_has_all_its_keys() -> None:
    assert failed("empty", "say something", "r1") == {
        "type": "failed",
        "code": "empty",
        "detail": "say something",
        "ref": "r1",
        "retry_after": None,
    }


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_wire_frame_has_the_shortest_head(size: int, head: bytes) -> None:
    assert wire_from_payload(bytes(size)) == head + bytes(size)


@given(st.binary(max_size=70_000))
def test_a_wire_frame_gives_its_payload_back(payload: bytes) -> None:
    assert payload_from_wire(wire_from_payload(payload)) == payload


def test_a_file_needs_no_text() -> None:
    frame = {"type": "message", "attachments": [{"source": UPLOAD, "kind": "photo", "x": 1}]}
    said = said_from_text(json.dumps(frame))
    assert said.attachments == [{"kind": "photo", "source": UPLOAD}]


def test_spans_are_taken_as_far_as_the_text_goes() -> None:
    frame = {"type": "message", "text": "hi", "spans": [{"style": "bold", "start": 0, "end": 9}]}
    assert said_from_text(json.dumps(frame)).spans == [{"style": "bold", "start": 0, "end": 2}]


def test_an_edit_names_its_message() -> None:
    said = said_from_text('{"type": "edit", "id": "7", "text": "new"}')
    event = event_from_said(said, ADA, "c1", 5.0, CHAT)
    assert (event["type"], event["id"], event["text"]) == ("web.edit", "7", "new")


def test_a_reaction_says_all_that_is_shown() -> None:
    said = said_from_text('{"type": "reaction", "id": "7", "emoji": ["👍", "👍"]}')
    assert said.emoji == ["👍"]


def test_the_source_of_a_file_is_not_shown() -> None:
    event = {"type": "web.message", "attachments": [{"kind": "photo", "source": "a:b/c"}]}
    frame = frame_from_entry(Entry(1, event), lambda _: "/media/t/n")
    assert frame["attachments"] == [{"kind": "photo", "url": "/media/t/n"}]


def test_what_a_button_means_is_not_shown() -> None:
    event = {"type": "web.message", "buttons": [[{"text": "Yes", "data": "y"}]]}
    assert frame_from_entry(Entry(1, event), nowhere)["buttons"] == [[{"text": "Yes"}]]


def test_an_entry_about_another_has_its_id() -> None:
    assert frame_from_entry(Entry(9, {"type": "web.delete", "id": "7"}), nowhere)["id"] == "7"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_an_answer_finds_who_pressed(ref: str) -> None:
    said = Said("action", ref=ref, id="7", button="0")
    token = event_from_said(said, ADA, "c|1", 5.0, CHAT)["token"]
    assert token.rpartition("|")[0] == CHAT
    assert answer_from_event({"token": token, "text": "ok"}) == (
        "web:~ada",
        {"type": "answer", "client": "c|1", "ref": ref, "text": "ok"},
    )
