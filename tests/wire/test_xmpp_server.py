"""The XMPP server against a real Prosody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.delivery.status import State
from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import CredentialsRefused, NotSent, Refused, StartError
from people import Link, Person
from prosody import HOST, PASSWORD, ROOMS, Prosody, write_certificate
from protocols.xmpp.server import Server
from protocols.xmpp.settings import Settings

pytestmark = pytest.mark.timeout(120)

ALICE = f"xmpp:default:alice@{HOST}"
LOBBY = f"xmpp:default:lobby@{ROOMS}"


class Bot:
    """A running server with a port in memory, and what a test asks of the two."""

    def __init__(self, settings: Settings, port: MemoryPort | None = None) -> None:
        self.port = port or MemoryPort("xmpp:default")
        self.server = Server("xmpp:default", settings, self.port)
        self.changes: list[tuple[State, str]] = []
        self.port.status.listener = self._on_status
        self._wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def _on_status(self, status: Any) -> None:
        self.changes.append((status.state, status.detail))
        self._wake.set()

    def start(self) -> Bot:
        self.task = asyncio.create_task(self.server.run())
        return self

    async def until(self, state: State, seconds: float = 20) -> str:
        """Wait for a state; returns its detail."""
        async with asyncio.timeout(seconds):
            while self.port.status.state != state:
                self._wake.clear()
                await self._wake.wait()
        return self.port.status.detail

    async def be_there(self) -> None:
        """Wait until the server has acknowledged all that we said, our presence first.

        What reaches ejabberd before that goes to its offline storage, and may stay there until
        the next session if it is stored after the storage was emptied for this one.
        """
        await self.until(State.CONNECTED)
        await happens(lambda: self.server._link.online() is not None)  # not a life before this one
        await happens(lambda: not self.server._link.stream.session.departures)

    async def be_in(self, conversation: str) -> None:
        """Wait until the room has us."""
        place = conversation.partition(":default:")[2]
        await self.server.enter(conversation)
        member = self.server._rooms.get(place)
        assert member is not None
        await asyncio.wait_for(member.entered.wait(), 20)

    async def say(self, conversation: str, text: str, ref: str | None = None) -> str | None:
        event = {"type": "chat.message", "text": text, "ref": ref}
        return await self.server.deliver(conversation, self.server.facts(conversation), event)

    async def say_until_sent(self, conversation: str, text: str, ref: str) -> None:
        """Try again where nothing was sent, as the outbox does."""
        async with asyncio.timeout(20):
            while True:
                try:
                    await self.say(conversation, text, ref)
                except NotSent:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def stop(self) -> None:
        await self.server.close()
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    @property
    def told(self) -> list[str]:
        """What was passed on, by its types."""
        return [event["type"] for _, event in self.port.passed]

    @property
    def texts(self) -> list[str]:
        return [a.event["text"] for a in self.port.accepted if a.event["type"] == "xmpp.message"]


async def happens(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what nobody announces."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stopping(thing: Any, stop: Callable[[], Awaitable[None]]) -> AsyncIterator[Any]:
    try:
        yield thing
    finally:
        await stop()


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Prosody]:
    server = Prosody(tmp_path)
    await server.start()
    async with stopping(server, server.stop):
        yield server


@pytest_asyncio.fixture
async def make_bot(prosody: Prosody) -> AsyncIterator[Callable[..., Bot]]:
    made: list[Bot] = []

    def make(**changes: Any) -> Bot:
        bot = Bot(settings(prosody, **changes))
        made.append(bot)
        return bot

    yield make
    for bot in made:
        await bot.stop()


@pytest_asyncio.fixture
async def bot(make_bot: Callable[..., Bot]) -> Bot:
    made = make_bot().start()
    await made.be_there()
    return made


@pytest_asyncio.fixture
async def people(prosody: Prosody) -> AsyncIterator[Callable[..., Awaitable[Person]]]:
    made: list[Person] = []

    async def make(user: str, *rooms: str, **options: Any) -> Person:
        person = Person(user, prosody.port)
        made.append(person)
        return await person.come(*rooms, **options)

    yield make
    for person in made:
        await person.go()


def settings(prosody: Prosody, **changes: Any) -> Settings:
    return Settings(
        **{
            "jid": f"bot@{HOST}",
            "password": PASSWORD,
            "host": "127.0.0.1",
            "port": prosody.port,
            "tls_ca": prosody.certificate,
            "nick": "Robo",
        }
        | changes
    )


# Logging in


async def test_logs_in_over_starttls(bot: Bot) -> None:
    assert bot.server._link.stream is not None
    assert bot.server._link.stream.encryption.startswith("TLSv1")


async def test_logs_in_over_direct_tls(make_bot: Any, prosody: Prosody) -> None:
    bot = make_bot(tls="direct", port=prosody.tls_port).start()
    await bot.until(State.CONNECTED)


async def test_logs_in_without_tls_where_that_is_configured(make_bot: Any) -> None:
    bot = make_bot(tls="off", tls_ca=None).start()
    await bot.until(State.CONNECTED)
    assert bot.server._link.stream.encryption == "no TLS"


async def test_a_wrong_password_is_refused_with_a_clear_sentence(make_bot: Any) -> None:
    bot = make_bot(password="wrong")
    with pytest.raises(CredentialsRefused, match=r"refuses bot@localhost.*wrong password"):
        await asyncio.wait_for(bot.server.run(), 20)
    assert bot.port.status.state == State.REFUSED


async def test_a_server_without_tls_is_never_given_the_password(tmp_path: Path) -> None:
    prosody = Prosody(tmp_path, tls=False)
    await prosody.start()
    async with stopping(prosody, prosody.stop):
        bot = Bot(settings(prosody))
        with pytest.raises(CredentialsRefused, match=r"offers no TLS.*password was not sent"):
            await asyncio.wait_for(bot.server.run(), 20)


async def test_an_unknown_certificate_is_named_and_tried_again(
    make_bot: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    write_certificate(other, tmp_path / "other-key.pem")
    bot = make_bot(tls_ca=other).start()
    assert "self-signed certificate" in await bot.until(State.RECONNECTING)


async def test_a_server_that_is_not_there_is_named(make_bot: Any, prosody: Prosody) -> None:
    await prosody.stop()
    bot = make_bot().start()
    assert "cannot reach 127.0.0.1" in await bot.until(State.RECONNECTING)


async def test_check_says_how_the_login_went(make_bot: Any) -> None:
    said = await make_bot().server.check()
    assert said[0].startswith("logged in as bot@localhost")


async def test_check_leaves_a_running_gateway_alone(bot: Bot, make_bot: Any) -> None:
    await make_bot().server.check()
    assert {state for state, _ in bot.changes} == {State.CONNECTING, State.CONNECTED}


async def test_check_says_that_the_server_is_not_there(make_bot: Any, prosody: Prosody) -> None:
    await prosody.stop()
    with pytest.raises(StartError, match="cannot reach"):
        await make_bot().server.check()


async def test_another_client_with_our_resource_is_left_the_account(
    bot: Bot, make_bot: Any
) -> None:
    make_bot().start()
    said = await bot.until(State.ELSEWHERE)
    assert re.fullmatch(r"another client logged in .*; tried again at \d\d:\d\d:\d\d", said)


async def test_nobody_fights_for_the_account(bot: Bot, make_bot: Any, people: Any) -> None:
    other = make_bot().start()
    await bot.until(State.ELSEWHERE)
    await other.until(State.CONNECTED)
    alice = await people("alice")
    for number in range(1, 11):  # whoever fights is back within the first of them
        alice.say(f"bot@{HOST}", f"to you {number}")
        await other.port.wait_for(number)
    assert bot.port.status.state is State.ELSEWHERE
    assert {state for state, _ in other.changes} == {State.CONNECTING, State.CONNECTED}


async def test_an_account_that_was_left_to_another_is_ours_again_after_a_while(
    bot: Bot, make_bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.connection.CONFLICT_SECONDS", 0.5)
    other = make_bot().start()
    await bot.until(State.ELSEWHERE)
    await other.stop()
    await bot.until(State.CONNECTED)


# Private chats


async def test_a_private_message_arrives(bot: Bot, people: Any) -> None:
    alice = await people("alice")
    alice.say(f"bot@{HOST}", "hello & <good> day\n👋🏽 שלום")
    [arrival] = await bot.port.wait_for(1)
    assert arrival.conversation == ALICE
    assert arrival.event["text"] == "hello & <good> day\n👋🏽 שלום"
    assert arrival.facts["chat"]["kind"] == "private"


async def test_a_private_answer_arrives(bot: Bot, people: Any) -> None:
    alice = await people("alice")
    assert await bot.say(ALICE, "you & <me>\n👋🏽", ref="ref-1") == "ref-1"
    assert await alice.hear(1) == ["you & <me>\n👋🏽"]


async def test_text_that_no_stanza_can_hold_harms_nobody(bot: Bot, people: Any) -> None:
    alice = await people("alice")
    await bot.say(ALICE, "a\x00b\ud800c\x1b\uffff", ref="quote'\"<>&\x00")
    assert await alice.hear(1) == ["a\ufffdb\ufffdc\ufffd\ufffd"]


async def test_an_unknown_person_refuses(bot: Bot) -> None:
    with pytest.raises(Refused) as refusal:
        await bot.say(f"xmpp:default:nobody@{HOST}", "hello")
    assert refusal.value.code == "not_found"


async def test_typing_is_passed_on(bot: Bot, people: Any) -> None:
    alice = await people("alice")
    alice.client.send_raw(
        f"<message to='bot@{HOST}' type='chat'>"
        "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )
    alice.say(f"bot@{HOST}", "done")
    await bot.port.wait_for(1)
    assert (bot.told, bot.port.passed[0][0]) == (["xmpp.typing"], ALICE)


async def test_a_request_to_see_us_is_granted(bot: Bot, people: Any) -> None:
    alice = await people("alice")
    seen = asyncio.get_running_loop().create_future()

    def see(presence: Any) -> None:
        if presence["from"].user == "bot" and not seen.done():
            seen.set_result(presence)

    alice.client.add_event_handler("presence_available", see)
    alice.client.send_presence(pto=f"bot@{HOST}", ptype="subscribe")
    await asyncio.wait_for(seen, 20)


async def test_an_application_may_send_a_stanza_of_its_own(bot: Bot, people: Any) -> None:
    alice = await people("alice")
    xml = f"<message to='alice@{HOST}' type='chat'><body>by hand</body></message>"
    event = {"type": "xmpp.stanza", "xml": xml}
    await bot.server.deliver(ALICE, bot.server.facts(ALICE), event)
    assert await alice.hear(1) == ["by hand"]


async def test_a_stanza_too_big_drops_the_stream_with_a_sentence(
    bot: Bot, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.parser.MAX_ELEMENT", 50_000)
    alice = await people("alice")
    alice.say(f"bot@{HOST}", "x" * 150_000)
    assert "an element of more than" in await bot.until(State.RECONNECTING)


# Rooms


async def test_a_room_message_arrives_with_its_author(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    alice.tell("lobby", "hello all")
    [arrival] = await bot.port.wait_for(1)
    assert arrival.conversation == LOBBY
    assert arrival.facts["chat"]["kind"] == "group"
    assert arrival.event["author"]["name"] == "alice"


async def test_the_author_of_a_room_message_is_the_occupant(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    alice.tell("lobby", "one")
    [arrival] = await bot.port.wait_for(1)
    assert arrival.event["author"]["id"].startswith(f"xmpp:lobby@{ROOMS}/")
    assert not arrival.event["author"]["id"].endswith("/alice")


async def test_the_owner_of_a_room_sees_the_real_author(bot: Bot, people: Any) -> None:
    await bot.be_in(LOBBY)  # first, and so its owner: the room shows it real JIDs
    alice = await people("alice", "lobby")
    alice.tell("lobby", "one")
    [arrival] = await bot.port.wait_for(1)
    event = arrival.event
    assert event["author"]["id"] == f"xmpp:alice@{HOST}"
    assert event["author"]["private"] == ALICE


async def test_what_we_say_in_a_room_is_heard(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    await bot.say(LOBBY, "hello from us")
    assert await alice.hear(1, by="Robo") == ["hello from us"]


async def test_our_own_reflection_is_no_arrival(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    await bot.say(LOBBY, "ours")
    alice.tell("lobby", "hers")
    await bot.port.wait_for(1)
    assert bot.texts == ["hers"]


async def test_the_native_id_is_the_one_that_the_rooms_archive_gave(tmp_path: Path) -> None:
    prosody = Prosody(tmp_path, archive=True)
    await prosody.start()
    async with stopping(prosody, prosody.stop):
        bot = Bot(settings(prosody)).start()
        async with stopping(bot, bot.stop):
            await bot.until(State.CONNECTED)
            await bot.be_in(LOBBY)
            alice = await Person("alice", prosody.port).come("lobby")
            async with stopping(alice, alice.go):
                native = await bot.say(LOBBY, "ours", ref="ref-1")
                await alice.hear(1, by="Robo")
                [given] = alice.messages[-1].xml.iterfind("{urn:xmpp:sid:0}stanza-id")
                assert native == given.get("id") != "ref-1"
                alice.tell("lobby", "hers")
                await bot.port.wait_for(1)
                assert bot.port.accepted[-1].delivery.startswith(f"lobby@{ROOMS} ")


async def test_people_who_come_and_go_are_told(
    bot: Bot, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.comings.SURE_SECONDS", 0.05)
    await bot.be_in(LOBBY)
    alice = await people("alice", "lobby")
    await happens(lambda: bot.told == ["xmpp.join"])
    alice.client.plugin["xep_0045"].leave_muc(f"lobby@{ROOMS}", "alice")
    await happens(lambda: bot.told == ["xmpp.join", "xmpp.leave"])


async def test_who_comes_back_at_once_was_never_away(
    bot: Bot, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await people("alice", "lobby")
    eve = await people("eve", "lobby")
    await bot.be_in(LOBBY)
    monkeypatch.setattr("protocols.xmpp.comings.SURE_SECONDS", 2.0)
    alice.client.plugin["xep_0045"].leave_muc(f"lobby@{ROOMS}", "alice")
    await alice.join("lobby")
    eve.client.plugin["xep_0045"].leave_muc(f"lobby@{ROOMS}", "eve")
    await happens(lambda: bot.told != [])
    assert [event["author"]["name"] for _, event in bot.port.passed] == ["eve"]


async def test_who_is_there_already_is_present_and_does_not_come(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    alice.tell("lobby", "hello")
    await bot.port.wait_for(1)
    await happens(lambda: LOBBY in bot.port.people)
    assert [person["name"] for person in bot.port.people[LOBBY]] == ["alice"]
    assert bot.texts == ["hello"]


async def test_history_is_no_arrival(prosody: Prosody, make_bot: Any, people: Any) -> None:
    alice = await people("alice", "lobby")
    alice.tell("lobby", "old")
    await alice.hear(1)
    bot = make_bot().start()
    await bot.until(State.CONNECTED)
    await bot.be_in(LOBBY)
    alice.tell("lobby", "new")
    await bot.port.wait_for(1)
    assert bot.texts == ["new"]


async def test_a_private_message_in_a_room_is_a_conversation_both_ways(
    bot: Bot, people: Any
) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    alice.say(f"lobby@{ROOMS}/Robo", "psst")
    [arrival] = await bot.port.wait_for(1)
    assert arrival.conversation.startswith(f"{LOBBY}/")
    assert arrival.facts["chat"]["kind"] == "private"
    await bot.say(arrival.conversation, "what?")
    assert await alice.hear(1, by="Robo") == ["what?"]


async def test_a_taken_name_gets_a_line_behind_it(bot: Bot, people: Any) -> None:
    eve = await people("eve")
    await eve.join("lobby", nick="Robo")
    await bot.be_in(LOBBY)
    await bot.say(LOBBY, "still me")
    assert await eve.hear(1, by="Robo_") == ["still me"]


async def test_an_invitation_is_followed(bot: Bot, people: Any) -> None:
    alice = await people("alice", "den")
    alice.client.plugin["xep_0045"].invite(f"den@{ROOMS}", f"bot@{HOST}")
    joined = asyncio.get_running_loop().create_future()
    alice.client.add_event_handler(
        f"muc::den@{ROOMS}::got_online", lambda p: joined.done() or joined.set_result(p)
    )
    assert (await asyncio.wait_for(joined, 20))["from"].resource == "Robo"
    await happens(lambda: bot.port.notes.get("xmpp.invited") == f'["den@{ROOMS}"]')


async def test_the_owner_administers_a_room_and_nobody_else(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    eve = await people("eve", "lobby")
    await bot.be_in(LOBBY)
    alice.tell("lobby", "mine")
    await bot.port.wait_for(1)
    eve.tell("lobby", "not mine")
    arrivals = await bot.port.wait_for(2)
    authors = [arrival.event["author"]["id"] for arrival in arrivals]
    assert [await bot.server.administers(LOBBY, author) for author in authors] == [True, False]


async def test_a_ban_degrades_and_says_so(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    await alice.client.plugin["xep_0045"].set_affiliation(
        f"lobby@{ROOMS}", "outcast", jid=f"bot@{HOST}"
    )
    assert "banned from the room" in await bot.until(State.DEGRADED)
    with pytest.raises(NotSent, match="banned"):
        await bot.say(LOBBY, "hello?")


# Faults


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, however long the server was away."""
    monkeypatch.setattr("protocols.xmpp.backoff.LONGEST", 1.0)


