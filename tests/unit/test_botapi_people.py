"""What people and bots do to messages in the simulated Bot API, and who hears of it."""

import io

import aiohttp
import pytest
import telegram
from telegram.constants import ReactionEmoji

from gateway.testing.botapi import BotApi, Timing
from gateway.testing.botapi.reactions import EMOJI

TOKEN = "123:abc"
PNG = b"\x89PNG\r\n\x1a\n and the rest"
ALL = ["message", "edited_message", "message_reaction", "message_reaction_count", "callback_query"]
KEYBOARD = {
    "inline_keyboard": [
        [{"text": "Yes", "callback_data": "0"}],
        [{"text": "No", "callback_data": "1"}],
    ]
}


@pytest.fixture
async def api():
    async with BotApi(timing=Timing(press=0.2)) as api:
        yield api


@pytest.fixture
def bot(api):
    bot = api.bot(TOKEN)
    bot.updates.allow([*ALL, "chat_member"])
    return bot


@pytest.fixture
def alice(api, bot):
    return api.user("Alice")


@pytest.fixture
def group(api, alice):
    return api.supergroup("Friends")


@pytest.fixture
async def ask(api):
    """Call a method; the result, or the description of the refusal."""
    async with aiohttp.ClientSession() as session:

        async def call(method, **parameters):
            url = f"{api.url}/bot{TOKEN}/{method}"
            async with session.post(url, json=parameters) as response:
                answer = await response.json()
                return answer.get(
                    "result", answer.get("description", "").removeprefix("Bad Request: ")
                )

        yield call


@pytest.fixture
async def upload(api):
    """Call a method with files; the result, or the description of the refusal."""
    async with aiohttp.ClientSession() as session:

        async def call(method, files, **parameters):
            form = aiohttp.FormData({name: str(value) for name, value in parameters.items()})
            for name, (filename, content, kind) in files.items():
                form.add_field(name, content, filename=filename, content_type=kind)
            async with session.post(f"{api.url}/bot{TOKEN}/{method}", data=form) as response:
                answer = await response.json()
                return answer.get("result", answer.get("description"))

        yield call


def queued(bot, kind="message"):
    return [update[kind] for update in bot.updates.waiting.values() if kind in update]


# Entities


async def test_entities_move_with_the_text_that_is_stripped(ask, group):
    entities = [{"type": "bold", "offset": 2, "length": 2}]
    sent = await ask("sendMessage", chat_id=group.id, text="  hi ", entities=entities)
    assert (sent["text"], sent["entities"]) == ("hi", [{"type": "bold", "offset": 0, "length": 2}])


@pytest.mark.parametrize(
    ("text", "offset", "length", "words"),
    [
        ("hi", 3, 1, "entity begins after the end"),
        ("hi", 0, 3, "entity ends after the end"),
        ("\U0001f600", 1, 1, "entity begins in a middle"),
        ("\U0001f600", 0, 1, "entity ends in a middle"),
    ],
)
async def test_entity_outside_the_text_is_refused(ask, group, text, offset, length, words):
    entities = [{"type": "bold", "offset": offset, "length": length}]
    assert words in await ask("sendMessage", chat_id=group.id, text=text, entities=entities)


# Edits


async def test_edit_of_a_bot_changes_its_message(ask, group):
    sent = await ask("sendMessage", chat_id=group.id, text="helo")
    await ask("editMessageText", chat_id=group.id, message_id=sent["message_id"], text="hello")
    assert group.texts == ["hello"]


async def test_edit_without_a_keyboard_takes_it_away(ask, group):
    sent = await ask("sendMessage", chat_id=group.id, text="helo", reply_markup=KEYBOARD)
    await ask("editMessageText", chat_id=group.id, message_id=sent["message_id"], text="hello")
    assert "reply_markup" not in group.messages[0]


async def test_keyboard_can_be_changed_alone(ask, group):
    sent = await ask("sendMessage", chat_id=group.id, text="hi")
    about = {"chat_id": group.id, "message_id": sent["message_id"], "reply_markup": KEYBOARD}
    assert (await ask("editMessageReplyMarkup", **about))["reply_markup"] == KEYBOARD


