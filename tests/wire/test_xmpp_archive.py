"""What was said while we were away: asked of the archives of a real Prosody (XEP-0313)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.delivery.status import State
from people import Link, Person
from prosody import HOST, PASSWORD, ROOMS, Prosody
from protocols.xmpp import catchup, past
from serving import Serving
from test_xmpp_server import (
    ALICE,
    LOBBY,
    Bot,
    eager,  # noqa: F401 (a fixture)
    happens,
    link,  # noqa: F401 (a fixture)
    people,  # noqa: F401 (a fixture)
    settings,
    stopping,
)

pytestmark = pytest.mark.timeout(120)

BOT = f"bot@{HOST}"
ROOM = f"lobby@{ROOMS}"
COUNT = 250
"""More than two pages."""


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Prosody]:
    server = Prosody(tmp_path, archive=True)
    await server.start()
    async with stopping(server, server.stop):
        yield server


class Lives:
    """One bot after another, over what the first one noted."""

    def __init__(self, prosody: Prosody) -> None:
        self._prosody = prosody
        self.made: list[Bot] = []

    async def begin(self, *rooms: str, **changes: Any) -> Bot:
        """Start a new one; it knows what the last one noted and recorded."""
        port = self.made[-1].port if self.made else None
        bot = Bot(settings(self._prosody, **changes), port)
        bot.port.status.listener = bot._on_status
        self.made.append(bot)
        bot.start()
        await bot.be_there()
        for room in rooms:
            await bot.be_in(room)
        return bot

    async def first(self, alice: Person, *rooms: str, **changes: Any) -> Bot:
        """Start the first one, and let it hear something in private and in each room."""
        bot = await self.begin(*rooms, **changes)
        alice.say(BOT, "first")
        for room in rooms:
            alice.tell(room.partition(":default:")[2].partition("@")[0], "first")
        await happens(lambda: len(bot.texts) == 1 + len(rooms))
        return bot

    async def crash(self, link: Link) -> None:  # noqa: F811
        """End the last one as a crash does: it says goodbye to nobody."""
        link.refusing = True
        link.cut()
        bot = self.made[-1]
        assert bot.task is not None
        bot.task.cancel()
        await asyncio.gather(bot.task, return_exceptions=True)
        link.refusing = False


@pytest_asyncio.fixture
async def lives(prosody: Prosody) -> AsyncIterator[Lives]:
    lives = Lives(prosody)
    yield lives
    for bot in lives.made:
        await bot.stop()


def texts_in(bot: Bot, conversation: str) -> list[str]:
    return [
        arrival.event["text"]
        for arrival in bot.port.accepted
        if arrival.event["type"] == "xmpp.message" and arrival.conversation == conversation
    ]


def numbered(start: int, end: int) -> list[str]:
    return [f"message {number}" for number in range(start, end)]


# Restarts


async def test_the_first_start_takes_nothing_from_the_past(lives: Lives, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    alice.tell("lobby", "old")
    await alice.hear(1)
    bot = await lives.begin(LOBBY)
    alice.tell("lobby", "new")
    await happens(lambda: "new" in bot.texts)
    assert bot.texts == ["new"]


async def test_the_first_start_remembers_where_the_archive_stands(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    alice.tell("lobby", "old")
    await alice.hear(1)
    bot = await lives.begin(LOBBY)
    await happens(lambda: f"xmpp.archive {ROOM}" in bot.port.notes)
    await bot.stop()
    alice.tell("lobby", "new")
    await alice.hear(2)
    again = await lives.begin(LOBBY)
    await happens(lambda: bool(again.texts))
    assert again.texts == ["new"]


async def test_what_is_said_in_a_room_while_we_are_away_arrives_once_in_order(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    for text in numbered(0, COUNT):
        alice.tell("lobby", text)
    await alice.hear(1 + COUNT, by="alice", seconds=20)
    again = await lives.begin(LOBBY)
    await happens(lambda: len(texts_in(again, LOBBY)) > COUNT, 20)
    assert texts_in(again, LOBBY) == ["first", *numbered(0, COUNT)]


async def test_what_is_said_in_private_while_we_are_away_arrives_once_in_order(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice")
    bot = await lives.first(alice)
    await bot.stop()
    for text in numbered(0, COUNT):
        alice.say(BOT, text)
    alice.say(f"alice@{HOST}", "all said")
    await alice.hear(1)
    again = await lives.begin()
    await happens(lambda: len(again.texts) > COUNT, 20)
    alice.say(BOT, "live")
    await happens(lambda: "live" in again.texts)
    assert texts_in(again, ALICE) == ["first", *numbered(0, COUNT), "live"]


async def speak_over_a_crash(
    lives: Lives,
    people: Any,  # noqa: F811
    link: Link,  # noqa: F811
) -> Bot:
    """Say much in the room and in private while we crash and come again; returns the last one."""
    alice = await people("alice", "lobby")
    await lives.first(alice, LOBBY, port=link.port)

    async def speak() -> None:
        for text in numbered(0, COUNT):
            alice.tell("lobby", text)
            alice.say(BOT, text)
            await asyncio.sleep(0.005)

    speaking = asyncio.create_task(speak())
    await happens(lambda: "message 20" in lives.made[0].texts)
    await lives.crash(link)
    await asyncio.sleep(0.3)  # the time for which nobody is there
    again = await lives.begin(LOBBY)
    await speaking
    for conversation in (LOBBY, ALICE):
        await happens(lambda key=conversation: len(texts_in(again, key)) > COUNT, 20)
    return again


async def test_after_a_crash_live_messages_come_behind_the_past_once_in_order(
    lives: Lives,
    people: Any,  # noqa: F811
    link: Link,  # noqa: F811
) -> None:
    again = await speak_over_a_crash(lives, people, link)
    for conversation in (LOBBY, ALICE):
        assert texts_in(again, conversation) == ["first", *numbered(0, COUNT)]


async def test_after_a_restart_of_the_server_nothing_is_missing_or_twice(
    lives: Lives,
    people: Any,  # noqa: F811
    prosody: Prosody,
    link: Link,  # noqa: F811
    eager: None,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY, port=link.port)
    link.refusing = True
    link.cut()
    for text in numbered(0, 5):
        alice.tell("lobby", text)
        alice.say(BOT, text)
    await alice.hear(6, by="alice")
    await alice.go()
    await prosody.stop()
    await prosody.start()
    link.refusing = False
    alice = await people("alice", "lobby")
    await happens(lambda: len(texts_in(bot, LOBBY)) > 5 and len(texts_in(bot, ALICE)) > 5, 20)
    assert texts_in(bot, LOBBY) == texts_in(bot, ALICE) == ["first", *numbered(0, 5)]


# Who said it


async def test_the_author_of_a_past_room_message_is_the_occupant(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    alice.tell("lobby", "second")
    await alice.hear(2)
    again = await lives.begin(LOBBY)
    await happens(lambda: "second" in again.texts)
    first, second = [a.event["author"] for a in again.port.accepted if a.conversation == LOBBY][:2]
    assert first["id"] == second["id"]


async def test_a_past_message_is_not_by_whom_its_name_belongs_to_now(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    bot = await lives.begin(LOBBY)  # first, and so the owner, who sees real JIDs
    alice = await people("alice", "lobby")
    await happens(lambda: f"xmpp.archive {ROOM}" in bot.port.notes and LOBBY in bot.port.people)
    await bot.stop()
    eve = await people("eve")
    await eve.join("lobby", nick="boss")
    eve.tell("lobby", "obey me")
    await eve.hear(1)
    await eve.go()
    await happens(lambda: "boss" not in alice.client.plugin["xep_0045"].get_roster(ROOM))
    bob = await people("bob")
    await bob.join("lobby", nick="boss")
    again = await lives.begin(LOBBY)
    await happens(lambda: "obey me" in again.texts)
    [said] = [a.event for a in again.port.accepted if a.event.get("text") == "obey me"]
    assert f"bob@{HOST}" not in said["author"]["id"]
    await alice.go()


async def test_what_was_changed_while_we_were_away_is_told_too(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    for number, inside in enumerate(
        (
            "<body>fisrt</body>",
            "<body>first</body><replace xmlns='urn:xmpp:message-correct:0' id='a0'/>",
            "<reactions xmlns='urn:xmpp:reactions:0' id='s0'><reaction>x</reaction></reactions>"
            "<store xmlns='urn:xmpp:hints'/>",
            "<body>?</body><retract xmlns='urn:xmpp:message-retract:1' id='s0'/>",
            "<body>last</body>",
        )
    ):
        alice.client.send_raw(
            f"<message to='{ROOM}' type='groupchat' id='a{number}'>{inside}</message>"
        )
    await alice.hear(5)
    again = await lives.begin(LOBBY)
    await happens(lambda: "last" in again.texts)
    kinds = [a.event["type"] for a in again.port.accepted if a.conversation == LOBBY][1:]
    assert [kind.removeprefix("xmpp.") for kind in kinds] in (
        ["message", "edit", "delete", "message"],  # Prosody archives what has a body
        ["message", "edit", "reaction", "delete", "message"],
    )


async def test_our_own_past_words_are_no_arrivals(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    for conversation in (LOBBY, ALICE):
        await bot.say(conversation, "ours")
    await bot.stop()
    alice.tell("lobby", "hers")
    alice.say(BOT, "hers")
    await alice.hear(2, by="alice")
    again = await lives.begin(LOBBY)
    await happens(lambda: again.texts.count("hers") == 2)
    assert again.texts == ["first", "first", "hers", "hers"]


# Bounds and faults


@pytest.mark.parametrize("jid", [BOT, ROOM])
async def test_an_id_that_the_archive_does_not_know_is_replaced_by_the_time(
    lives: Lives,
    people: Any,  # noqa: F811
    jid: str,
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    bot.port.notes[f"xmpp.archive {jid}"] = json.dumps(["expired", time.time() - 60])
    alice.tell("lobby", "second")
    alice.say(BOT, "second")
    await alice.hear(2, by="alice")
    again = await lives.begin(LOBBY)
    await happens(lambda: again.texts.count("second") == 2)
    assert again.texts == ["first", "first", "second", "second"]


def skipped_in(bot: Bot) -> list[int]:
    """The counts of what a room was told to be passed over."""
    found = [a for a in bot.port.accepted if a.event["type"] == "xmpp.skipped"]
    assert all(arrival.conversation == LOBBY for arrival in found)
    return [arrival.event["count"] for arrival in found]


async def test_what_is_older_than_the_bound_is_counted_and_not_told(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    for text in numbered(0, 3):
        alice.tell("lobby", text)
    await alice.hear(4)
    await asyncio.sleep(4)  # their age; the archive's stamps count seconds
    again = await lives.begin(LOBBY, catch_up_hours=1.0 / 3600)
    await happens(lambda: bool(skipped_in(again)))  # else what is new may be too old before it is
    alice.tell("lobby", "new")
    await happens(lambda: "new" in again.texts)
    assert (texts_in(again, LOBBY), skipped_in(again)) == (["first", "new"], [3])


async def test_of_more_than_the_bound_the_newest_are_told_and_the_others_counted(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    for text in numbered(0, 130):
        alice.tell("lobby", text)
    await alice.hear(131, seconds=20)
    again = await lives.begin(LOBBY, catch_up_messages=20)
    await happens(lambda: "message 129" in again.texts)
    alice.tell("lobby", "new")
    await happens(lambda: "new" in again.texts)
    told = ["first", *numbered(110, 130), "new"]
    assert (texts_in(again, LOBBY), skipped_in(again)) == (told, [110])


async def test_what_is_passed_over_is_passed_over_once(
    lives: Lives,
    people: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.archives.LOOK_AGAIN", 0.1)
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    for text in numbered(0, 10):
        alice.tell("lobby", text)
    await alice.hear(11)
    bot = await lives.begin(LOBBY, catch_up_messages=2)
    await happens(lambda: "message 9" in bot.texts)
    await bot.stop()
    alice.tell("lobby", "new")
    await alice.hear(12)
    again = await lives.begin(LOBBY, catch_up_messages=2)
    await happens(lambda: "new" in again.texts)
    told = ["first", *numbered(8, 10), "new"]
    assert (texts_in(again, LOBBY), skipped_in(again)) == (told, [8])


async def test_of_private_messages_beyond_the_bound_the_log_tells_the_number(
    lives: Lives,
    people: Any,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    alice = await people("alice")
    bot = await lives.first(alice)
    await bot.stop()
    for text in numbered(0, 10):
        alice.say(BOT, text)
    alice.say(f"alice@{HOST}", "all said")
    await alice.hear(1)
    again = await lives.begin(catch_up_messages=4)
    await happens(lambda: "message 9" in again.texts)
    alice.say(BOT, "new")
    await happens(lambda: "new" in again.texts)
    assert again.texts == ["first", *numbered(6, 10), "new"]
    assert f"archive={BOT} messages skipped count=6" in caplog.text


async def test_a_cut_while_the_past_is_read_loses_and_repeats_nothing(
    lives: Lives,
    people: Any,  # noqa: F811
    link: Link,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(past, "PAGE", 5)
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    for text in numbered(0, 100):
        alice.tell("lobby", text)
    await alice.hear(101, by="alice", seconds=20)
    again = Bot(settings(lives._prosody, port=link.port), bot.port)
    again.port.status.listener = again._on_status
    lives.made.append(again)
    again.start()
    await again.until(State.CONNECTED)
    await again.server.enter(LOBBY)
    await happens(lambda: "message 10" in again.texts)
    alice.tell("lobby", "live")
    link.cut()
    await happens(lambda: "live" in again.texts)
    assert texts_in(again, LOBBY) == ["first", *numbered(0, 100), "live"]


async def test_a_ledger_away_keeps_the_place_where_it_was(
    lives: Lives,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    note = bot.port.notes[f"xmpp.archive {ROOM}"]
    alice.tell("lobby", "second")
    await alice.hear(2)
    bot.port.away = True
    again = Bot(settings(lives._prosody), bot.port).start()
    lives.made.append(again)
    again.port.status.listener = again._on_status
    await again.server.enter(LOBBY)
    await again.until(State.DEGRADED)
    await happens(lambda: again.server._ledger_away)
    assert again.port.notes[f"xmpp.archive {ROOM}"] == note
    again.port.away = False
    await happens(lambda: "second" in again.texts)
    await happens(lambda: again.port.notes[f"xmpp.archive {ROOM}"] != note)


async def test_without_archives_live_goes_on_and_the_status_says_what_is_lost(
    tmp_path: Path,
) -> None:
    prosody = Prosody(tmp_path)
    await prosody.start()
    async with stopping(prosody, prosody.stop):
        bot = Bot(settings(prosody)).start()
        async with stopping(bot, bot.stop):
            await bot.until(State.CONNECTED)
            await bot.be_in(LOBBY)
            alice = await Person("alice", prosody.port).come("lobby")
            async with stopping(alice, alice.go):
                alice.tell("lobby", "live")
                alice.say(BOT, "live")
                await happens(lambda: bot.texts == ["live", "live"])
            await happens(lambda: f"{ROOM}: keeps no archive" in bot.port.status.detail)
            assert f"{BOT}: keeps no archive" in bot.port.status.detail


async def test_live_messages_do_not_wait_for_ever_for_a_silent_archive(
    lives: Lives,
    people: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.stop()
    note = bot.port.notes[f"xmpp.archive {ROOM}"]
    monkeypatch.setattr(catchup, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr("protocols.xmpp.reader.Reader.page", never)
    again = await lives.begin(LOBBY)
    alice.tell("lobby", "live")
    await happens(lambda: "live" in again.texts)
    assert again.port.notes[f"xmpp.archive {ROOM}"] == note


async def never(*_: Any, **__: Any) -> None:
    """An archive that does not answer."""
    await asyncio.Event().wait()


# Proof


@pytest.mark.parametrize("conversation", [LOBBY, ALICE])
async def test_what_the_archive_shows_of_ours_is_sent_once(
    lives: Lives,
    people: Any,  # noqa: F811
    conversation: str,
) -> None:
    alice = await people("alice", "lobby")
    bot = await lives.first(alice, LOBBY)
    await bot.say(conversation, "ours", "ref-1")
    await bot.stop()
    again = await lives.begin(LOBBY)
    await again.say(conversation, "ours", "ref-1")  # as the outbox does, which knows of no answer
    await again.say(conversation, "more", "ref-2")
    await happens(lambda: "more" in heard_from_us(alice))
    assert heard_from_us(alice) == ["ours", "more"]


def heard_from_us(person: Person) -> list[str]:
    return [*person.texts(by="Robo"), *person.texts(by="bot")]


@pytest.mark.parametrize("conversation", [LOBBY, ALICE])
async def test_a_message_whose_session_is_gone_is_proven_by_the_archive(
    lives: Lives,
    people: Any,  # noqa: F811
    tmp_path: Path,
    conversation: str,
) -> None:
    alice = await people("alice", "lobby")
    gate = await Link(lives._prosody.port).open()
    async with stopping(gate, gate.close):
        bot = await lives.first(alice, LOBBY, port=gate.port)
        stream = bot.server._link.stream
        stream._spawn_event = lambda _: None  # what the server says from now on is lost
        saying = asyncio.create_task(bot.say(conversation, "ours", "ref-1"))
        await happens(lambda: "ours" in heard_from_us(alice))
        bot.server._connection._session.name = "unknown"  # so that the server refuses to resume it
        gate.cut()
        native = await asyncio.wait_for(saying, 20)
    assert (bool(native), heard_from_us(alice)) == (True, ["ours"])


# The whole gateway

CONFIGURATION = """
bot = "echo:Echo"
[xmpp]
jid = "{bot}"
password = "{password}"
host = "127.0.0.1"
port = {port}
tls = "off"
nick = "bridge"
[rooms.lobby]
members = ["xmpp:default:{room}"]
access = "open"
"""

ECHO = """
from consumers.base import ChatConsumer