async def test_after_a_restart_of_the_server_rooms_work_both_ways(
    bot: Bot, people: Any, prosody: Prosody, eager: None
) -> None:
    await bot.be_in(LOBBY)
    await prosody.stop()
    await bot.until(State.RECONNECTING)
    await prosody.start()
    await bot.until(State.CONNECTED)
    alice = await people("alice", "lobby")
    alice.tell("lobby", "back?")
    await bot.be_in(LOBBY)
    await bot.say_until_sent(LOBBY, "back!", "r1")
    assert await alice.hear(1, by="Robo") == ["back!"]
    alice.tell("lobby", "good")
    await happens(lambda: "good" in bot.texts)


async def test_nothing_is_sent_while_the_server_is_gone(bot: Bot, prosody: Prosody) -> None:
    await prosody.kill()
    await bot.until(State.RECONNECTING)
    with pytest.raises(NotSent, match="not connected"):
        await bot.say(ALICE, "hello")


@pytest_asyncio.fixture
async def link(prosody: Prosody) -> AsyncIterator[Link]:
    link = await Link(prosody.port).open()
    async with stopping(link, link.close):
        yield link


InOrder = Callable[[list[str]], list[str]]


@pytest.fixture
def in_order() -> InOrder:
    """What is compared after a cut where the server keeps the order."""
    return list


