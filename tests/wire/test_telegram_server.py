"""The Telegram server against the simulated Bot API, one trouble at a time."""

import asyncio
import logging
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from gateway.delivery.status import State
from gateway.testing.botapi import BotApi, Timing
from gateway.testing.botapi.bell import Bell
from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import (
    CredentialsRefused,
    Delayed,
    DeliveryError,
    Moved,
    NotSent,
    Refused,
    Uncertain,
)
from protocols.telegram.intake import Intake
from protocols.telegram.polling import Patience
from protocols.telegram.server import Server
from protocols.telegram.settings import Settings
from protocols.telegram.translate import Identity
from protocols.telegram.webhook import Webhook, secret_from_settings

TOKEN = "123456:A-very_secret-token"
HOOK = "/hooks/telegram/default/"


class Impatient(Server):
    """The server with short waits."""

    patience = Patience(poll=2, answer=0.5, shortest=0.02, longest=0.1, rival=0.05)
    watch_seconds = 0.05


class Watched(MemoryPort):
    """A port whose status can be waited for."""

    def __init__(self, account="telegram:default"):
        super().__init__(account)
        self.bell = Bell()
        self.states = []
        self.status.listener = self._heard

    def _heard(self, status):
        self.states.append((status.state, status.detail))
        self.bell.ring()

    async def reaches(self, state, detail=""):
        """Wait until the status is, or was, this one."""
        met = lambda: any(s == state and detail in d for s, d in self.states)  # noqa: E731
        await self.bell.until(met, 10)

    async def returns_to(self, state):
        """Wait until the status is this one."""
        await self.bell.until(lambda: self.status.state == state, 10)


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
def port():
    return Watched()


def server_of(api, port, **settings):
    return Impatient("telegram:default", Settings(token=TOKEN, api_url=api.url, **settings), port)


@asynccontextmanager
async def running(api, port, **settings):
    """A server at work."""
    server = server_of(api, port, **settings)
    task = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.close()


@asynccontextmanager
async def hooked(api, port, **settings):
    """A server with a webhook, and what serves its mounts."""
    application = web.Application()

    async def serve(request):
        return await through_asgi(port, request)

    application.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with running(api, port, webhook_url=url, **settings) as server:
            yield server, url + HOOK
    finally:
        await runner.cleanup()


async def through_asgi(port, request):
    """One request through the ASGI application that is mounted at its path."""
    if request.path not in port.mounts:
        return web.Response(status=404)
    body = await request.read()
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    headers = [(name.lower(), value) for name, value in request.raw_headers]
    scope = {"type": "http", "method": request.method, "path": request.path, "headers": headers}
    await port.mounts[request.path](scope, receive, send)
    return web.Response(status=sent[0]["status"])


def texts(port):
    return [arrival.event.get("text") for arrival in port.accepted]


async def say(server, conversation, text="hello", **more):
    event = {"type": "chat.message", "text": text, **more}
    return await server.deliver(conversation, server.facts(conversation), event)


# Updates


async def test_what_is_said_arrives(api, alice, port):
    group = api.group("Friends")
    async with running(api, port):
        await alice.says(group, "hello")
        [arrival] = await port.wait_for(1)
    assert (arrival.conversation, arrival.event["text"]) == (
        f"telegram:default:{group.id}",
        "hello",
    )


async def test_what_was_said_while_we_were_away_arrives_in_order(api, alice, bot, port):
    said = [f"word {number}" for number in range(250)]
    for text in said:
        await alice.says(bot, text)
    async with running(api, port):
        await port.wait_for(250)
    assert texts(port) == said


async def test_number_of_waiting_updates_is_told_at_start(api, alice, bot, port, caplog):
    caplog.set_level(logging.INFO)
    await alice.says(bot, "one")
    await alice.says(bot, "two")
    async with running(api, port):
        await port.wait_for(2)
    assert "2 updates waiting" in caplog.text


async def test_update_is_confirmed_only_when_it_is_recorded(api, alice, bot, port):
    port.away = True
    await alice.says(bot, "hello")
    async with running(api, port):
        await port.reaches(State.DEGRADED, "ledger")
        assert len(bot.updates.waiting) == 1
        port.away = False
        await port.wait_for(1)
        await bot.updates.bell.until(lambda: not bot.updates.waiting, 10)


