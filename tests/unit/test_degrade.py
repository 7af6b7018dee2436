"""What a chat cannot show becomes what it can."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.vocabulary.degrade import check_format, parts_from_message

PLAIN: dict[str, Any] = {"message": {"max_text": 20, "unit": "codepoints"}}
NAMED: dict[str, Any] = {"message": {}, "author": {}}
ALICE = {"id": "web:~a", "name": "Alice", "handle": None, "kind": "person", "private": None}


def texts(event: dict[str, Any], extensions: dict[str, Any], *form: str) -> list[str]:
    return [part["text"] for part in parts_from_message(event, extensions, *form)]


def test_what_our_bot_says_has_no_name() -> None:
    assert texts({"text": "hi"}, PLAIN) == ["hi"]


def test_what_another_network_says_has_name_and_network() -> None:
    event = {"text": "hi", "author": ALICE, "origin": "web:default:lobby"}
    assert texts(event, PLAIN) == ["Alice (web): hi"]


def test_what_an_operator_says_is_the_operators() -> None:
    event = {"text": "hi", "author": ALICE, "origin": None}
    assert texts(event, PLAIN) == ["Alice (operator): hi"]


def test_what_the_bot_of_the_room_says_has_no_name() -> None:
    event = {"text": "hi", "author": ALICE, "origin": "room:default:lobby"}
    assert texts(event, PLAIN) == ["hi"]


def test_a_chat_that_shows_authors_gets_the_text_as_it_is() -> None:
    event = {"text": "hi", "author": ALICE, "origin": "web:default:lobby"}
    assert texts(event, NAMED) == ["hi"]


def test_the_format_is_configurable() -> None:
    event = {"text": "hi", "author": ALICE, "origin": "web:default:lobby"}
    assert texts(event, PLAIN, "<{name}> {text}") == ["<Alice> hi"]


def test_braces_in_a_text_are_no_format() -> None:
    event = {"text": "{name}", "author": ALICE, "origin": "web:default:lobby"}
    assert texts(event, PLAIN) == ["Alice (web): {name}"]


def test_a_long_text_is_split() -> None:
    assert texts({"text": "one two three four five six"}, PLAIN) == [
        "one two three four ",
        "five six",
    ]


def test_a_limit_in_utf16_units_counts_emoji_twice() -> None:
    extensions = {"message": {"max_text": 4, "unit": "utf16"}}
    assert texts({"text": "😀😀😀"}, extensions) == ["😀😀", "😀"]


def test_the_parts_keep_what_else_the_event_has() -> None:
    event = {"text": "one two three four five six", "reply_to": "7"}
    assert {part["reply_to"] for part in parts_from_message(event, PLAIN)} == {"7"}


def test_a_chat_without_a_limit_gets_one_part() -> None:
    assert len(texts({"text": "x" * 100_000}, NAMED)) == 1


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_text_of_nothing_is_not_sent(text: str) -> None:
    assert texts({"text": text}, PLAIN) == []


def test_a_thing_that_is_no_text_is_named() -> None:
    event = {"text": "look", "attachments": [{"kind": "photo"}]}
    assert texts(event, PLAIN) == ["[photo] look"]


def test_a_good_format_is_taken() -> None:
    assert check_format("{name}: {text}") == "{name}: {text}"


@pytest.mark.parametrize("form", ["{name}", "{who}: {text}", "{text.x}", "{", "{0} {text}"])
def test_a_wrong_format_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="text"):
        check_format(form)
