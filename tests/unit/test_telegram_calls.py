"""Events to calls of the Bot API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.constants import ReactionEmoji

from gateway.vocabulary.errors import Refused, UnknownEvent
from protocols.telegram.calls import (
    FORMS,
    Upload,
    calls_from_event,
    is_file_trouble,
    message_id,
    other_edit,
)
from protocols.telegram.reactions import EMOJI, SHOWN, emoji_from_types, types_from_emoji

GROUP = "telegram:default:-100"
TARGET = {"chat_id": -100, "message_id": 5}


def call(kind, conversation=GROUP, form="known", **fields):
    [found] = calls_from_event(conversation, {"type": f"chat.{kind}", **fields}, form)
    return found


# Messages


def test_message_becomes_send_message():
    assert call("message", text="<b>hi") == ("sendMessage", {"chat_id": -100, "text": "<b>hi"})


def test_message_to_a_topic_names_it():
    assert call("message", f"{GROUP}:3", text="hi")[1]["message_thread_id"] == 3


def test_spans_become_entities():
    spans = [{"style": "bold", "start": 1, "end": 3}]
    parameters = call("message", text="😀hi", spans=spans)[1]
    assert parameters["entities"] == [{"type": "bold", "offset": 2, "length": 2}]


@given(st.text(), st.sampled_from(["message", "edit"]))
def test_nothing_is_parsed_as_markup(text, kind):
    assert "parse_mode" not in call(kind, text=text, id="5")[1]


def test_answer_is_sent_even_if_what_it_answers_is_gone():
    parameters = call("message", text="hi", reply_to="5")[1]
    assert parameters["reply_parameters"] == {"message_id": 5, "allow_sending_without_reply": True}


@pytest.mark.parametrize("native", ["lobby#5", "", None, "²", "-5", "9" * 40])
def test_foreign_id_is_no_message_id(native):
    assert message_id(native) is None


def test_foreign_id_is_not_answered():
    assert "reply_parameters" not in call("message", text="hi", reply_to="lobby#5")[1]


def test_event_that_telegram_does_not_know_is_named():
    with pytest.raises(UnknownEvent, match="dance"):
        call("dance")


# Buttons


def test_buttons_carry_their_numbers_and_nothing_else():
    rows = [[{"text": "Yes", "data": "a secret"}, {"text": "No"}], [{"text": "Maybe"}]]
    markup = call("message", text="?", buttons=rows)[1]["reply_markup"]
    assert markup["inline_keyboard"] == [
        [{"text": "Yes", "callback_data": "0"}, {"text": "No", "callback_data": "1"}],
        [{"text": "Maybe", "callback_data": "2"}],
    ]


def test_button_with_an_address_opens_it_and_is_counted():
    rows = [[{"text": "See", "url": "https://example.org"}, {"text": "No"}]]
    [row] = call("message", text="?", buttons=rows)[1]["reply_markup"]["inline_keyboard"]
    assert row == [
        {"text": "See", "url": "https://example.org"},
        {"text": "No", "callback_data": "1"},
    ]


def test_long_row_is_broken_and_counted_on():
    rows = [[{"text": str(number)} for number in range(10)]]
    found = call("message", text="?", buttons=rows)[1]["reply_markup"]["inline_keyboard"]
    assert [[button["callback_data"] for button in row] for row in found] == [
        [str(number) for number in range(8)],
        ["8", "9"],
    ]


# Files


def file(kind, media_type="", **more):
    return {"kind": kind, "source": "https://example.org/a", "type": media_type, **more}


def test_file_of_our_own_bot_goes_by_its_id():
    attachment = {"kind": "video", "source": "telegram:default/AgAC"}
    assert call("message", text="look", attachments=[attachment]) == (
        "sendVideo",
        {"chat_id": -100, "video": "AgAC", "caption": "look"},
    )


def test_file_of_another_bot_is_sent_along():
    attachment = {"kind": "photo", "source": "telegram:shop/AgAC", "type": "image/jpeg"}
    parameters = call("message", text="", attachments=[attachment])[1]
    assert parameters["photo"] == Upload(attachment)


@pytest.mark.parametrize(
    ("attachment", "method"),
    [
        (file("photo", "image/png"), "sendPhoto"),
        (file("photo", "image/svg+xml"), "sendDocument"),
        (file("photo", "image/jpeg", size=11 * 1024 * 1024), "sendDocument"),
        (file("photo", "image/gif"), "sendAnimation"),
        (file("video", "video/mp4"), "sendVideo"),
        (file("video", "video/x-matroska"), "sendDocument"),
        (file("audio", "audio/mpeg"), "sendAudio"),
        (file("audio", "audio/flac"), "sendDocument"),
        (file("voice", "audio/ogg"), "sendVoice"),
        (file("document", "text/plain"), "sendDocument"),
        (file("sticker", "image/webp"), "sendSticker"),
        (file("something else"), "sendDocument"),
        (file("photo"), "sendPhoto"),
    ],
)
def test_file_is_sent_as_what_telegram_shows(attachment, method):
    assert call("message", text="", attachments=[attachment])[0] == method


@pytest.mark.parametrize("source", ["https://example.org/a", "telegram:default/AgAC"])
def test_sticker_with_words_becomes_a_picture(source):
    attachment = {"kind": "sticker", "source": source, "type": "image/webp"}
    method, parameters = call("message", text="Ada: ", attachments=[attachment])
    assert (method, parameters["photo"]) == ("sendPhoto", Upload(attachment))


def test_sticker_without_words_stays_one():
    attachment = {"kind": "sticker", "source": "telegram:default/AgAC", "type": "image/webp"}
    assert call("message", text="", attachments=[attachment])[0] == "sendSticker"


@pytest.mark.parametrize(
    ("form", "shown"),
    [("known", "sendPhoto"), ("upload", "sendPhoto"), ("document", "sendDocument")],
)
def test_file_has_forms(form, shown):
    attachment = {"kind": "photo", "source": "telegram:default/A", "type": "image/jpeg"}
    method, parameters = call("message", form=form, text="", attachments=[attachment])
    assert (method, Upload(attachment) in parameters.values()) == (shown, form != "known")


def test_caption_has_entities():
    spans = [{"style": "bold", "start": 0, "end": 4}]
    attachments = [file("photo", "image/png")]
    parameters = call("message", text="look", spans=spans, attachments=attachments)[1]
    assert (parameters["caption"], len(parameters["caption_entities"])) == ("look", 1)


def test_measures_of_a_video_are_told():
    attachments = [file("video", "video/mp4", width=4, height=3, duration=2.9)]
    parameters = call("message", text="", attachments=attachments)[1]
    assert [parameters[name] for name in ("width", "height", "duration")] == [4, 3, 2]


ATTACHMENTS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["photo", "video", "sticker", "voice", "location", "x"])},
    optional={
        "source": st.sampled_from(["telegram:default/A", "https://a/b", "file:/a"]),
        "type": st.sampled_from(["image/webp", "video/mp4", "audio/ogg", "text/plain", ""]),
        "size": st.integers(0, 60 * 1024 * 1024),
        "duration": st.floats(0, 1e6),
    },
)


@given(ATTACHMENTS, st.sampled_from(FORMS), st.text(max_size=5))
def test_any_file_is_one_call_that_holds_it_once(attachment, form, text):
    method, parameters = call("message", form=form, text=text, attachments=[attachment])
    kind = method.removeprefix("send").lower()
    assert isinstance(parameters[kind], Upload | str)


@pytest.mark.parametrize(
    ("description", "trouble"),
    [
        ("Bad Request: wrong file identifier/HTTP URL specified", True),
        ("Bad Request: IMAGE_PROCESS_FAILED", True),
        ("Bad Request: can't use file of type Voice as Photo", True),
        ("Bad Request: chat not found", False),
        ("Bad Request: message caption is too long", False),
    ],
)
def test_trouble_with_a_file_is_told_from_other_trouble(description, trouble):
    assert is_file_trouble(description) is trouble


# Changes


def test_edit_changes_the_text():
    assert call("edit", id="5", text="new") == ("editMessageText", {**TARGET, "text": "new"})


def test_edit_of_a_file_changes_its_caption():
    method, parameters = call("edit", id="5", text="new", attachments=[file("photo")])
    assert (method, parameters) == ("editMessageCaption", {**TARGET, "caption": "new"})


def test_edit_keeps_its_buttons():
    parameters = call("edit", id="5", text="new", buttons=[[{"text": "a"}]])[1]
    assert parameters["reply_markup"]["inline_keyboard"] == [[{"text": "a", "callback_data": "0"}]]


def test_edit_in_a_topic_names_none():
    assert "message_thread_id" not in call("edit", f"{GROUP}:3", id="5", text="new")[1]


@pytest.mark.parametrize("attachments", [[], [file("photo")]])
def test_other_edit_of_the_other_is_the_first(attachments):
    first = call("edit", id="5", text="new", spans=[], attachments=attachments)
    other = other_edit(*first)
    assert (other[0] != first[0], other_edit(*other)) == (True, first)


def test_delete():
    assert call("delete", id="5") == ("deleteMessage", TARGET)


@pytest.mark.parametrize("kind", ["edit", "delete", "reaction"])
def test_message_that_is_none_of_telegrams_is_not_found(kind):
    with pytest.raises(Refused) as refused:
        call(kind, id="lobby#5", text="")
    assert refused.value.code == "not_found"


# Reactions


def test_reaction():
    shown = [{"type": "emoji", "emoji": "👍"}]
    assert call("reaction", id="5", emoji=["👍"]) == (
        "setMessageReaction",
        {**TARGET, "reaction": shown},
    )


def test_reaction_is_taken_away():
    assert call("reaction", id="5", emoji=[])[1]["reaction"] == []


def test_a_heart_is_spelt_as_on_other_networks():
    assert emoji_from_types([{"type": "emoji", "emoji": "❤"}]) == ["❤\ufe0f"]


@pytest.mark.parametrize("heart", ["❤", "❤\ufe0f"])
def test_reaction_may_have_a_variation_selector(heart):
    assert types_from_emoji([heart]) == [{"type": "emoji", "emoji": "❤"}]


def test_reactions_of_a_bot_are_limited_to_what_it_can_show():
    assert types_from_emoji(["🐌", "👍", "👎"]) == [{"type": "emoji", "emoji": "👍"}]


def test_list_of_reactions_is_that_of_the_library():
    assert {emoji.replace("\ufe0f", "") for emoji in ReactionEmoji} == set(EMOJI)


@pytest.mark.parametrize("emoji", SHOWN)
def test_each_reaction_that_is_offered_can_be_shown(emoji):
    assert types_from_emoji([emoji])


# Answers and typing


def test_answer_names_the_query():
    assert call("answer", token=f"{GROUP}|77", text="ok") == (
        "answerCallbackQuery",
        {"callback_query_id": "77", "text": "ok"},
    )


def test_answer_is_cut():
    assert len(call("answer", token=f"{GROUP}|77", text="x" * 300)[1]["text"]) == 200


def test_typing_becomes_a_chat_action():
    assert call("typing", f"{GROUP}:3") == (
        "sendChatAction",
        {"chat_id": -100, "message_thread_id": 3, "action": "typing"},
    )