async def test_ledger_that_was_away_loses_and_repeats_nothing(api, alice, bot, port):
    async with running(api, port):
        await port.reaches(State.CONNECTED)
        port.away = True
        for number in range(5):
            await alice.says(bot, str(number))
        await port.reaches(State.DEGRADED, "ledger")
        port.away = False
        await port.wait_for(5)
        await port.returns_to(State.CONNECTED)
    assert texts(port) == list("01234")


async def test_poison_is_set_aside_and_the_rest_goes_on(api, alice, bot, port):
    await alice.says(bot, "before")
    poison = bot.push(
        "message", {"message_id": 1, "chat": {"id": 5, "type": "private"}, "text": ""}
    )
    await alice.says(bot, "after")
    async with running(api, port):
        await port.wait_for(2)
        await bot.updates.bell.until(lambda: not bot.updates.waiting, 10)
    assert texts(port) == ["before", "after"]
    assert [delivery for delivery, _, _ in port.dead] == [str(poison)]


async def test_updates_are_asked_for_by_kind(api, bot, port):
    async with running(api, port):
        [call] = (await api.wait_for_call("getUpdates"))[:1]
    assert "message" in call.parameters["allowed_updates"]


async def test_group_that_became_a_supergroup_moves(api, alice, bot, port):
    group = api.group("Friends")
    async with running(api, port):
        await alice.says(group, "before")
        new = await group.migrates()
        await alice.says(new, "after")
        await port.wait_for(3)
    assert port.moved == [(f"telegram:default:{group.id}", f"telegram:default:{new.id}")]


async def test_forum_topics_are_conversations(api, alice, port):
    forum = api.supergroup("Forum", forum=True)
    thread = forum.topic("News")
    async with running(api, port) as server:
        await alice.says(forum, "hello", thread=thread)
        arrival = (await port.wait_for(2))[1]
        await say(server, arrival.conversation, "hi")
        [message] = await forum.wait_for("hi")
    assert message["message_thread_id"] == thread


# Trouble while polling


async def test_unknown_token_is_refused(api, port):
    server = server_of(api, port)
    with pytest.raises(CredentialsRefused, match="BotFather"):
        await server.run()
    await server.close()


async def test_token_revoked_while_polling_is_refused(api, bot, port):
    server = server_of(api, port)
    task = asyncio.create_task(server.run())
    await port.reaches(State.CONNECTED)
    api.revoke(bot)
    bot.push("message", {})
    with pytest.raises(CredentialsRefused):
        await asyncio.wait_for(task, 10)
    await server.close()


async def test_another_poller_is_named_and_outlasted(api, alice, bot, port):
    url = f"{api.url}/bot{TOKEN}/getUpdates"
    async with running(api, port), aiohttp.ClientSession() as rival:
        await api.wait_for_call("getUpdates", 2)
        async with rival.post(url, json={"offset": 1, "timeout": 0.3}) as response:
            await response.read()
        await rival.post(url, json={"offset": 1, "timeout": 1})
        await port.reaches(State.ELSEWHERE, "another program")
        await port.returns_to(State.CONNECTED)
        await alice.says(bot, "hello")
        await port.wait_for(1)


async def test_webhook_found_at_start_is_taken_away_without_loss(api, alice, bot, port):
    await bot.hook.set("http://127.0.0.1:9/nobody", "", 40)
    await alice.says(bot, "hello")
    async with running(api, port):
        await port.wait_for(1)
    assert texts(port) == ["hello"]


async def test_webhook_set_while_polling_is_taken_away(api, alice, bot, port):
    async with running(api, port):
        await port.reaches(State.CONNECTED)
        await bot.hook.set("http://127.0.0.1:9/nobody", "", 40)
        await alice.says(bot, "hello")
        await port.reaches(State.ELSEWHERE, "webhook")
        await port.wait_for(1)
        await port.returns_to(State.CONNECTED)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_page_of_a_proxy_is_outlasted(api, alice, bot, port, status):
    api.faults.answer("getUpdates", status, times=2)
    async with running(api, port):
        await port.reaches(State.RECONNECTING)
        await alice.says(bot, "hello")
        await port.wait_for(1)
        await port.returns_to(State.CONNECTED)


async def test_reset_while_polling_is_outlasted(api, alice, bot, port):
    api.faults.reset("getUpdates", times=2)
    async with running(api, port):
        await port.reaches(State.RECONNECTING)
        await alice.says(bot, "hello")
        await port.wait_for(1)


