"""The simulated Bot API as its clients see it, by JSON, by form and through another library."""

import asyncio

import aiohttp
import pytest
import telegram
from aiohttp import web

from gateway.testing.botapi import BotApi

TOKEN = "123:abc"


@pytest.fixture
async def api():
    async with BotApi() as api:
        yield api


@pytest.fixture
def bot(api):
    return api.bot(TOKEN)


@pytest.fixture
def alice(api, bot):
    return api.user("Alice")


@pytest.fixture
async def ask(api):
    """Call a method; the status and the body of the answer."""
    async with aiohttp.ClientSession() as session:

        async def call(method, token=TOKEN, **parameters):
            url = f"{api.url}/bot{token}/{method}"
            async with session.post(url, json=parameters) as response:
                return response.status, await response.json()

        yield call


def queued(bot, kind="message"):
    return [update[kind] for update in bot.updates.waiting.values() if kind in update]


# Who asks, and how


async def test_bot_knows_itself(ask, bot):
    assert (await ask("getMe"))[1]["result"]["username"] == "OurBot"


@pytest.mark.parametrize(
    ("token", "status", "description"),
    [("999:xyz", 401, "Unauthorized"), ("nonsense", 404, "Not Found")],
)
async def test_wrong_token_is_refused(ask, bot, token, status, description):
    answer = {"ok": False, "error_code": status, "description": description}
    assert await ask("getMe", token) == (status, answer)


async def test_unknown_method_is_not_found(ask, bot):
    assert (await ask("getNothing"))[0] == 404


async def test_name_of_a_method_may_be_in_any_case(ask, bot):
    assert (await ask("GETME"))[0] == 200


async def test_parameters_may_come_as_a_form(api, alice):
    chat = api.private(alice)
    form = {"chat_id": str(chat.id), "text": "hi", "reply_parameters": '{"message_id": 1}'}
    await alice.says(chat, "hello")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{api.url}/bot{TOKEN}/sendMessage", data=form) as response,
    ):
        assert response.status == 200
    assert chat.messages[0]["reply_to_message"]["text"] == "hello"


async def test_parameters_may_come_in_the_address(api, alice):
    url = f"{api.url}/bot{TOKEN}/sendMessage?chat_id={api.private(alice).id}&text=hi"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200


async def test_another_library_speaks_with_it(api, bot, alice):
    group = api.group("Friends")
    await alice.says(group, "/start")
    async with telegram.Bot(TOKEN, base_url=f"{api.url}/bot") as client:
        [update] = await client.get_updates(timeout=0)
        sent = await client.send_message(group.id, "hi", reply_to_message_id=update.message.id)
        full = await client.get_chat(group.id)
        member = await client.get_chat_member(group.id, alice.id)
        info = await client.get_webhook_info()
    assert (update.message.text, sent.text) == ("/start", "hi")
    assert (full.title, member.status, info.pending_update_count) == ("Friends", "member", 1)


async def test_another_library_gets_a_file(api, bot, alice):
    await alice.sends_photo(bot, b"pixels", caption="look")
    base = {"base_url": f"{api.url}/bot", "base_file_url": f"{api.url}/file/bot"}
    async with telegram.Bot(TOKEN, **base) as client:
        [update] = await client.get_updates(timeout=0)
        file = await client.get_file(update.message.photo[-1].file_id)
        content = await file.download_as_bytearray()
    assert (update.message.caption, bytes(content)) == ("look", b"pixels")


# What is said


async def test_bot_hears_its_private_chat(bot, alice):
    await alice.says(bot, "hello")
    [message] = queued(bot)
    assert (message["chat"]["id"], message["chat"]["type"]) == (alice.id, "private")


async def test_bot_hears_neither_itself_nor_other_bots(api, ask, bot):
    other = api.bot("456:def", "OtherBot")
    group = api.group("Friends")
    await ask("sendMessage", chat_id=group.id, text="hi")
    assert (queued(bot), queued(other)) == ([], [])


async def test_channel_post_is_an_update_of_its_own(api, bot):
    await api.channel("News").posts("news")
    assert queued(bot, "channel_post")[0]["sender_chat"]["title"] == "News"


async def test_edit_is_an_update_of_its_own(bot, alice):
    await alice.edits(bot, await alice.says(bot, "helo"), "hello")
    [edited] = queued(bot, "edited_message")
    assert (edited["text"], "edit_date" in edited) == ("hello", True)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("hello", False),
        ("/start", True),
        ("/start@OurBot", True),
        ("/start@OtherBot", False),
        ("/usr/bin", False),
    ],
)
async def test_privacy_mode_hides_what_is_not_meant_for_the_bot(api, text, seen):
    bot = api.bot(TOKEN, can_read_all_group_messages=False)
    await api.user("Alice").says(api.group("Friends"), text)
    assert bool(queued(bot)) is seen