async def test_edit_of_a_caption(ask, upload, group):
    files = {"photo": ("a.png", PNG, "image/png")}
    sent = await upload("sendPhoto", files, chat_id=group.id, caption="lok")
    about = {"chat_id": group.id, "message_id": sent["message_id"]}
    assert (await ask("editMessageCaption", **about, caption="look"))["caption"] == "look"


async def test_edit_that_changes_nothing_is_refused(ask, group):
    sent = await ask("sendMessage", chat_id=group.id, text="hi")
    said = await ask("editMessageText", chat_id=group.id, message_id=sent["message_id"], text="hi")
    assert said.startswith("message is not modified")


async def test_edit_of_what_is_not_there_is_refused(ask, group):
    said = await ask("editMessageText", chat_id=group.id, message_id=99, text="hi")
    assert said == "message to edit not found"


async def test_edit_of_what_somebody_else_said_is_refused(ask, group, alice):
    number = (await alice.says(group, "hi"))["message_id"]
    said = await ask("editMessageText", chat_id=group.id, message_id=number, text="ho")
    assert said == "message can't be edited"


async def test_photo_has_no_text_to_edit(ask, upload, group):
    sent = await upload("sendPhoto", {"photo": ("a.png", PNG, "image/png")}, chat_id=group.id)
    about = {"chat_id": group.id, "message_id": sent["message_id"]}
    assert (
        await ask("editMessageText", **about, text="hi")
        == "there is no text in the message to edit"
    )


async def test_update_that_waits_keeps_what_was_said_then(bot, group, alice):
    await alice.edits(group, await alice.says(group, "helo"), "hello")
    assert queued(bot)[0]["text"] == "helo"


# Deletes


async def test_deleted_message_is_gone(ask, group):
    sent = await ask("sendMessage", chat_id=group.id, text="hi")
    assert await ask("deleteMessage", chat_id=group.id, message_id=sent["message_id"]) is True
    assert (group.messages, group.history) == ([], [])


async def test_message_to_delete_has_to_be_there(ask, group):
    said = await ask("deleteMessage", chat_id=group.id, message_id=99)
    assert said == "message to delete not found"


async def test_message_older_than_48_hours_stays(ask, group):
    sent = await ask("sendMessage", chat_id=group.id, text="hi")
    group.age(sent, 49 * 3600)
    said = await ask("deleteMessage", chat_id=group.id, message_id=sent["message_id"])
    assert said == "message can't be deleted for everyone"


async def test_bot_deletes_others_messages_only_as_an_administrator(ask, api, bot, group, alice):
    number = (await alice.says(group, "hi"))["message_id"]
    before = await ask("deleteMessage", chat_id=group.id, message_id=number)
    await group.promotes(bot)
    after = await ask("deleteMessage", chat_id=group.id, message_id=number)
    assert (before, after) == ("message can't be deleted for everyone", True)


async def test_several_are_deleted_at_once_and_gaps_skipped(ask, group):
    numbers = [(await ask("sendMessage", chat_id=group.id, text="hi"))["message_id"] for _ in "ab"]
    assert await ask("deleteMessages", chat_id=group.id, message_ids=[*numbers, 99]) is True
    assert group.messages == []


# Reactions


async def test_reaction_of_a_bot_is_shown(ask, bot, group, alice):
    number = (await alice.says(group, "hi"))["message_id"]
    reaction = [{"type": "emoji", "emoji": "👍"}]
    await ask("setMessageReaction", chat_id=group.id, message_id=number, reaction=reaction)
    assert group.reactions.to(number) == {bot.id: ["👍"]}


@pytest.mark.parametrize(
    ("emoji", "description"),
    [
        (["👍", "👎"], "REACTIONS_TOO_MANY"),
        (["🐌"], "REACTION_INVALID"),
        (["a"], "REACTION_INVALID"),
    ],
)
async def test_reaction_of_a_bot_is_limited(ask, group, alice, emoji, description):
    number = (await alice.says(group, "hi"))["message_id"]
    reaction = [{"type": "emoji", "emoji": word} for word in emoji]
    said = await ask("setMessageReaction", chat_id=group.id, message_id=number, reaction=reaction)
    assert said == description


def test_list_of_reactions_is_that_of_another_library():
    assert {emoji.replace("\ufe0f", "") for emoji in ReactionEmoji} == EMOJI