async def test_poll_that_is_never_answered_is_given_up(api, alice, bot, port):
    api.faults.silence("getUpdates")

    class Hasty(Impatient):
        patience = Patience(poll=0.2, answer=0.1, shortest=0.02, longest=0.1)

    server = Hasty("telegram:default", Settings(token=TOKEN, api_url=api.url), port)
    task = asyncio.create_task(server.run())
    await alice.says(bot, "hello")
    await port.wait_for(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await server.close()
    assert (State.RECONNECTING, "Telegram cannot be reached") in port.states


async def test_retry_after_of_a_poll_is_obeyed(api, alice, bot, port):
    api.faults.flood("getUpdates", seconds=1)
    started = asyncio.get_running_loop().time()
    await alice.says(bot, "hello")
    async with running(api, port):
        await port.reaches(State.RECONNECTING)
        await port.wait_for(1)
    assert asyncio.get_running_loop().time() - started >= 1


async def test_outage_loses_and_repeats_nothing(api, alice, bot, port):
    async with running(api, port):
        await port.reaches(State.CONNECTED)
        async with api.faults.outage():
            await port.reaches(State.RECONNECTING)
            for number in range(20):
                await alice.says(bot, str(number))
        await port.wait_for(20)
        await port.returns_to(State.CONNECTED)
    assert texts(port) == [str(number) for number in range(20)]


async def test_privacy_mode_is_a_note_without_groups(api, port):
    api.bot(TOKEN, can_read_all_group_messages=False)
    async with running(api, port):
        await port.reaches(State.CONNECTED, "privacy mode")


async def test_privacy_mode_degrades_a_bot_with_groups(api, port):
    api.bot(TOKEN, can_read_all_group_messages=False)
    port.known["telegram:default:-5"] = server_of(api, port).facts("telegram:default:-5")
    async with running(api, port):
        await port.reaches(State.DEGRADED, "privacy mode")


# Sends


async def test_message_is_sent_and_its_id_returned(api, alice, port):
    chat = api.private(alice)
    async with running(api, port) as server:
        native = await say(server, f"telegram:default:{chat.id}", "hello")
    assert [str(message["message_id"]) for message in chat.messages] == [native]


async def test_answer_shows_what_it_answers(api, alice, port):
    group = api.group("Friends")
    said = await alice.says(group, "hello")
    async with running(api, port) as server:
        key = f"telegram:default:{group.id}"
        await say(server, key, "hi", reply_to=str(said["message_id"]))
    assert group.messages[0]["reply_to_message"]["text"] == "hello"


async def test_answer_to_something_gone_is_sent_all_the_same(api, alice, port):
    chat = api.private(alice)
    async with running(api, port) as server:
        await say(server, f"telegram:default:{chat.id}", "hi", reply_to="987")
    assert chat.texts == ["hi"]


async def test_typing_is_shown(api, alice, port):
    chat = api.private(alice)
    async with running(api, port) as server:
        key = f"telegram:default:{chat.id}"
        await server.deliver(key, server.facts(key), {"type": "chat.typing"})
    assert chat.actions == ["typing"]


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        pytest.param(lambda chat, bot, alice: alice.blocks(bot), "blocked", id="blocked"),
        pytest.param(lambda chat, bot, alice: chat.kicks(bot), "kicked", id="kicked"),
    ],
)
async def test_chat_that_wants_us_no_more_refuses(api, alice, bot, port, prepare, code):
    chat = api.private(alice) if code == "blocked" else api.group("Friends")
    await prepare(chat, bot, alice)
    server = server_of(api, port)
    with pytest.raises(Refused) as refused:
        await say(server, f"telegram:default:{chat.id}")
    await server.close()
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("chat", "text", "code"),
    [
        pytest.param(999, "hello", "not_found", id="unknown chat"),
        pytest.param(None, "x" * 4097, "too_long", id="too long"),
        pytest.param(None, "", "bad_request", id="empty"),
    ],
)
async def test_bad_message_is_refused(api, alice, bot, port, chat, text, code):
    server = server_of(api, port)
    with pytest.raises(Refused) as refused:
        await say(server, f"telegram:default:{chat or api.private(alice).id}", text)
    await server.close()
    assert refused.value.code == code