async def test_privacy_mode_hides_no_private_chat(api):
    bot = api.bot(TOKEN, can_read_all_group_messages=False)
    await api.user("Alice").says(bot, "hello")
    assert queued(bot)


async def test_privacy_mode_hides_nothing_from_an_administrator(api):
    bot = api.bot(TOKEN, can_read_all_group_messages=False)
    group = api.group("Friends")
    await group.promotes(bot)
    await api.user("Alice").says(group, "hello")
    assert queued(bot)


async def test_private_chats_and_groups_share_their_message_ids(api, bot, alice):
    first = await alice.says(bot, "one")
    second = await alice.says(api.group("Friends"), "two")
    assert second["message_id"] == first["message_id"] + 1


async def test_each_supergroup_has_message_ids_of_its_own(api, alice):
    ids = [
        (await alice.says(api.supergroup(title), "one"))["message_id"] for title in ("One", "Two")
    ]
    assert ids == [1, 1]


# sendMessage


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("", "Bad Request: message text is empty"),
        ("x" * 4097, "Bad Request: message is too long"),
        ("\U0001f600" * 2049, "Bad Request: message is too long"),
        ("x" * 40000, "Bad Request: text is too long"),
    ],
)
async def test_text_is_refused(api, ask, alice, text, description):
    answer = await ask("sendMessage", chat_id=api.private(alice).id, text=text)
    assert (answer[0], answer[1]["description"]) == (400, description)


@pytest.mark.parametrize("text", ["x" * 4096, "\U0001f600" * 2048])
async def test_text_of_4096_utf16_units_is_sent(api, ask, alice, text):
    assert (await ask("sendMessage", chat_id=api.private(alice).id, text=text))[0] == 200


@pytest.mark.parametrize(
    ("parameters", "description"),
    [
        ({}, "Bad Request: chat_id is empty"),
        ({"chat_id": 5}, "Bad Request: chat not found"),
        ({"chat_id": "@nobody"}, "Bad Request: chat not found"),
    ],
)
async def test_chat_must_be_known(ask, bot, parameters, description):
    assert (await ask("sendMessage", text="hi", **parameters))[1]["description"] == description


async def test_public_chat_goes_by_its_name(api, ask, bot):
    api.channel("News", username="news")
    assert (await ask("sendMessage", chat_id="@news", text="hi"))[0] == 200


async def test_blocked_bot_may_not_write(api, ask, bot, alice):
    await alice.blocks(bot)
    status, answer = await ask("sendMessage", chat_id=alice.id, text="hi")
    assert (status, answer["description"]) == (403, "Forbidden: bot was blocked by the user")


async def test_kicked_bot_may_not_write_and_hears_no_more(api, ask, bot, alice):
    group = api.supergroup("Friends")
    await group.kicks(bot)
    await alice.says(group, "hello")
    status, answer = await ask("sendMessage", chat_id=group.id, text="hi")
    expected = (403, "Forbidden: bot was kicked from the supergroup chat", [])
    assert (status, answer["description"], queued(bot)) == expected


async def test_kicked_bot_is_told(api, bot):
    await api.group("Friends").kicks(bot)
    assert queued(bot, "my_chat_member")[0]["new_chat_member"]["status"] == "kicked"


async def test_migrated_group_names_the_supergroup(api, ask, bot, alice):
    group = api.group("Friends")
    new = await group.migrates()
    status, answer = await ask("sendMessage", chat_id=group.id, text="hi")
    assert (status, answer["parameters"]) == (400, {"migrate_to_chat_id": new.id})
    assert [m.get("migrate_to_chat_id") for m in queued(bot)] == [new.id, None]


async def test_answer_to_nothing_is_refused(api, ask, alice):
    parameters = {"chat_id": api.private(alice).id, "text": "hi"}
    _, answer = await ask("sendMessage", **parameters, reply_parameters={"message_id": 9})
    assert answer["description"] == "Bad Request: message to be replied not found"


async def test_topic_must_exist(api, ask, bot):
    forum = api.supergroup("Forum", forum=True)
    _, answer = await ask("sendMessage", chat_id=forum.id, text="hi", message_thread_id=9)
    assert answer["description"] == "Bad Request: message thread not found"


async def test_administrators_are_listed(api, ask, bot, alice):
    group = api.group("Friends")
    await group.promotes(alice, "creator")
    answer = (await ask("getChatAdministrators", chat_id=group.id))[1]["result"]
    assert [(member["user"]["id"], member["status"]) for member in answer] == [
        (alice.id, "creator")
    ]


# Faults


async def test_flood_names_the_wait(api, ask, alice):
    api.faults.flood(seconds=3)
    status, answer = await ask("sendMessage", chat_id=api.private(alice).id, text="hi")
    assert (status, answer["parameters"]) == (429, {"retry_after": 3})


async def test_fault_strikes_as_often_as_it_was_told(api, ask, alice):
    api.faults.flood(times=2)
    parameters = {"chat_id": api.private(alice).id, "text": "hi"}
    assert [(await ask("sendMessage", **parameters))[0] for _ in range(3)] == [429, 429, 200]


