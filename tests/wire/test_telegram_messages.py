"""Whole messages against the simulated Bot API: spans, edits, reactions, buttons and files."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from gateway.testing.botapi import BotApi, Timing
from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import (
    DeliveryError,
    LedgerAway,
    MediaError,
    NotSent,
    Refused,
    Uncertain,
)
from protocols.telegram.intake import Intake
from protocols.telegram.polling import Patience
from protocols.telegram.server import Server
from protocols.telegram.settings import Settings

TOKEN = "123456:A-very_secret-token"
PNG = b"\x89PNG\r\n\x1a\n and the rest"


class Impatient(Server):
    """The server with short waits."""

    patience = Patience(poll=2, answer=0.5, shortest=0.02, longest=0.1, rival=0.05)


@pytest.fixture
async def api():
    async with BotApi(timing=Timing(repeat=0.02, hurry=0, conflict=0.05)) as api:
        yield api


@pytest.fixture
def bot(api):
    return api.bot(TOKEN, "OurBot")


@pytest.fixture
def alice(api, bot):
    return api.user("Alice")


@pytest.fixture
def group(api, bot):
    return api.supergroup("Friends")


@pytest.fixture
def port():
    return MemoryPort("telegram:default")


@pytest.fixture
async def server(request, api, bot, port):
    """The server; its parameter is how long a press waits for its answer."""

    class Answering(Impatient):
        answer_seconds = getattr(request, "param", Impatient.answer_seconds)

    server = Answering("telegram:default", Settings(token=TOKEN, api_url=api.url), port)
    yield server
    await server.close()


@asynccontextmanager
async def running(api, server):
    """A server at work, that has said what it wants to hear."""
    task = asyncio.create_task(server.run())
    try:
        await api.wait_for_call("getUpdates")
        yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def key_of(chat):
    return f"telegram:default:{chat.id}"


async def send(server, chat, kind="message", **fields):
    key = chat if isinstance(chat, str) else key_of(chat)
    return await server.deliver(key, server.facts(key), {"type": f"chat.{kind}", **fields})


def attachment(tmp_path, port, content, kind="document", **more):
    """An attachment whose file the port has."""
    path = tmp_path / "file"
    path.write_bytes(content)
    port.media.files["https://example.org/a"] = path
    return {"kind": kind, "source": "https://example.org/a", "name": "a.bin", **more}


async def fetch(server, source):
    return b"".join([piece async for piece in server.open(source)])


# In


async def test_everything_that_people_send_arrives(api, alice, bot, group, port, server):
    await group.promotes(bot)
    async with running(api, server):
        said = await alice.says(group, "hello")
        await alice.edits(group, said, "hello, all")
        await alice.sends_photo(group, caption="look")
        await alice.sends_sticker(group)
        await alice.sends_location(group, 1.5, 2.5)
        await alice.reacts(group, said, "👍")
        await port.wait_for(7)
    assert [arrival.event["type"].partition(".")[2] for arrival in port.accepted] == [
        "update",  # what the bot may
        "message",
        "edit",
        "message",
        "message",
        "message",
        "reaction",
    ]


async def test_reaction_in_a_topic_belongs_to_it(api, alice, bot, port, server):
    forum = api.supergroup("Forum", forum=True)
    await forum.promotes(bot)
    thread = forum.topic("News")
    async with running(api, server):
        said = await alice.says(forum, "hello", thread=thread)
        await port.wait_for(3)
        await alice.reacts(forum, said, "👍")
        arrival = (await port.wait_for(4))[3]
    assert (arrival.conversation, arrival.facts["thread"]) == (
        f"{key_of(forum)}:{thread}",
        str(thread),
    )


async def test_reaction_to_what_we_said_in_a_topic_belongs_to_it(api, alice, bot, port, server):
    forum = api.supergroup("Forum", forum=True)
    await forum.promotes(bot)
    thread = forum.topic("News")
    async with running(api, server):
        await send(server, f"{key_of(forum)}:{thread}", text="hi")
        await alice.reacts(forum, forum.messages[0], "👍")
        arrival = (await port.wait_for(3))[2]
    assert arrival.conversation == f"{key_of(forum)}:{thread}"


async def test_reaction_of_long_after_is_looked_up(api, alice, bot, port, server):
    forum = api.supergroup("Forum", forum=True)
    await forum.promotes(bot)
    said = await alice.says(forum, "hello", thread=forum.topic("News"))
    bot.updates.drop()
    port.topics[key_of(forum), str(said["message_id"])] = f"{key_of(forum)}:3"
    async with running(api, server):
        await alice.reacts(forum, said, "👍")
        [arrival] = await port.wait_for(1)
    assert (arrival.conversation, arrival.facts["thread"]) == (f"{key_of(forum)}:3", "3")


async def test_who_comes_is_told_once(api, alice, bot, group, port, server):
    await group.promotes(bot)
    async with running(api, server):
        await alice.joins(group)
        await alice.leaves(group)
        await alice.joins(group, told=False)
        await alice.says(group, "hello")
        await port.wait_for(5)
    kinds = [arrival.event["type"].partition(".")[2] for arrival in port.accepted]
    assert kinds == ["update", "join", "leave", "join", "message"]


# Words


async def test_spans_arrive_as_entities(group, server):
    spans = [{"style": "bold", "start": 1, "end": 3}]
    await send(server, group, text="😀hi", spans=spans)
    assert group.messages[0]["entities"] == [{"type": "bold", "offset": 2, "length": 2}]


async def test_message_is_changed(group, server):
    native = await send(server, group, text="helo")
    again = await send(server, group, "edit", id=native, text="hello")
    assert (group.texts, again) == (["hello"], native)


async def test_change_that_changes_nothing_is_well(group, server):
    native = await send(server, group, text="hello")
    assert await send(server, group, "edit", id=native, text="hello") == native


async def test_change_of_a_caption_is_found_out(group, port, server, tmp_path):
    attachments = [attachment(tmp_path, port, PNG, "photo", type="image/png")]
    native = await send(server, group, text="lok", attachments=attachments)
    await send(server, group, "edit", id=native, text="look")
    assert group.messages[0]["caption"] == "look"


async def test_change_of_what_became_words_is_found_out(group, server):
    native = await send(server, group, text="[photo]")
    gone = [{"kind": "photo", "source": "https://example.org/a"}]
    await send(server, group, "edit", id=native, text="look", attachments=gone)
    assert group.texts == ["look"]


@pytest.mark.parametrize(("kind", "code"), [("edit", "too_old"), ("delete", "too_old")])
async def test_what_cannot_be_changed_any_more_is_too_old(alice, group, server, kind, code):
    said = await alice.says(group, "hello")
    with pytest.raises(Refused) as refused:
        await send(server, group, kind, id=str(said["message_id"]), text="hi")
    assert refused.value.code == code


async def test_message_is_taken_away(group, server):
    native = await send(server, group, text="hello")
    await send(server, group, "delete", id=native)
    assert group.messages == []


async def test_what_is_gone_already_is_taken_away(group, server):
    assert await send(server, group, "delete", id="99") is None


async def test_message_of_two_days_stays(group, server):
    native = await send(server, group, text="hello")
    group.age(group.messages[0], 49 * 3600)
    with pytest.raises(Refused, match="can't be deleted") as refused:
        await send(server, group, "delete", id=native)
    assert refused.value.code == "too_old"


async def test_change_of_what_is_not_there_is_not_found(group, server):
    with pytest.raises(Refused) as refused:
        await send(server, group, "edit", id="99", text="hi")
    assert refused.value.code == "not_found"


# Reactions and buttons


async def test_reaction_is_shown_and_taken_away(alice, bot, group, server):
    number = (await alice.says(group, "hello"))["message_id"]
    await send(server, group, "reaction", id=str(number), emoji=["❤\ufe0f"])
    shown = group.reactions.to(number)
    await send(server, group, "reaction", id=str(number), emoji=[])
    assert (shown, group.reactions.to(number)) == ({bot.id: ["❤"]}, {})


BUTTONS = [[{"text": "Yes", "data": "y"}, {"text": "No", "data": "n"}]]


async def test_press_arrives_with_its_number(api, alice, group, port, server):
    async with running(api, server):
        native = await send(server, group, text="?", buttons=BUTTONS)
        await alice.presses(group, group.messages[0], "No")
        [arrival] = await port.wait_for(1)
    assert (arrival.event["id"], arrival.event["button"]) == (native, "1")


async def test_press_is_answered(api, alice, group, port, server):
    async with running(api, server):
        await send(server, group, text="?", buttons=BUTTONS)
        press = await alice.presses(group, group.messages[0])
        [arrival] = await port.wait_for(1)
        await send(server, group, "answer", token=arrival.event["token"], text="Thanks")
        assert (await press.answered())["text"] == "Thanks"


@pytest.mark.parametrize("server", [0.2], indirect=True)
async def test_press_that_nobody_answers_is_answered_with_nothing(api, alice, group, port, server):
    async with running(api, server):
        await send(server, group, text="?", buttons=BUTTONS)
        press = await alice.presses(group, group.messages[0])
        assert (await press.answered())["text"] == ""


@pytest.mark.parametrize("server", [2], indirect=True)
async def test_press_is_answered_once(api, alice, group, port, server):
    async with running(api, server):
        await send(server, group, text="?", buttons=BUTTONS)
        await alice.presses(group, group.messages[0])
        [arrival] = await port.wait_for(1)
        await send(server, group, "answer", token=arrival.event["token"], text="Thanks")
        second = await alice.presses(group, group.messages[0])
        await second.answered()
    assert len(await api.wait_for_call("answerCallbackQuery", 2)) == 2


async def test_answer_that_comes_too_late_is_well(group, server):
    assert await send(server, group, "answer", token=f"{key_of(group)}|77", text="ok") is None


async def test_press_waits_for_its_answer_only_when_it_is_on_disk(alice, bot, group, port, server):
    await send(server, group, text="?", buttons=BUTTONS)
    await alice.presses(group, group.messages[0])
    pressed = []
    intake = Intake(port, server.us, pressed=pressed.append)
    port.away = True
    with pytest.raises(LedgerAway):
        await intake.take(list(bot.updates.waiting.values()))
    port.away = False
    before = list(pressed)
    await intake.take(list(bot.updates.waiting.values()))
    assert (before, len(pressed)) == ([], 1)


# Files out


@pytest.mark.parametrize(
    ("kind", "media_type", "content"),
    [
        ("photo", "image/png", PNG),
        ("document", "text/plain", b"words"),
        ("video", "video/mp4", b"a video"),
        ("audio", "audio/mpeg", b"music"),
        ("voice", "audio/ogg", b"a voice"),
        ("animation", "video/mp4", b"an animation"),
        ("sticker", "image/webp", b"a sticker"),
    ],
)
async def test_file_is_sent_along(api, group, port, server, tmp_path, kind, media_type, content):
    attachments = [attachment(tmp_path, port, content, kind, type=media_type)]
    native = await send(server, group, text="", attachments=attachments)
    [message] = group.messages
    file = message[kind][-1] if kind == "photo" else message[kind]
    assert (str(message["message_id"]), api.files.content(file["file_id"])) == (native, content)


async def test_caption_has_its_spans(group, port, server, tmp_path):
    attachments = [attachment(tmp_path, port, PNG, "photo", type="image/png")]
    spans = [{"style": "bold", "start": 0, "end": 4}]
    await send(server, group, text="look", spans=spans, attachments=attachments)
    [message] = group.messages
    assert (message["caption"], message["caption_entities"][0]["type"]) == ("look", "bold")


async def test_name_and_type_of_a_file_are_kept(group, port, server, tmp_path):
    about = {"name": "Größe „2“.txt", "type": "text/plain"}
    attachments = [attachment(tmp_path, port, b"words") | about]
    await send(server, group, text="", attachments=attachments)
    document = group.messages[0]["document"]
    assert (document["file_name"], document["mime_type"]) == (about["name"], about["type"])


async def test_own_file_is_not_sent_again(api, alice, group, server):
    said = await alice.sends_voice(group)
    source = f"telegram:default/{said['voice']['file_id']}"
    await send(server, group, text="", attachments=[{"kind": "voice", "source": source}])
    assert group.messages[0]["voice"]["file_id"] == said["voice"]["file_id"]


async def test_own_file_that_telegram_forgot_is_sent_along(
    api, alice, group, port, server, tmp_path
):
    said = await alice.sends_voice(group)
    file_id = said["voice"]["file_id"]
    api.files.forget(file_id)
    known = attachment(tmp_path, port, b"a voice", "voice") | {
        "source": f"telegram:default/{file_id}"
    }
    port.media.files[known["source"]] = port.media.files["https://example.org/a"]
    await send(server, group, text="", attachments=[known])
    assert api.files.content(group.messages[0]["voice"]["file_id"]) == b"a voice"


async def test_round_video_is_sent_along_as_a_video(api, alice, group, port, server, tmp_path):
    said = await alice.sends_file(group, "video_note", b"round")
    source = f"telegram:default/{said['video_note']['file_id']}"
    file = attachment(tmp_path, port, b"round", "video", type="video/mp4")
    port.media.files[source] = port.media.files[file["source"]]
    await send(server, group, text="", attachments=[file | {"source": source}])
    assert api.files.content(group.messages[0]["video"]["file_id"]) == b"round"


async def test_picture_that_is_none_becomes_a_document(group, port, server, tmp_path):
    attachments = [attachment(tmp_path, port, b"words", "photo", type="image/png")]
    await send(server, group, text="look", attachments=attachments)
    assert (group.messages[0]["caption"], "document" in group.messages[0]) == ("look", True)


async def test_file_that_cannot_be_had_refuses_with_its_code(group, port, server):
    port.media.files["https://example.org/a"] = MediaError("gone", "It is gone.")
    attachments = [{"kind": "photo", "source": "https://example.org/a"}]
    with pytest.raises(Refused) as refused:
        await send(server, group, text="", attachments=attachments)
    assert refused.value.code == "gone"


async def test_file_that_may_be_had_later_is_not_sent(group, port, server):
    port.media.files["https://example.org/a"] = MediaError("gone", "Not now.", again=True)
    attachments = [{"kind": "photo", "source": "https://example.org/a"}]
    with pytest.raises(NotSent):
        await send(server, group, text="", attachments=attachments)


async def test_file_over_the_limit_is_too_large(group, port, server, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    port.media.files["large"] = path
    with pytest.raises(Refused) as refused:
        await send(server, group, text="", attachments=[{"kind": "document", "source": "large"}])
    assert refused.value.code == "too_large"


async def test_proxy_that_takes_less_makes_a_file_too_large(api, group, port, server, tmp_path):
    api.faults.answer("sendDocument", 413, times=None)
    attachments = [attachment(tmp_path, port, b"words")]
    with pytest.raises(Refused) as refused:
        await send(server, group, text="", attachments=attachments)
    assert refused.value.code == "too_large"


async def test_upload_that_dies_after_it_was_written_is_uncertain(
    api, group, port, server, tmp_path
):
    api.faults.reset("sendDocument", after=True)
    with pytest.raises(Uncertain):
        await send(server, group, text="", attachments=[attachment(tmp_path, port, b"words")])


async def test_upload_that_no_server_takes_is_not_sent(api, group, port, server, tmp_path):
    async with api.faults.outage():
        with pytest.raises(NotSent):
            await send(server, group, text="", attachments=[attachment(tmp_path, port, b"words")])


async def test_upload_cut_in_the_middle_is_not_sent(group, port, server, tmp_path):
    async def cut(reader, writer):
        await reader.readexactly(100_000)
        writer.transport.abort()

    listener = await asyncio.start_server(cut, "127.0.0.1", 0)
    port_number = listener.sockets[0].getsockname()[1]
    settings = Settings(token=TOKEN, api_url=f"http://127.0.0.1:{port_number}")
    other = Impatient("telegram:default", settings, port)
    attachments = [attachment(tmp_path, port, bytes(20 * 1024 * 1024))]
    with pytest.raises(NotSent):
        await send(other, group, text="", attachments=attachments)
    await other.close()
    listener.close()


# Files in


async def test_file_can_be_had(api, alice, group, port, server):
    async with running(api, server):
        await alice.sends_document(group, b"words" * 100_000)
        [arrival] = await port.wait_for(1)
    [file] = arrival.event["attachments"]
    assert await fetch(server, file["source"]) == b"words" * 100_000


@pytest.mark.parametrize("source", ["telegram:shop/f", "telegram:default/unknown"])
async def test_file_that_is_not_ours_is_gone(server, source):
    with pytest.raises(MediaError) as error:
        await fetch(server, source)
    assert (error.value.code, error.value.again) == ("gone", False)


async def test_file_that_is_too_large_is_told(alice, group, server):
    said = await alice.sends_document(group, size=21 * 1024 * 1024)
    with pytest.raises(MediaError) as error:
        await fetch(server, f"telegram:default/{said['document']['file_id']}")
    assert error.value.code == "too_large"


@pytest.mark.parametrize("method", ["getFile", "file"])
async def test_file_may_be_had_later(api, alice, group, server, method):
    said = await alice.sends_document(group)
    source = f"telegram:default/{said['document']['file_id']}"
    api.faults.answer(method, 502)
    with pytest.raises(MediaError) as error:
        await fetch(server, source)
    assert (error.value.again, await fetch(server, source)) == (True, b"a document")


async def test_neither_address_nor_token_is_told(api, alice, group, port, server, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    said = await alice.sends_document(group)
    source = f"telegram:default/{said['document']['file_id']}"
    file = attachment(tmp_path, port, b"words")
    attempts = {
        "getFile": lambda: fetch(server, source),
        "file": lambda: fetch(server, source),
        "sendDocument": lambda: send(server, group, text="", attachments=[file]),
    }
    errors = []
    for method, attempt in attempts.items():
        for fault in (api.faults.reset, api.faults.answer):
            rule = fault(method, times=None)
            with pytest.raises((MediaError, DeliveryError)) as error:
                await attempt()
            rule.stop()
            errors.append(str(error.value))
    told = caplog.text + "".join(errors)
    assert (TOKEN.partition(":")[2] in told, "documents/file" in told) == (False, False)