async def test_chat_that_became_a_supergroup_has_moved(api, bot, port):
    group = api.group("Friends")
    new = await group.migrates()
    server = server_of(api, port)
    with pytest.raises(Moved) as moved:
        await say(server, f"telegram:default:{group.id}")
    await server.close()
    assert moved.value.conversation == f"telegram:default:{new.id}"


async def test_flood_limit_delays_the_chat(api, alice, bot, port):
    api.faults.flood(seconds=7)
    server = server_of(api, port)
    with pytest.raises(Delayed) as delayed:
        await say(server, f"telegram:default:{api.private(alice).id}")
    await server.close()
    assert (delayed.value.seconds, delayed.value.whole_account) == (7, False)


async def test_flood_limit_in_two_chats_delays_the_account(api, alice, bot, port):
    api.faults.flood(seconds=7, times=2)
    server = server_of(api, port)
    with pytest.raises(Delayed):
        await say(server, f"telegram:default:{api.private(alice).id}")
    with pytest.raises(Delayed) as delayed:
        await say(server, f"telegram:default:{api.group('Friends').id}")
    await server.close()
    assert delayed.value.whole_account


async def outcome_of(api, port, alice, error):
    server = server_of(api, port)
    with pytest.raises(error):
        await say(server, f"telegram:default:{api.private(alice).id}")
    await server.close()


async def test_page_of_a_proxy_means_not_sent(api, alice, port, bot):
    api.faults.answer("sendMessage", 502)
    await outcome_of(api, port, alice, NotSent)


async def test_refused_connection_means_not_sent(api, alice, port, bot):
    async with api.faults.outage():
        await outcome_of(api, port, alice, NotSent)


@pytest.mark.parametrize("after", [False, True])
async def test_connection_that_dies_leaves_a_send_uncertain(api, alice, port, bot, after):
    api.faults.reset("sendMessage", after=after)
    await outcome_of(api, port, alice, Uncertain)


async def test_send_is_not_repeated_by_the_connection(api, alice, port, bot):
    server = server_of(api, port)
    key = f"telegram:default:{api.private(alice).id}"
    await say(server, key, "first")
    api.faults.reset("sendMessage", after=True)
    with pytest.raises(Uncertain):
        await say(server, key, "second")
    await server.close()
    assert api.private(alice).texts == ["first", "second"]


async def test_answer_that_is_no_answer_leaves_a_send_uncertain(api, alice, port, bot):
    api.faults.answer("sendMessage", 200, "<html>")
    await outcome_of(api, port, alice, Uncertain)


# Questions


@pytest.mark.parametrize(
    ("status", "may"), [("creator", True), ("administrator", True), ("member", False)]
)
async def test_administrators_of_a_group_administer(api, alice, bot, port, status, may):
    group = api.group("Friends")
    group.members[alice.id] = status
    server = server_of(api, port)
    found = await server.administers(f"telegram:default:{group.id}", f"telegram:{alice.id}")
    await server.close()
    assert found is may


async def test_everybody_administers_a_private_chat(api, alice, bot, port):
    server = server_of(api, port)
    assert await server.administers(f"telegram:default:{alice.id}", f"telegram:{alice.id}")


async def test_call_returns_the_result_of_the_platform(api, bot, port):
    group = api.group("Friends")
    server = server_of(api, port)
    result = await server.call("getChat", {"chat_id": group.id})
    await server.close()
    assert result["title"] == "Friends"


@pytest.mark.parametrize("method", ["getUpdates", "SETWEBHOOK", "no_such_method"])
async def test_call_that_disturbs_or_is_unknown_is_refused(api, bot, port, method):
    server = server_of(api, port)
    with pytest.raises(Refused):
        await server.call(method, {})
    await server.close()


async def test_check_disturbs_no_running_gateway(api, alice, bot, port):
    server = server_of(api, port)
    sentences = await server.check()
    await server.close()
    assert "@OurBot" in sentences[0]
    assert {call.method for call in api.calls} == {"getMe", "getWebhookInfo"}


async def test_check_tells_of_privacy_mode(api, port):
    api.bot(TOKEN, can_read_all_group_messages=False)
    server = server_of(api, port)
    sentences = await server.check()
    await server.close()
    assert "privacy mode" in sentences[-1]