async def test_fault_may_strike_each_third_request(api, ask, bot):
    api.faults.flood("getMe", times=None).every = 3
    assert [(await ask("getMe"))[0] for _ in range(6)] == [200, 200, 429, 200, 200, 429]


async def test_fault_may_strike_one_chat_only(api, ask, alice):
    group = api.group("Friends")
    api.faults.flood(chat=group.id)
    assert (await ask("sendMessage", chat_id=api.private(alice).id, text="hi"))[0] == 200
    assert (await ask("sendMessage", chat_id=group.id, text="hi"))[0] == 429


@pytest.mark.parametrize(("after", "texts"), [(False, []), (True, ["hi"])])
async def test_reset_comes_before_or_after_the_effect(api, ask, alice, after, texts):
    chat = api.private(alice)
    api.faults.reset("sendMessage", after=after)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("sendMessage", chat_id=chat.id, text="hi")
    assert chat.texts == texts


async def test_silence_answers_never(api, ask, bot):
    api.faults.silence("getMe")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ask("getMe")


async def test_outage_refuses_connections_until_it_is_over(api, ask, bot):
    async with api.faults.outage():
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask("getMe")
    assert (await ask("getMe"))[0] == 200


async def test_proxy_answers_in_html(api, bot):
    api.faults.answer("getMe", 502)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{api.url}/bot{TOKEN}/getMe") as response,
    ):
        assert (response.status, response.content_type) == (502, "text/html")


# Webhooks


@pytest.fixture
async def hook():
    """A webhook: what came to it, and what it answers next."""
    came, answers = [], []

    async def take(request):
        update = await request.json()
        came.append(
            (update["message"]["text"], request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        )
        return answers.pop(0) if answers else web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", came, answers
    await runner.cleanup()


async def emptied(bot):
    await bot.updates.bell.until(lambda: not bot.updates.waiting, 10)


async def test_webhook_gets_what_is_said_with_the_secret(ask, bot, alice, hook):
    url, came, _ = hook
    await ask("setWebhook", url=url, secret_token="secret")
    await alice.says(bot, "hello")
    await emptied(bot)
    assert came == [("hello", "secret")]


async def test_webhook_that_fails_gets_the_same_again_before_the_next(ask, bot, alice, hook):
    url, came, answers = hook
    answers += [web.Response(status=500), web.Response(status=503)]
    await alice.says(bot, "one")
    await alice.says(bot, "two")
    await ask("setWebhook", url=url)
    await emptied(bot)
    assert [text for text, _ in came] == ["one", "one", "one", "two"]


async def test_failure_of_a_webhook_is_told(ask, bot, alice, hook):
    url, _, answers = hook
    answers.append(web.Response(status=500))
    await ask("setWebhook", url=url)
    await alice.says(bot, "hello")
    await emptied(bot)
    info = (await ask("getWebhookInfo"))[1]["result"]
    assert "500" in info["last_error_message"]


async def test_answer_of_a_webhook_may_call_a_method(api, ask, bot, alice, hook):
    url, _, answers = hook
    body = {"method": "sendMessage", "chat_id": alice.id, "text": "hi"}
    answers.append(web.json_response(body))
    await ask("setWebhook", url=url)
    await alice.says(bot, "hello")
    await api.private(alice).wait_for("hi")


async def test_polling_conflicts_with_a_webhook(ask, bot, hook):
    await ask("setWebhook", url=hook[0])
    status, answer = await ask("getUpdates")
    assert (status, "webhook is active" in answer["description"]) == (409, True)


async def test_polling_goes_on_where_a_deleted_webhook_was(ask, bot, alice, hook):
    hook[2].extend(web.Response(status=500) for _ in range(1000))
    await ask("setWebhook", url=hook[0])
    await alice.says(bot, "hello")
    await bot.updates.bell.until(lambda: bot.hook.attempts > 1, 10)
    await ask("deleteWebhook")
    assert [u["message"]["text"] for u in (await ask("getUpdates"))[1]["result"]] == ["hello"]


async def test_pending_updates_are_dropped_on_request_only(ask, bot, alice):
    await alice.says(bot, "hello")
    await ask("deleteWebhook")
    assert bot.updates.waiting
    await ask("deleteWebhook", drop_pending_updates=True)
    assert not bot.updates.waiting


@pytest.mark.parametrize(
    "parameters",
    [{"url": "http://example.org/"}, {"url": "https://example.org/", "secret_token": "a b"}],
)
async def test_bad_webhook_is_refused(ask, bot, parameters):
    assert (await ask("setWebhook", **parameters))[0] == 400


async def test_wait_that_fails_says_what_was_there(api, ask, alice):
    chat = api.private(alice)
    await ask("sendMessage", chat_id=chat.id, text="something else")
    with pytest.raises(TimeoutError, match="something else"):
        await chat.wait_for("hello", seconds=0.01)