class Echo(ChatConsumer):
    async def chat_message(self, event):
        await self.reply("heard " + event["text"])
"""


async def test_a_gateway_that_was_killed_hears_what_was_said_once_in_order(
    prosody: Prosody,
    people: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    alice = await people("alice", "lobby")
    configuration = CONFIGURATION.format(
        bot=BOT, password=PASSWORD.replace('"', '\\"'), port=prosody.port, room=ROOM
    )
    directory = tmp_path / "gateway"
    directory.mkdir()
    (directory / "echo.py").write_text(ECHO)
    async with Serving(directory, configuration) as gateway:
        rosters = alice.client.plugin["xep_0045"]
        await happens(lambda: "bridge" in rosters.get_roster(ROOM), 20)
        await answered(alice, lambda: alice.tell("lobby", "zero"), "heard zero", 1)
        await answered(alice, lambda: alice.say(BOT, "zero"), "heard zero", 2)
        await gateway.quiet()
        for text in numbered(0, 30):
            alice.tell("lobby", text)
            alice.say(BOT, text)
        await happens(lambda: "heard message 5" in alice.texts())
        await gateway.kill()
        for text in numbered(30, 60):
            alice.tell("lobby", text)
            alice.say(BOT, text)
        await gateway.start()
        await happens(lambda: alice.texts().count("heard message 59") == 2, 20)
        await gateway.quiet()
    expected = ["heard zero", *(f"heard {text}" for text in numbered(0, 60))]
    for nick in ("bridge", "bot"):
        heard = [text for text in alice.texts(by=nick) if text.startswith("heard")]
        assert heard == expected, nick


async def answered(alice: Person, say: Callable[[], None], answer: str, count: int) -> None:
    """Say something and wait for the answer of the bot."""
    say()
    await happens(lambda: alice.texts().count(answer) == count, 20)