async def test_token_is_in_no_log_of_a_failing_run(api, alice, bot, port, caplog):
    caplog.set_level(logging.DEBUG)
    api.faults.answer("getUpdates", 502)
    api.faults.reset("getUpdates")
    api.faults.reset("sendMessage")
    api.faults.answer("sendMessage", 200, "nonsense")
    errors = []
    async with running(api, port) as server:
        await port.reaches(State.RECONNECTING)
        for _ in range(2):
            with pytest.raises(DeliveryError) as error:
                await say(server, f"telegram:default:{api.private(alice).id}")
            errors.append(repr(error.value))
        async with api.faults.outage():
            with pytest.raises(DeliveryError) as error:
                await say(server, f"telegram:default:{api.private(alice).id}")
            errors.append(str(error.value))
    api.revoke(bot)
    with pytest.raises(CredentialsRefused) as refused:
        await server.identify()
    await server.close()
    told = caplog.text + "".join(errors) + str(refused.value) + str(port.states) + repr(server)
    assert TOKEN.partition(":")[2] not in told


# The webhook


async def test_updates_come_by_webhook(api, alice, bot, port):
    async with hooked(api, port):
        await port.reaches(State.CONNECTED, "webhook")
        for number in range(10):
            await alice.says(bot, str(number))
        await port.wait_for(10)
        await bot.updates.bell.until(lambda: not bot.updates.waiting, 10)
    assert texts(port) == [str(number) for number in range(10)]


async def test_webhook_is_set_with_our_path_and_a_secret(api, bot, port):
    async with hooked(api, port) as (_, url):
        await port.reaches(State.CONNECTED)
        assert (bot.hook.url, len(bot.hook.secret)) == (url, 64)


async def test_webhook_stays_when_we_go(api, bot, port):
    async with hooked(api, port):
        await port.reaches(State.CONNECTED)
    assert bot.hook.url


async def test_webhook_is_not_confirmed_while_the_ledger_is_away(api, alice, bot, port):
    async with hooked(api, port):
        await port.reaches(State.CONNECTED)
        port.away = True
        await alice.says(bot, "hello")
        await bot.updates.bell.until(lambda: bot.hook.attempts > 2, 10)
        assert len(bot.updates.waiting) == 1
        port.away = False
        await port.wait_for(1)


async def test_poison_by_webhook_is_set_aside_and_confirmed(api, alice, bot, port):
    async with hooked(api, port):
        await port.reaches(State.CONNECTED)
        bot.push("message", {"text": "", "chat": {"id": alice.id, "type": "private"}})
        await alice.says(bot, "after")
        await port.wait_for(1)
        await bot.updates.bell.until(lambda: not bot.updates.waiting, 10)
    assert len(port.dead) == 1


async def test_webhook_taken_away_is_set_again(api, bot, port):
    async with hooked(api, port):
        await port.reaches(State.CONNECTED)
        await bot.hook.stop()
        await api.wait_for_call("setWebhook", 2)


async def test_webhook_that_telegram_cannot_reach_is_told(api, alice, bot, port):
    async with running(api, port, webhook_url="http://127.0.0.1:9/hook"):
        await alice.says(bot, "hello")
        await port.reaches(State.DEGRADED, "cannot reach the webhook")


async def post(port, secret=None, body=b"{}", method="POST", length=None):
    """The status of one request to the hook, and whether its body was asked for."""
    application = Webhook(Intake(port, Identity("default", 123456)), RIGHT.decode())
    asked, sent = [], []

    async def receive():
        asked.append(True)
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    headers = [] if secret is None else [(b"x-telegram-bot-api-secret-token", secret)]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    await application({"type": "http", "method": method, "headers": headers}, receive, send)
    return sent[0]["status"], bool(asked)


RIGHT = secret_from_settings(Settings(token=TOKEN)).encode()


@pytest.mark.parametrize("secret", [None, b"", b"wrong", "wröng".encode("latin-1")])
async def test_stranger_is_turned_away_before_the_body_is_read(port, secret):
    assert await post(port, secret) == (403, False)


async def test_other_methods_are_refused(port):
    assert (await post(port, RIGHT, method="GET"))[0] == 405


async def test_announced_size_is_limited(port):
    assert await post(port, RIGHT, length=2_000_000) == (413, False)


async def test_real_size_is_limited(port):
    assert (await post(port, RIGHT, body=b" " * 2_000_000))[0] == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
async def test_body_that_is_no_object_is_a_bad_request(port, body):
    assert (await post(port, RIGHT, body=body))[0] == 400