COUNT = 200
TEXTS = [f"message {number}" for number in range(COUNT)]


async def cut_often(link: Link, bot: Bot, times: int = 3) -> None:
    """Cut, and again when the connection is back."""
    for _ in range(times):
        await bot.until(State.CONNECTED)
        await asyncio.sleep(0.1)  # let some traffic pass: a cut of a silent link proves nothing
        link.cut()
        await link.made_again()


async def test_cuts_lose_and_repeat_no_private_message_that_we_send(
    make_bot: Any, people: Any, link: Link
) -> None:
    alice = await people("alice")
    bot = make_bot(port=link.port).start()
    cuts = asyncio.create_task(cut_often(link, bot))
    for number, text in enumerate(TEXTS):
        await bot.say_until_sent(ALICE, text, f"ref-{number}")
        await asyncio.sleep(0.005)
    await cuts
    await alice.hear(COUNT, seconds=20)
    assert alice.texts() == TEXTS


async def test_cuts_lose_and_repeat_no_private_message_that_we_get(
    make_bot: Any, people: Any, link: Link, in_order: InOrder
) -> None:
    alice = await people("alice")
    bot = make_bot(port=link.port).start()
    await bot.be_there()
    cuts = asyncio.create_task(cut_often(link, bot))
    for text in TEXTS:
        alice.say(f"bot@{HOST}", text)
        await asyncio.sleep(0.01)
    await cuts
    await bot.port.wait_for(COUNT, seconds=20)
    assert in_order(bot.texts) == in_order(TEXTS)


