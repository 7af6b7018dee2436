"""Updates to arrivals, events to calls."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.server import Arrival
from protocols.telegram.translate import (
    Identity,
    Unreadable,
    arrivals_from_update,
    author_from_user,
    facts_from_key,
    migration_from_update,
    place_from_key,
    stored,
    text_from_command,
)

US = Identity("default", 123, "Our Bot", "OurBot")
ALICE = {"id": 9, "is_bot": False, "first_name": "Alice", "last_name": "Liddell"}
GROUP = {"id": -100, "type": "supergroup", "title": "Friends"}
PRIVATE = {"id": 9, "type": "private", "first_name": "Alice", "username": "alice"}
PHOTO = [
    {"file_id": "small", "file_size": 10, "width": 9, "height": 6},
    {"file_id": "large", "file_size": 1000, "width": 90, "height": 60},
]
CHANNEL = {"id": -200, "type": "channel", "title": "News", "username": "news"}


def message(**fields):
    return {"message_id": 7, "date": 1000, "chat": GROUP, "from": ALICE, **fields}


def read(kind, payload):
    return arrivals_from_update({"update_id": 42, kind: payload}, US)


def event_of(kind="message", **fields):
    [arrival] = read(kind, message(**fields))
    return arrival.event


# Conversations and facts


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        pytest.param({}, "telegram:default:-100", id="group"),
        pytest.param({"chat": PRIVATE}, "telegram:default:9", id="private"),
        pytest.param(
            {"message_thread_id": 3, "is_topic_message": True},
            "telegram:default:-100:3",
            id="topic",
        ),
        pytest.param({"message_thread_id": 3}, "telegram:default:-100", id="thread of answers"),
    ],
)
def test_message_belongs_to_its_chat_and_topic(fields, key):
    [arrival] = read("message", message(text="hi", **fields))
    assert arrival.conversation == key


@pytest.mark.parametrize(
    ("chat", "kind", "title"),
    [(GROUP, "group", "Friends"), (PRIVATE, "private", "Alice"), (CHANNEL, "channel", "News")],
)
def test_chat_is_described(chat, kind, title):
    [arrival] = read("message", message(text="hi", chat=chat))
    assert arrival.facts["chat"] == {"id": str(chat["id"]), "kind": kind, "title": title}


def test_basic_group_is_a_group_too():
    [arrival] = read("message", message(text="hi", chat={**GROUP, "type": "group"}))
    assert arrival.facts["chat"]["kind"] == "group"


def test_private_chat_names_its_user():
    [arrival] = read("message", message(text="hi", chat=PRIVATE))
    assert arrival.facts["user"]["private"] == "telegram:default:9"


def test_group_has_no_user():
    [arrival] = read("message", message(text="hi"))
    assert arrival.facts["user"] is None


def test_limit_of_a_text_is_in_utf16_units():
    [arrival] = read("message", message(text="hi"))
    assert arrival.facts["extensions"]["message"] == {"max_text": 4096, "unit": "utf16"}


def test_delivery_is_the_update_id():
    [arrival] = read("message", message(text="hi"))
    assert arrival.delivery == "42"


def test_key_of_a_topic_tells_its_thread():
    assert facts_from_key("telegram:default:-100:3", US)["thread"] == "3"


def test_key_of_a_person_is_a_private_chat():
    assert facts_from_key("telegram:default:9", US)["chat"]["kind"] == "private"


@pytest.mark.parametrize("key", ["xmpp:default:9", "telegram:default:", "telegram:default:x", "9"])
def test_foreign_key_is_refused(key):
    with pytest.raises(ValueError, match="conversation"):
        place_from_key(key)


# Messages


def test_message_is_translated_whole():
    update = {"update_id": 42, "message": message(text="hello")}
    [arrival] = arrivals_from_update(update, US)
    assert arrival.event == {
        "type": "telegram.message",
        "id": "7",
        "text": "hello",
        "author": author_from_user(ALICE, US),
        "attachments": [],
        "reply_to": None,
        "at": 1000.0,
        "raw": update,
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("message", "telegram.message"),
        ("channel_post", "telegram.message"),
        ("edited_message", "telegram.edit"),
        ("edited_channel_post", "telegram.edit"),
    ],
)
def test_kind_of_a_message(kind, name):
    assert event_of(kind, text="hi")["type"] == name


def test_time_of_an_edit_is_that_of_the_edit():
    assert event_of("edited_message", text="hi", edit_date=2000)["at"] == 2000.0


def test_caption_is_the_text_of_a_photo():
    event = event_of(photo=PHOTO, caption="look")
    assert (event["text"], event["attachments"][0]["kind"]) == ("look", "photo")


def test_photo_without_a_caption_has_an_empty_text():
    assert event_of(photo=PHOTO)["text"] == ""


def test_answered_message_is_named():
    assert event_of(text="hi", reply_to_message={"message_id": 5})["reply_to"] == "5"


def test_opening_of_a_topic_is_not_what_is_answered():
    event = event_of(
        text="hi", is_topic_message=True, message_thread_id=3, reply_to_message={"message_id": 3}
    )
    assert event["reply_to"] is None


def test_control_characters_and_lone_surrogates_are_replaced():
    assert event_of(text="a\x00b\ud800c")["text"] == "a\ufffdb\ufffdc"


def test_payload_with_a_nul_is_kept_without_it():
    assert event_of(text="a\x00b")["raw"]["message"]["text"] == "a\ufffdb"


@pytest.mark.parametrize(
    ("field", "entities"), [("text", "entities"), ("caption", "caption_entities")]
)
def test_entities_become_spans(field, entities):
    bold = [{"type": "bold", "offset": 3, "length": 2}]
    spans = event_of(**{field: "\U0001f600 hi", entities: bold})["spans"]
    assert spans == [{"style": "bold", "start": 2, "end": 4}]


def test_message_without_entities_has_no_spans():
    assert "spans" not in event_of(text="hi")


def test_spans_move_with_our_name_that_is_stripped():
    bold = [{"type": "bold", "offset": 14, "length": 3}]
    event = event_of(text="/order@OurBot two", entities=bold)
    assert (event["text"], event["spans"]) == (
        "/order two",
        [{"style": "bold", "start": 7, "end": 10}],
    )


def test_message_of_an_album_names_it():
    assert event_of(photo=PHOTO, media_group_id="77")["album"] == "77"


# What is answered


def test_answered_message_is_quoted():
    answered = message(text="How are you?")
    assert event_of(text="well", reply_to_message=answered)["quoted"] == {
        "author": "Alice Liddell",
        "text": "How are you?",
    }


def test_part_that_was_chosen_is_quoted():
    answered = message(text="How are you? And Bob?")
    quote = {"text": "And Bob?", "position": 13}
    event = event_of(text="well", reply_to_message=answered, quote=quote)
    assert event["quoted"]["text"] == "And Bob?"


def test_answered_photo_is_named():
    event = event_of(text="nice", reply_to_message=message(photo=PHOTO))
    assert event["quoted"]["text"] == "[photo]"


def test_what_is_hidden_stays_hidden_in_a_quotation():
    hidden = [{"type": "spoiler", "offset": 0, "length": 3}]
    answered = {"message_id": 3, "date": 1, "chat": {"id": 7, "type": "private"}}
    answered |= {"from": {"id": 7, "first_name": "Ada"}, "text": "Bob did", "entities": hidden}
    event = event_of(text="no!", reply_to_message=answered)
    assert event["quoted"]["text"] == "███ did"
    event = event_of(
        text="no!", reply_to_message=answered, quote={"text": "Bob", "entities": hidden}
    )
    assert event["quoted"]["text"] == "███"


def test_message_of_another_chat_that_is_answered_is_only_quoted():
    outer = {"origin": {"type": "hidden_user", "sender_user_name": "Zed", "date": 1}}
    event = event_of(text="so?", external_reply=outer, quote={"text": "hello"})
    assert (event["reply_to"], event["quoted"]) == (None, {"author": "Zed", "text": "hello"})


def test_quote_is_the_beginning_only():
    event = event_of(text="well", reply_to_message=message(text="x" * 4000))
    assert len(event["quoted"]["text"]) == 400


# Forwards


@pytest.mark.parametrize(
    "origin",
    [
        {"type": "user", "sender_user": {"id": 5, "first_name": "Zed"}},
        {"type": "hidden_user", "sender_user_name": "Zed"},
        {"type": "chat", "sender_chat": {"id": -5, "type": "supergroup", "title": "Zed"}},
        {"type": "channel", "chat": {"id": -5, "type": "channel", "title": "Zed"}},
    ],
)
def test_forward_says_whose_words_it_has(origin):
    assert event_of(text="hello", forward_origin=origin)["text"] == "Forwarded from Zed:\nhello"


def test_spans_of_a_forward_move_along():
    origin = {"type": "hidden_user", "sender_user_name": "Zed"}
    bold = [{"type": "bold", "offset": 0, "length": 5}]
    [span] = event_of(text="hello", entities=bold, forward_origin=origin)["spans"]
    assert (span["start"], span["end"]) == (20, 25)


def test_forward_of_a_photo_says_whose_it_is():
    origin = {"type": "hidden_user", "sender_user_name": "Zed"}
    assert event_of(photo=PHOTO, forward_origin=origin)["text"] == "Forwarded from Zed"


def test_own_words_that_are_forwarded_are_own_words():
    origin = {"type": "user", "sender_user": ALICE}
    assert event_of(text="hello", forward_origin=origin)["text"] == "hello"


# Attachments


def test_photo_is_the_largest_of_its_sizes():
    assert event_of(photo=PHOTO)["attachments"] == [
        {
            "kind": "photo",
            "name": "photo.jpg",
            "source": "telegram:default/large",
            "type": "image/jpeg",
            "size": 1000,
            "width": 90,
            "height": 60,
        }
    ]


@pytest.mark.parametrize(
    ("field", "file", "told"),
    [
        (
            "document",
            {"file_name": "a.txt", "mime_type": "text/plain", "file_size": 5},
            {"kind": "document", "name": "a.txt", "type": "text/plain", "size": 5},
        ),
        (
            "voice",
            {"duration": 3},
            {"kind": "voice", "name": "voice.ogg", "type": "audio/ogg", "duration": 3.0},
        ),
        (
            "audio",
            {"performer": "A", "title": "B"},
            {"kind": "audio", "name": "audio.mp3", "type": "audio/mpeg", "text": "A - B"},
        ),
        (
            "video",
            {"width": 4, "height": 3},
            {"kind": "video", "name": "video.mp4", "type": "video/mp4", "width": 4, "height": 3},
        ),
        ("video_note", {}, {"kind": "video", "name": "video.mp4", "type": "video/mp4"}),
        (
            "sticker",
            {"emoji": "😀"},
            {"kind": "sticker", "name": "sticker.webp", "type": "image/webp", "text": "😀"},
        ),
        (
            "sticker",
            {"is_video": True},
            {"kind": "sticker", "name": "sticker.webm", "type": "video/webm"},
        ),
        (
            "sticker",
            {"is_animated": True},
            {"kind": "sticker", "name": "sticker.tgs", "type": "application/x-tgsticker"},
        ),
    ],
)
def test_file_is_described(field, file, told):
    [attachment] = event_of(**{field: {"file_id": "f", **file}})["attachments"]
    assert attachment == {"source": "telegram:default/f", **told}


def test_animation_is_no_document_besides():
    file = {"file_id": "f"}
    [attachment] = event_of(animation=file, document=file)["attachments"]
    assert attachment["kind"] == "animation"


@pytest.mark.parametrize(
    ("fields", "attachment"),
    [
        (
            {"location": {"latitude": 1.5, "longitude": -2.5}},
            {"kind": "location", "latitude": 1.5, "longitude": -2.5},
        ),
        (
            {
                "venue": {"title": "The Bar", "address": "Main St"},
                "location": {"latitude": 1.5, "longitude": 2.5},
            },
            {"kind": "location", "latitude": 1.5, "longitude": 2.5, "text": "The Bar, Main St"},
        ),
        (
            {"contact": {"phone_number": "+12", "first_name": "Bob"}},
            {"kind": "contact", "text": "Bob, +12"},
        ),
        (
            {"poll": {"question": "Which?", "options": [{"text": "a"}, {"text": "b"}]}},
            {"kind": "poll", "text": "Which? (a / b)"},
        ),
        ({"dice": {"emoji": "🎲", "value": 4}}, {"kind": "dice", "text": "🎲 4"}),
        ({"story": {"id": 1}}, {"kind": "story"}),
        ({"poll": {"of": "next year"}}, {"kind": "poll"}),
    ],
)
def test_what_is_no_file_is_said_in_words(fields, attachment):
    assert event_of(**fields)["attachments"] == [attachment]


# Reactions and presses


def reaction(*new, **fields):
    return {"chat": GROUP, "message_id": 5, "date": 1000, "user": ALICE} | {
        "old_reaction": [],
        "new_reaction": list(new),
        **fields,
    }


THUMB = {"type": "emoji", "emoji": "👍"}


def test_reaction_says_all_that_is_shown_now():
    [arrival] = read("message_reaction", reaction(THUMB, {"type": "emoji", "emoji": "🔥"}))
    assert arrival.event == {
        "type": "telegram.reaction",
        "id": "5",
        "author": author_from_user(ALICE, US),
        "emoji": ["👍", "🔥"],
        "at": 1000.0,
    }


def test_reaction_that_is_taken_away_shows_nothing():
    assert read("message_reaction", reaction())[0].event["emoji"] == []


def test_custom_emoji_of_a_reaction_is_left_out():
    custom = {"type": "custom_emoji", "custom_emoji_id": "5"}
    assert read("message_reaction", reaction(custom, THUMB))[0].event["emoji"] == ["👍"]


def test_anonymous_reaction_is_that_of_its_chat():
    anonymous = reaction(THUMB, actor_chat=GROUP)
    del anonymous["user"]
    assert read("message_reaction", anonymous)[0].event["author"]["name"] == "Friends"


def test_press_names_its_button_and_its_token():
    query = {"id": "77", "from": ALICE, "message": message(), "data": "2"}
    [arrival] = read("callback_query", query)
    event = arrival.event
    assert (event["type"], event["id"], event["button"], event["token"]) == (
        "telegram.action",
        "7",
        "2",
        "telegram:default:-100|77",
    )


def test_press_in_a_topic_belongs_to_it():
    topic = message(message_thread_id=3, is_topic_message=True)
    [arrival] = read("callback_query", {"id": "7", "from": ALICE, "message": topic, "data": "0"})
    assert arrival.conversation == "telegram:default:-100:3"


# Authors


def test_person_has_a_private_conversation():
    assert author_from_user({**ALICE, "username": "alice"}, US) == {
        "id": "telegram:9",
        "name": "Alice Liddell",
        "handle": "alice",
        "kind": "person",
        "private": "telegram:default:9",
    }


def test_bot_has_no_private_conversation():
    author = author_from_user({**ALICE, "is_bot": True}, US)
    assert (author["kind"], author["private"]) == ("bot", None)


def test_channel_speaks_for_itself():
    post = {"message_id": 7, "date": 1, "chat": CHANNEL, "sender_chat": CHANNEL, "text": "news"}
    [arrival] = read("channel_post", post)
    assert arrival.event["author"] == {
        "id": "telegram:-200",
        "name": "News",
        "handle": "news",
        "kind": "chat",
        "private": None,
    }


def test_anonymous_administrator_speaks_as_the_group():
    assert event_of(text="hi", sender_chat=GROUP)["author"]["id"] == "telegram:-100"


def test_message_of_nobody_is_its_chats():
    [arrival] = read("message", {"message_id": 7, "date": 1, "chat": GROUP, "text": "hi"})
    assert arrival.event["author"]["id"] == "telegram:-100"


def test_person_without_a_readable_name_goes_by_the_number():
    assert author_from_user({"id": 9, "first_name": "\u200f"}, US)["name"] == "9"


# Commands


@pytest.mark.parametrize(
    ("text", "stripped", "foreign"),
    [
        ("/order@OurBot two", "/order two", False),
        ("/order@ourbot", "/order", False),
        ("/order two", "/order two", False),
        ("/order@OtherBot two", "/order@OtherBot two", True),
        ("hello /order@OurBot", "hello /order@OurBot", False),
        ("/order@OurBot, two", "/order@OurBot, two", False),
        ("/usr/bin@OurBot", "/usr/bin@OurBot", False),
    ],
)
def test_our_name_is_stripped_from_a_command(text, stripped, foreign):
    assert text_from_command(text, "OurBot") == (stripped, foreign)


def test_command_for_another_bot_is_marked_foreign():
    assert event_of(text="/start@OtherBot")["foreign"] is True


def test_other_texts_are_not_marked():
    assert "foreign" not in event_of(text="/start")


# Coming and going


def test_each_of_a_crowd_joins():
    bob = {"id": 10, "is_bot": False, "first_name": "Bob"}
    arrivals = read("message", message(new_chat_members=[ALICE, bob]))
    assert [(a.event["type"], a.event["author"]["id"]) for a in arrivals] == [
        ("telegram.join", "telegram:9"),
        ("telegram.join", "telegram:10"),
    ]


def test_each_of_a_crowd_has_a_delivery_of_its_own():
    bob = {"id": 10, "is_bot": False, "first_name": "Bob"}
    arrivals = read("message", message(new_chat_members=[ALICE, bob]))
    assert [arrival.delivery for arrival in arrivals] == ["42", "42.1"]


def test_who_goes_leaves():
    event = event_of(left_chat_member=ALICE)
    assert (event["type"], event["author"]["id"]) == ("telegram.leave", "telegram:9")


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("left", "member", "telegram.join"),
        ("member", "kicked", "telegram.leave"),
        ("administrator", "left", "telegram.leave"),
        ("member", "administrator", "telegram.update"),
    ],
)
def test_our_own_coming_and_going_is_told_by_the_change(before, after, name):
    us = {"id": 123, "is_bot": True, "first_name": "Our Bot"}
    change = {
        "chat": GROUP,
        "from": ALICE,
        "date": 1,
        "old_chat_member": {"user": us, "status": before},
        "new_chat_member": {"user": us, "status": after},
    }
    [arrival] = read("my_chat_member", change)
    assert arrival.event["type"] == name


def test_our_own_joining_is_not_told_twice():
    us = {"id": 123, "is_bot": True, "first_name": "Our Bot"}
    assert event_of(new_chat_members=[us])["type"] == "telegram.update"


def test_migration_names_both_conversations():
    update = {"update_id": 1, "message": message(migrate_to_chat_id=-300)}
    assert migration_from_update(update, US) == ("telegram:default:-100", "telegram:default:-300")


def test_other_messages_are_no_migration():
    assert migration_from_update({"update_id": 1, "message": message(text="hi")}, US) is None


# The rest


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("message", message(pinned_message={})),
        ("callback_query", {"id": "1", "from": ALICE, "message": message(), "data": "x"}),
        ("of_next_year", {"chat": GROUP}),
    ],
)
def test_what_has_no_common_kind_arrives_raw(kind, payload):
    [arrival] = read(kind, payload)
    assert arrival.event == {"type": "telegram.update", "raw": {"update_id": 42, kind: payload}}


def test_update_without_a_chat_belongs_to_its_person():
    [arrival] = read("inline_query", {"id": "1", "from": ALICE, "query": ""})
    assert arrival.conversation == "telegram:default:9"


@pytest.mark.parametrize(
    "update",
    [
        pytest.param({"update_id": 1}, id="empty"),
        pytest.param({"message": message(text="hi")}, id="no id"),
        pytest.param({"update_id": 1, "poll": {"id": "1"}}, id="about no chat"),
        pytest.param(
            {"update_id": 1, "message": {"message_id": 1, "chat": GROUP, "text": "hi"}},
            id="no date",
        ),
        pytest.param({"update_id": 1, "message": message(text=5)}, id="text is a number"),
        pytest.param({"update_id": 1, "message": message(text="a", chat=5)}, id="chat is a number"),
        pytest.param({"update_id": 2**70, "message": message(text="hi")}, id="id is too large"),
        pytest.param(None, id="nothing"),
    ],
)
def test_unreadable_update_says_so(update):
    with pytest.raises(Unreadable):
        arrivals_from_update(update, US)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = (
    "message_id",
    "date",
    "edit_date",
    "chat",
    "from",
    "sender_chat",
    "text",
    "caption",
    "photo",
    "reply_to_message",
    "is_topic_message",
    "message_thread_id",
    "new_chat_members",
    "left_chat_member",
    "migrate_to_chat_id",
    "entities",
    "quote",
    "forward_origin",
    "external_reply",
    "location",
    "poll",
    "sticker",
    "media_group_id",
    "new_reaction",
    "user",
    "message",
    "data",
)
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), JSON) | JSON
UPDATES = st.builds(
    lambda number, kind, payload: {"update_id": number, kind: payload},
    st.integers(0, 2**40) | JSON,
    st.sampled_from(
        [
            "message",
            "edited_message",
            "channel_post",
            "my_chat_member",
            "chat_member",
            "message_reaction",
            "callback_query",
            "poll",
        ]
    ),
    st.builds(
        lambda base, other: {**base, **other} if isinstance(other, dict) else other,
        st.just(message()),
        PAYLOADS,
    ),
)


@given(UPDATES | JSON)
def test_any_update_is_read_or_refused_and_nothing_else(update):
    with suppress(Unreadable):
        arrivals = arrivals_from_update(update, US)
        assert arrivals
        assert all(isinstance(arrival, Arrival) for arrival in arrivals)


@given(UPDATES | JSON)
def test_any_update_can_be_asked_for_a_migration(update):
    found = migration_from_update(update, US)
    assert found is None or len(found) == 2


@given(st.text())
def test_text_of_any_message_can_be_stored_anywhere(text):
    event = event_of(text=text)
    assert not any(char in event["text"] for char in "\x00\x0b\x1b\r\ud800\udfff\ufffe")


@given(JSON)
def test_what_is_stored_is_json_without_a_nul(payload):
    assert b"\\u0000" not in orjson.dumps(stored(payload))


def test_what_is_nested_too_deeply_is_stored_as_far_as_it_goes():
    deep = []
    for _ in range(900):
        deep = [deep]
    assert orjson.dumps(stored(deep))