async def test_reaction_is_told_to_an_administrator(bot, group, alice):
    await group.promotes(bot)
    said = await alice.says(group, "hi")
    await alice.reacts(group, said, "👍")
    await alice.reacts(group, said, "🔥")
    change = queued(bot, "message_reaction")[1]
    emoji = [[kind["emoji"] for kind in change[side]] for side in ("old_reaction", "new_reaction")]
    assert (change["user"]["id"], emoji) == (alice.id, [["👍"], ["🔥"]])


async def test_reaction_is_not_told_to_a_member(bot, group, alice):
    await alice.reacts(group, await alice.says(group, "hi"), "👍")
    assert not queued(bot, "message_reaction")


async def test_reaction_is_not_told_to_who_did_not_ask(api, bot, group, alice):
    bot.updates.allow([])
    await group.promotes(bot)
    await alice.reacts(group, await alice.says(group, "hi"), "👍")
    assert not queued(bot, "message_reaction")


async def test_reactions_to_a_channel_are_counted(api, bot, alice):
    channel = api.channel("News")
    await channel.promotes(bot)
    post = await channel.posts("news")
    await alice.reacts(channel, post, "👍")
    [count] = queued(bot, "message_reaction_count")
    assert [(c["type"]["emoji"], c["total_count"]) for c in count["reactions"]] == [("👍", 1)]


# Buttons


async def test_press_is_told_and_answered(ask, bot, group, alice):
    sent = await ask("sendMessage", chat_id=group.id, text="?", reply_markup=KEYBOARD)
    press = await alice.presses(group, sent, "No")
    [query] = queued(bot, "callback_query")
    await ask("answerCallbackQuery", callback_query_id=query["id"], text="why?")
    assert (query["data"], (await press.answered())["text"]) == ("1", "why?")


async def test_press_can_be_too_old_to_be_answered(ask, bot, group, alice):
    sent = await ask("sendMessage", chat_id=group.id, text="?", reply_markup=KEYBOARD)
    press = await alice.presses(group, sent)
    press.at -= 1
    said = await ask("answerCallbackQuery", callback_query_id=press.id)
    assert said.startswith("query is too old")


