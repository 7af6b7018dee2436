"""What a chat cannot show becomes what it can."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.vocabulary.degrade import (
    CAPTIONED,
    FORMAT,
    Chat,
    Copy,
    Step,
    check_format,
    steps_from_event,
    without_file,
)
from gateway.vocabulary.degrade import FILES as FIRST_FILE

PLAIN: dict[str, Any] = {"message": {"max_text": 20, "unit": "codepoints"}}
NAMED: dict[str, Any] = {"message": {}, "author": {}}
ALICE = {"id": "web:~a", "name": "Alice", "handle": None, "kind": "person", "private": None}


HERE = "telegram:default:1"


def steps(event: dict[str, Any], extensions: dict[str, Any], **chat: Any) -> list[Step]:
    whole = {"type": "telegram.message", "ref": "r"} | event
    return steps_from_event(whole, Chat(HERE, extensions, **chat))


def texts(event: dict[str, Any], extensions: dict[str, Any], form: str = FORMAT) -> list[str]:
    return [step.event["text"] for step in steps(event, extensions, form=form)]


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


def test_an_action_is_one_of_its_author() -> None:
    event = {"text": "/me waves", "author": ALICE, "origin": "xmpp:default:a@b"}
    assert texts(event, PLAIN) == ["* Alice (xmpp) waves"]


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


def test_the_first_part_answers() -> None:
    event = {"text": "one two three four five six", "reply_to": "7"}
    answered = [step.event["reply_to"] for step in steps(event, PLAIN | {"reply": {}})]
    assert answered == ["7", None]


def test_the_parts_keep_what_else_the_event_has() -> None:
    event = {"text": "one two three four five six", "author": ALICE, "origin": "room:default:x"}
    assert {step.event["author"]["id"] for step in steps(event, PLAIN)} == {"web:~a"}


def test_a_chat_without_a_limit_gets_one_part() -> None:
    assert len(texts({"text": "x" * 100_000}, NAMED)) == 1


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_text_of_nothing_is_not_sent(text: str) -> None:
    assert texts({"text": text}, PLAIN) == []


def test_a_thing_that_is_no_text_is_named() -> None:
    event = {"text": "look", "attachments": [{"kind": "photo"}]}
    assert texts(event, PLAIN) == ["look\n[photo]"]


def test_a_good_format_is_taken() -> None:
    assert check_format("{name}: {text}") == "{name}: {text}"


@pytest.mark.parametrize("form", ["{name}", "{who}: {text}", "{text.x}", "{", "{0} {text}"])
def test_a_wrong_format_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="text"):
        check_format(form)


# What is answered

QUOTED = {"author": "Bob", "text": "shall we?"}


def test_a_chat_that_cannot_point_at_a_message_quotes_it() -> None:
    assert texts({"text": "yes", "quoted": QUOTED}, NAMED) == ["> Bob: shall we?\nyes"]


def test_a_chat_that_shows_quotes_gets_it_as_one() -> None:
    extensions = NAMED | {"spans": {"styles": ["quote"]}}
    (step,) = steps({"text": "yes", "quoted": QUOTED}, extensions)
    assert step.event["spans"] == [{"style": "quote", "start": 0, "end": 14}]


def test_a_chat_that_points_at_a_message_does_not_quote_it() -> None:
    event = {"text": "yes", "quoted": QUOTED, "reply_to": "7"}
    assert texts(event, NAMED | {"reply": {}}) == ["yes"]


def test_what_is_answered_and_not_there_is_quoted() -> None:
    event = {"text": "yes", "quoted": QUOTED, "reply_to": None}
    assert texts(event, NAMED | {"reply": {}}) == ["> Bob: shall we?\nyes"]


# Names


@pytest.mark.parametrize("name", ["Ada (telegram)", "Ada \uff08telegram\uff09"])
def test_nobody_names_a_network_by_their_name(name: str) -> None:
    event = {"text": "hi", "author": ALICE | {"name": name}, "origin": "web:default:lobby"}
    assert texts(event, {}) == ["Ada [telegram] (web): hi"]


# Buttons


def test_an_answer_to_a_press_is_said_where_nobody_can_press() -> None:
    event = {"type": "telegram.answer", "token": f"{HERE}|7", "text": "Done."}
    (step,) = steps(event, NAMED)
    assert (step.event["type"], step.event["text"], step.event["reply_to"]) == (
        "telegram.message",
        "Done.",
        "7",
    )


def test_an_empty_answer_is_not_said() -> None:
    assert steps({"type": "telegram.answer", "token": f"{HERE}|7", "text": ""}, NAMED) == []


BUTTONS = [[{"text": "Yes", "data": "y"}, {"text": "No", "data": "n"}]]


def test_buttons_are_a_numbered_list_where_nobody_can_press() -> None:
    assert texts({"text": "Well?", "buttons": BUTTONS}, NAMED) == ["Well?\n1. Yes\n2. No"]


def test_buttons_are_under_the_last_part() -> None:
    event = {"text": "one two three four five six", "buttons": BUTTONS}
    found = [step.event.get("buttons") for step in steps(event, PLAIN | {"button": {}})]
    assert found == [None, BUTTONS]


# Files

FILE = {"kind": "photo", "source": "x:y/z", "name": "cat.jpg", "size": 2_000_000}
FILES: dict[str, Any] = NAMED | {"file": {"max_size": 5_000_000, "caption": 10}}


def test_a_short_text_goes_with_the_file() -> None:
    (step,) = steps({"text": "a cat", "attachments": [FILE]}, FILES)
    assert (step.event["text"], step.event["attachments"]) == ("a cat", [FILE])


def test_a_long_text_goes_before_the_file() -> None:
    found = steps({"text": "a cat on a mat", "attachments": [FILE]}, FILES)
    assert [step.event["text"] for step in found] == ["a cat on a mat", ""]


def test_each_file_of_many_is_a_part() -> None:
    found = steps({"text": "", "attachments": [FILE, FILE]}, FILES)
    assert [step.part for step in found] == [CAPTIONED, FIRST_FILE]


def test_a_file_too_large_for_the_chat_is_a_link() -> None:
    large = FILE | {"size": 9_000_000}
    found = steps({"text": "see", "attachments": [large]}, FILES, link=lambda _: "https://e.org/1")
    assert found[0].event["text"] == "see\n[photo: cat.jpg, 9 MB] https://e.org/1"


def test_a_file_without_a_link_is_named() -> None:
    assert texts({"text": "see", "attachments": [FILE]}, NAMED) == ["see\n[photo: cat.jpg, 2 MB]"]


def test_a_file_that_cannot_be_brought_is_named() -> None:
    step = Step({"type": "telegram.message", "text": "a cat", "attachments": [FILE]}, 1)
    (instead,) = without_file(step, Chat(HERE, FILES))
    assert instead.event["text"] == "a cat\n[photo: cat.jpg, 2 MB]"


def test_a_location_can_be_followed() -> None:
    place = {"kind": "location", "latitude": 52.5, "longitude": 13.4}
    assert texts({"text": "", "attachments": [place]}, FILES) == [
        "[location] geo:52.500000,13.400000"
    ]


# Changes

EDIT = {"type": "telegram.edit", "id": "lobby#1", "text": "one two three four five"}
CAN_EDIT: dict[str, Any] = PLAIN | {"edit": {}, "delete": {}}
TWO = (Copy(0, "10", "r"), Copy(1, "11", "r.1"))


def kinds(found: list[Step]) -> list[tuple[str, Any]]:
    return [(step.event["type"], step.event.get("id")) for step in found]


def test_an_edit_changes_each_part() -> None:
    assert kinds(steps(EDIT, CAN_EDIT, copies=TWO)) == [
        ("telegram.edit", "10"),
        ("telegram.edit", "11"),
    ]


def test_an_edit_that_grew_says_the_rest() -> None:
    found = steps(EDIT, CAN_EDIT, copies=TWO[:1])
    assert kinds(found)[0] == ("telegram.edit", "10")
    assert found[1].event["type"] == "telegram.message"
    assert (found[1].event["message"], found[1].part) == ("lobby#1", 1)


def test_an_edit_that_shrank_takes_the_rest_away() -> None:
    assert kinds(steps(EDIT | {"text": "one"}, CAN_EDIT, copies=TWO)) == [
        ("telegram.edit", "10"),
        ("telegram.delete", "11"),
    ]


def test_a_chat_that_cannot_edit_hears_it_again() -> None:
    found = steps(EDIT | {"text": "one"}, PLAIN, copies=TWO[:1])
    assert [step.event["text"] for step in found] == ["(changed) one"]


def test_an_edit_of_what_was_never_shown_shows_nothing() -> None:
    assert steps(EDIT, CAN_EDIT) == []


def test_a_delete_takes_every_part_away() -> None:
    found = steps({"type": "telegram.delete", "id": "lobby#1"}, CAN_EDIT, copies=TWO)
    assert kinds(found) == [("telegram.delete", "11"), ("telegram.delete", "10")]


def test_a_chat_that_cannot_delete_says_that_it_is_gone() -> None:
    found = steps({"type": "telegram.delete", "id": "lobby#1"}, PLAIN | {"edit": {}}, copies=TWO)
    assert [step.event["text"] for step in found] == ["(taken away)"] * 2


# Changes beside files

CAN_ALL: dict[str, Any] = CAN_EDIT | {"author": {}, "file": {"caption": 10}}
CAPTION = Copy(CAPTIONED, "9", "r")


def test_an_edit_of_a_caption_leaves_the_file() -> None:
    event = EDIT | {"text": "a dog", "attachments": [FILE]}
    (step,) = steps(event, CAN_ALL, copies=[CAPTION, Copy(FIRST_FILE, "10", "r.1")])
    assert (step.event["id"], step.event["text"], step.event["attachments"]) == (
        "9",
        "a dog",
        [FILE],
    )


def test_a_caption_that_grew_goes_on_in_a_message() -> None:
    found = steps(EDIT | {"attachments": [FILE]}, CAN_ALL, copies=[CAPTION])
    assert [step.event["text"] for step in found] == ["one two ", "three four five"]
    assert [step.part for step in found] == [CAPTIONED, 0]
    assert found[1].event.get("attachments") is None


def test_a_caption_that_is_taken_away_leaves_the_file() -> None:
    (step,) = steps(EDIT | {"text": "", "attachments": [FILE]}, CAN_ALL, copies=[CAPTION])
    assert (step.event["type"], step.event["text"]) == ("telegram.edit", "")


def test_a_text_before_a_file_is_changed_without_the_file() -> None:
    event = EDIT | {"text": "short", "attachments": [FILE]}
    (step,) = steps(event, CAN_ALL, copies=[Copy(0, "9", "r"), Copy(FIRST_FILE, "10", "r.1")])
    assert (step.event["id"], step.event["attachments"]) == ("9", [])


def test_a_file_that_was_said_in_words_stays_in_words() -> None:
    event = EDIT | {"text": "see", "attachments": [{"kind": "voice", "source": "x:y/z"}]}
    (step,) = steps(event, CAN_ALL, copies=[Copy(0, "9", "r")])
    assert step.event["text"] == "see\n[voice]"


# Reactions


def reaction(*reacted: tuple[str, str, str]) -> dict[str, Any]:
    reactions = [
        {"emoji": emoji, "author": name, "name": name, "origin": origin}
        for emoji, name, origin in reacted
    ]
    return {"type": "telegram.reaction", "id": "lobby#1", "emoji": [], "reactions": reactions}


ONE_HEART: dict[str, Any] = CAN_EDIT | {"reaction": {"emoji": ["❤", "👍"], "most": 1}}
WEB = "web:default:lobby"


def test_the_bot_shows_the_most_frequent_reaction_it_may() -> None:
    event = reaction(("🫎", "Ann", WEB), ("🫎", "Bo", WEB), ("👍", "Cy", WEB))
    step = steps(event, ONE_HEART, copies=TWO)[0]
    assert (step.event["id"], step.event["emoji"]) == ("10", ["👍"])


def test_where_everybody_has_an_own_voice_a_reaction_is_that_persons_alone() -> None:
    event = reaction(("👍", "Ann", WEB), ("🫎", "Bo", WEB)) | {"emoji": ["🫎"]}
    can = NAMED | {"reaction": {"emoji": None, "most": None}}
    (step,) = steps(event, can, copies=TWO)
    assert step.event["emoji"] == ["🫎"]


def test_the_line_says_only_what_the_bot_does_not_show() -> None:
    event = reaction(("🫎", "Ann", WEB), ("👍", "Cy", WEB))
    assert steps(event, ONE_HEART, copies=TWO)[1].event["text"] == "🫎 Ann"


def test_the_bot_does_not_repeat_what_is_shown_here_already() -> None:
    (step,) = steps(reaction(("👍", "Ann", HERE)), ONE_HEART, copies=TWO)
    assert step.event["emoji"] == []


def test_what_the_bot_cannot_show_is_a_line_under_the_message() -> None:
    event = reaction(("🫎", "Ann", WEB), ("🫎", "Bo", WEB), ("🌚", "Cy", WEB))
    line = steps(event, ONE_HEART, copies=TWO)[-1].event
    assert (line["text"], line["reply_to"]) == ("🫎 Ann, Bo · 🌚 Cy", "10")


def test_the_line_changes_with_the_reactions() -> None:
    found = steps(reaction(("🫎", "Ann", WEB)), CAN_EDIT, copies=TWO, line=[Copy(0, "20", None)])
    assert kinds(found) == [("telegram.edit", "20")]


def test_the_line_goes_with_the_last_reaction() -> None:
    found = steps(reaction(), CAN_EDIT, copies=TWO, line=[Copy(0, "20", None)])
    assert kinds(found) == [("telegram.delete", "20")]


def test_our_own_reaction_is_shown_as_it_is() -> None:
    event = {"type": "telegram.reaction", "id": "5", "emoji": ["❤"]}
    (step,) = steps(event, ONE_HEART, copies=[Copy(0, "5", None)])
    assert step.event["emoji"] == ["❤"]