async def test_cuts_lose_and_repeat_no_room_message_in_either_direction(
    make_bot: Any, people: Any, link: Link, in_order: InOrder
) -> None:
    alice = await people("alice", "lobby")
    bot = make_bot(port=link.port).start()
    await bot.until(State.CONNECTED)
    await bot.be_in(LOBBY)
    cuts = asyncio.create_task(cut_often(link, bot))
    for number, text in enumerate(TEXTS):
        alice.tell("lobby", text)
        await bot.say_until_sent(LOBBY, text, f"ref-{number}")
    await cuts
    await alice.hear(COUNT, by="Robo", seconds=20)
    await bot.port.wait_for(COUNT, seconds=20)
    assert alice.texts(by="Robo") == TEXTS
    assert in_order(bot.texts) == in_order(TEXTS)


async def test_after_each_of_many_sessions_the_next_one_begins_at_once(
    make_bot: Any, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.backoff.FIRST", 60.0)
    bot = make_bot(port=link.port).start()
    await asyncio.wait_for(cut_often(link, bot, 5), 30)
    await bot.until(State.CONNECTED)


async def test_connections_that_are_accepted_and_reset_make_no_hot_loop(
    make_bot: Any, link: Link
) -> None:
    bot = make_bot(port=link.port).start()
    await bot.until(State.CONNECTED)
    link.refusing = True
    link.cut()
    await bot.until(State.RECONNECTING)
    tries = len(bot.changes)
    await asyncio.sleep(2)  # the time over which tries are counted
    assert len(bot.changes) - tries < 6
    link.refusing = False
    await bot.until(State.CONNECTED)


async def test_while_the_ledger_is_away_nothing_is_acknowledged_and_all_comes_again(
    make_bot: Any, people: Any, link: Link
) -> None:
    alice = await people("alice")
    bot = make_bot(port=link.port).start()
    await bot.until(State.CONNECTED)
    bot.port.away = True
    for text in TEXTS[:20]:
        alice.say(f"bot@{HOST}", text)
    await bot.until(State.DEGRADED)
    await happens(lambda: len(bot.server._intake) >= 20)
    arrivals = bot.server._link.stream.session.arrivals
    handled = arrivals.handled
    link.cut()
    await bot.until(State.RECONNECTING)
    await bot.until(State.DEGRADED)
    assert bot.server._link.stream.was_resumed
    assert arrivals.handled == handled
    bot.port.away = False
    await bot.port.wait_for(20)
    await bot.until(State.CONNECTED)
    assert bot.texts == TEXTS[:20]


async def test_close_tells_the_others_that_we_are_gone(bot: Bot, people: Any) -> None:
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    gone = asyncio.get_running_loop().create_future()
    alice.client.add_event_handler(f"muc::lobby@{ROOMS}::got_offline", gone.set_result)
    await asyncio.wait_for(bot.server.close(), 20)
    assert (await asyncio.wait_for(gone, 20))["from"].resource == "Robo"