@pytest.mark.parametrize(
    ("button", "words"),
    [
        ({"text": "a", "callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "a"}, "Text buttons are unallowed"),
        ({"text": "a", "url": "gopher://a"}, "BUTTON_URL_INVALID"),
        ({"callback_data": "x"}, "must have text"),
    ],
)
async def test_button_is_refused(ask, group, button, words):
    markup = {"inline_keyboard": [[button]]}
    assert words in await ask("sendMessage", chat_id=group.id, text="?", reply_markup=markup)


# Files


async def test_upload_can_be_had_again(api, ask, upload, group):
    files = {"document": ("a.txt", b"words", "text/plain")}
    sent = await upload("sendDocument", files, chat_id=group.id)
    file = await ask("getFile", file_id=sent["document"]["file_id"])
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{api.url}/file/bot{TOKEN}/{file['file_path']}") as response,
    ):
        assert (sent["document"]["file_name"], await response.read()) == ("a.txt", b"words")


async def test_file_is_sent_again_by_its_id(ask, group, alice):
    said = await alice.sends_voice(group)
    sent = await ask("sendVoice", chat_id=group.id, voice=said["voice"]["file_id"])
    assert sent["voice"]["file_id"] == said["voice"]["file_id"]


async def test_file_is_sent_as_what_it_is(ask, group, alice):
    said = await alice.sends_voice(group)
    words = await ask("sendPhoto", chat_id=group.id, photo=said["voice"]["file_id"])
    assert words == "can't use file of type Voice as Photo"


async def test_unknown_file_is_refused(ask, group):
    words = await ask("sendPhoto", chat_id=group.id, photo="AgAC")
    assert words == "wrong file identifier/HTTP URL specified"


async def test_upload_of_more_than_50_megabytes_is_refused(upload, group):
    files = {"document": ("a", io.BytesIO(bytes(51 * 1024 * 1024)), "text/plain")}
    assert await upload("sendDocument", files, chat_id=group.id) == "Request Entity Too Large"


async def test_file_of_more_than_20_megabytes_is_not_to_be_had(ask, bot, alice):
    said = await alice.sends_document(bot, size=21 * 1024 * 1024)
    assert await ask("getFile", file_id=said["document"]["file_id"]) == "file is too big"


async def test_photo_has_to_be_a_picture(upload, group):
    said = await upload("sendPhoto", {"photo": ("a", b"words", "image/png")}, chat_id=group.id)
    assert said == "Bad Request: IMAGE_PROCESS_FAILED"


async def test_album_is_sent_at_once(upload, group):
    media = (
        '[{"type": "photo", "media": "attach://a", "caption": "look"},'
        ' {"type": "photo", "media": "attach://b"}]'
    )
    files = {"a": ("a.png", PNG, "image/png"), "b": ("b.png", PNG, "image/png")}
    sent = await upload("sendMediaGroup", files, chat_id=group.id, media=media)
    assert len({message["media_group_id"] for message in sent}) == 1


async def test_album_of_a_person_has_one_name(bot, alice):
    await alice.sends_album(bot, [b"1", b"2"], caption="look")
    assert len({message["media_group_id"] for message in queued(bot)}) == 1


# Other things


async def test_forward_names_its_author(bot, group, alice, api):
    said = await alice.says(group, "hi")
    forward = await api.user("Bob").forwards(bot, said)
    assert forward["forward_origin"]["sender_user"]["first_name"] == "Alice"


async def test_forward_of_a_shy_person_has_a_name_only(bot, group, alice, api):
    alice.hidden = True
    forward = await api.user("Bob").forwards(bot, await alice.says(group, "hi"))
    assert forward["forward_origin"]["sender_user_name"] == "Alice"


async def test_who_comes_is_told_to_an_administrator(bot, group, alice):
    await group.promotes(bot)
    await alice.joins(group, told=False)
    assert queued(bot, "chat_member")[0]["new_chat_member"]["status"] == "member"


async def test_another_library_reads_all_that_people_send(api, bot, alice, group):
    await group.promotes(bot)
    said = await alice.says(group, "hello", quote="")
    await alice.says(group, "hi", reply_to=said["message_id"], quote="hell")
    for send in ("photo", "document", "audio", "voice", "video", "animation", "sticker"):
        await getattr(alice, f"sends_{send}")(group)
    await alice.sends_location(group, 1.5, 2.5)
    await alice.sends_contact(group, "+123", "Bob")
    await alice.sends_poll(group, "Which?", "a", "b")
    await alice.forwards(group, said)
    await alice.answers_elsewhere(bot, said, "so?", "hello")
    await alice.reacts(group, said, "👍")
    async with telegram.Bot(TOKEN, base_url=f"{api.url}/bot") as client:
        updates = await client.get_updates(timeout=0, allowed_updates=[*ALL, "my_chat_member"])
    assert len(updates) == 15


async def test_another_library_sends_everything(api, bot, alice, group):
    async with telegram.Bot(TOKEN, base_url=f"{api.url}/bot") as client:
        await client.send_photo(group.id, PNG, caption="look")
        await client.send_document(group.id, b"words", filename="a.txt")
        await client.send_voice(group.id, b"a voice", duration=3)
        await client.send_video(group.id, b"a video")
        await client.send_animation(group.id, b"an animation")
        await client.send_audio(group.id, b"music", title="A song")
        await client.send_sticker(group.id, b"a sticker", emoji="😀")
        await client.send_location(group.id, 1.5, 2.5)
        await client.send_contact(group.id, "+123", "Bob")
        await client.send_poll(group.id, "Which?", ["a", "b"])
        media = [telegram.InputMediaPhoto(PNG), telegram.InputMediaPhoto(PNG)]
        sent = await client.send_media_group(group.id, media)
        await client.set_message_reaction(group.id, sent[0].message_id, "👍")
        await client.delete_message(group.id, sent[1].message_id)
    assert len(group.messages) == 11


async def test_a_person_shows_their_newest_photo_first(api, ask, alice):
    for content in (b"old", b"new"):
        alice.shows(content)
    found = await ask("getUserProfilePhotos", user_id=alice.id, limit=1)
    [sizes] = found["photos"]
    assert found["total_count"] == 2
    assert [size["width"] for size in sizes] == [160, 320, 640]
    assert api.files.content(sizes[0]["file_id"]) == b"new"


async def test_the_photos_of_nobody_cannot_be_had(ask, bot):
    assert await ask("getUserProfilePhotos", user_id=7) == "user not found"
