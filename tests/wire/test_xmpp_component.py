"""The component (XEP-0114) against a real Prosody."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from hashlib import sha1
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element
from zlib import crc32

import pytest
import pytest_asyncio
from slixmpp.exceptions import IqError

from gateway.delivery.status import State
from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import CredentialsRefused, NotSent, Refused, Uncertain
from people import SECONDS, Link, Person
from prosody import BRIDGE, HOST, ROOMS, SECRET, Prosody
from protocols.xmpp.component.courtesy import SENTENCE
from protocols.xmpp.component.names import jid_from_author
from protocols.xmpp.component.server import ComponentServer
from protocols.xmpp.server import Server
from protocols.xmpp.settings import Settings
from test_xmpp_server import (  # noqa: F401 (fixtures)
    ALICE,
    LOBBY,
    Bot,
    cut_often,
    eager,
    happens,
    people,
    stopping,
)

pytestmark = pytest.mark.timeout(120)

ROOM = f"lobby@{ROOMS}"
GROUP = "telegram:default:-1"


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Prosody]:
    server = Prosody(tmp_path, archive=True)
    await server.start()
    async with stopping(server, server.stop):
        yield server


def settings(server: Any, **changes: Any) -> Settings:
    whole = {
        "mode": "component",
        "jid": BRIDGE,
        "password": SECRET,
        "host": "127.0.0.1",
        "port": server.component_port,
        "nick": "Robo",
    }
    return Settings(**whole | changes)


@pytest_asyncio.fixture
async def make_bot(prosody: Any) -> AsyncIterator[Callable[..., Bot]]:
    made: list[Bot] = []

    def make(port: MemoryPort | None = None, through: int = 0, **changes: Any) -> Bot:
        changes |= {"port": through} if through else {}
        bot = Bot(settings(prosody, **changes), port)
        made.append(bot)
        return bot

    yield make
    for bot in made:
        await bot.stop()


@pytest_asyncio.fixture
async def link(prosody: Any) -> AsyncIterator[Link]:
    through = await Link(prosody.component_port).open()
    async with stopping(through, through.close):
        yield through


@pytest_asyncio.fixture
async def bot(make_bot: Callable[..., Bot]) -> Bot:
    made = make_bot().start()
    await made.until(State.CONNECTED)
    return made


def person(name: str, number: int = 0) -> dict[str, Any]:
    identity = f"telegram:{number or crc32(name.encode('utf-8', 'replace'))}"
    return {"id": identity, "name": name, "handle": None, "kind": "person", "private": None}


async def tell(bot: Bot, name: str, text: str, **body: Any) -> str | None:
    """Somebody of another network says something in the room."""
    said = {"type": "chat.message", "text": text, "ref": f"{name} says {text}"}
    event = {"author": person(name), "origin": GROUP} | said | body
    return await bot.server.deliver(LOBBY, bot.server.facts(LOBBY), event)


async def tell_until_sent(bot: Bot, name: str, text: str) -> None:
    """Try again where nothing was sent, or nobody knows, as the outbox does."""
    async with asyncio.timeout(30):
        while True:
            try:
                await tell(bot, name, text)
            except (NotSent, Uncertain):
                await asyncio.sleep(0.05)
            else:
                return


def said(alice: Person) -> list[tuple[str, str]]:
    """Who said what in the room."""
    return [(m["from"].resource, m["body"]) for m in alice.messages if m["body"]]


async def hears(alice: Person, count: int) -> list[tuple[str, str]]:
    await happens(lambda: len(said(alice)) >= count, 20)
    return said(alice)


def occupants(alice: Person) -> set[str]:
    return set(alice.client.plugin["xep_0045"].get_roster(ROOM))


# Being accepted


async def test_the_configuration_makes_it_a_component(bot: Bot) -> None:
    assert isinstance(bot.server, ComponentServer)
    assert bot.server.identity == f"bot@{BRIDGE}"


async def test_a_wrong_secret_is_refused_with_a_clear_sentence(make_bot: Any) -> None:
    bot = make_bot(password="wrong")
    with pytest.raises(CredentialsRefused, match=f"refuses the component {BRIDGE}: wrong secret"):
        await asyncio.wait_for(bot.server.run(), 20)


async def test_an_unknown_component_is_refused_with_a_clear_sentence(make_bot: Any) -> None:
    bot = make_bot(jid="other.localhost")
    with pytest.raises(CredentialsRefused, match=r"(knows no|refuses the) component other\.local"):
        await asyncio.wait_for(bot.server.run(), 20)


async def test_check_says_how_it_went(make_bot: Any) -> None:
    [said] = await make_bot().server.check()
    assert said.startswith(f"accepted as the component {BRIDGE}")


async def test_check_leaves_a_running_component_alone(bot: Bot, make_bot: Any) -> None:
    await make_bot().server.check()
    await asyncio.wait_for(bot.be_in(LOBBY), 20)
    assert {state for state, _ in bot.changes} == {State.CONNECTING, State.CONNECTED}


async def test_pings_of_the_server_and_of_rooms_come_back(
    make_bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("connection", "rooms"):
        monkeypatch.setattr(f"protocols.xmpp.{module}.PING_EVERY", 0.1)
    bot = make_bot().start()
    await bot.until(State.CONNECTED)
    await bot.be_in(LOBBY)
    for number in range(20):
        await tell(bot, "Tom", f"word {number}")
        await asyncio.sleep(0.05)
    assert {state for state, _ in bot.changes} == {State.CONNECTING, State.CONNECTED}


# Private chats


async def test_a_private_message_to_the_bot_arrives(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice")
    alice.say(f"bot@{BRIDGE}", "hello & <good> day")
    [arrival] = await bot.port.wait_for(1)
    assert (arrival.conversation, arrival.event["text"]) == (ALICE, "hello & <good> day")
    assert "author" not in arrival.facts["extensions"]


async def test_a_private_answer_of_the_bot_arrives(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice")
    assert await bot.say(ALICE, "you & <me>", ref="ref-1") == "ref-1"
    assert await alice.hear(1, "bot") == ["you & <me>"]


async def test_an_invitation_brings_the_bot_in(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "den")
    alice.client.plugin["xep_0045"].invite(f"den@{ROOMS}", f"bot@{BRIDGE}")
    await happens(lambda: bot.server._rooms.room(f"den@{ROOMS}") is not None)
    await happens(lambda: bot.server._rooms.room(f"den@{ROOMS}").joined)


async def test_who_asks_to_see_the_bot_sees_it(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice")
    seen = asyncio.Event()
    alice.client.add_event_handler(
        "presence_available", lambda p: seen.set() if p["from"].domain == BRIDGE else None
    )
    alice.client.send_presence(pto=f"bot@{BRIDGE}", ptype="subscribe")
    await asyncio.wait_for(seen.wait(), 20)


async def test_who_writes_to_a_puppet_is_told_once_what_it_is(
    bot: Bot,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "hi")
    alice.say(f"{ROOM}/Tom", "psst")
    alice.say(f"{ROOM}/Tom", "are you there?")
    alice.say(f"bot@{BRIDGE}", "done")
    await bot.port.wait_for(1)
    assert [text for _, text in await hears(alice, 2)] == ["hi", SENTENCE]
    assert bot.texts == ["done"]


# Puppets


async def test_a_remote_person_speaks_as_themselves(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "hi & <bye>")
    assert await hears(alice, 1) == [("Tom", "hi & <bye>")]
    assert {"Tom", "Robo", "alice"} <= occupants(alice)


async def test_the_room_declares_that_authors_are_shown(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    alice.tell("lobby", "hello")
    [arrival] = await bot.port.wait_for(1)
    assert arrival.facts["extensions"]["author"] == {}


@pytest.mark.parametrize("kept", [{}, {"author": {}}])
async def test_what_is_kept_of_a_room_is_brought_up_to_date(bot: Bot, kept: Any) -> None:
    facts = bot.server.facts(LOBBY)
    of_before = {**facts, "extensions": kept}
    assert bot.server.as_of_now(of_before)["extensions"] == facts["extensions"]


async def test_what_is_said_has_the_rooms_id(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    native = await tell(bot, "Tom", "hi")
    await hears(alice, 1)
    found = alice.messages[-1].xml.find("{urn:xmpp:sid:0}stanza-id")
    assert native == found.get("id")


async def test_what_the_bot_says_is_the_bots(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    await bot.say(LOBBY, "I am the bot")
    assert await hears(alice, 1) == [("Robo", "I am the bot")]


async def test_what_real_people_say_comes_once_and_puppets_words_never(
    bot: Bot,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    for name in ("Tom", "Ann", "Bo"):
        await tell(bot, name, f"hi from {name}")
    alice.tell("lobby", "hello")
    await tell(bot, "Tom", "once more")
    alice.tell("lobby", "bye")
    await happens(lambda: "bye" in bot.texts)
    assert bot.texts == ["hello", "bye"]


async def test_the_coming_and_going_of_puppets_is_no_news(
    bot: Bot,
    people: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.comings.SURE_SECONDS", 0.2)
    await people("alice", "lobby")
    await tell(bot, "Tom", "hi")
    bot.server._puppets.leave(ROOM)
    bob = await people("bob", "lobby")
    bob.tell("lobby", "hello")
    await happens(lambda: "hello" in bot.texts)
    await happens(lambda: bool(bot.port.passed))
    assert [(e["type"], e["author"]["name"]) for _, e in bot.port.passed] == [("xmpp.join", "bob")]
    await happens(lambda: bool(bot.port.people.get(LOBBY)))
    await happens(lambda: {p["name"] for p in bot.port.people[LOBBY]} == {"alice", "bob"})


async def test_a_name_that_is_taken_gets_the_network_beside_it(
    bot: Bot,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    await tell(bot, "alice", "I am another")
    await tell(bot, "alice", "and I a third", author=person("alice", 77))
    assert await hears(alice, 2) == [
        ("alice (telegram)", "I am another"),
        ("alice (telegram) 2", "and I a third"),
    ]


async def test_a_name_that_no_room_takes_is_replaced(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await tell(bot, "\u2028\ud800 \x00", "who am I?", author=person("\ue000\u0340", 7))
    [(nick, text)] = await hears(alice, 1)
    assert text == "who am I?"
    assert nick


async def test_a_new_name_is_a_new_nick(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "one", author=person("Tom", 7))
    await tell(bot, "Tom", "two", author=person("Thomas", 7))
    assert await hears(alice, 2) == [("Tom", "one"), ("Thomas", "two")]
    await happens(lambda: "Tom" not in occupants(alice))


async def test_beyond_the_bound_the_bot_speaks_with_names(
    make_bot: Any,
    people: Any,  # noqa: F811
) -> None:
    bot = make_bot(puppets=1).start()
    alice = await people("alice", "lobby")
    await bot.until(State.CONNECTED)
    await tell(bot, "Tom", "one")
    await tell(bot, "Ann", "two")
    assert await hears(alice, 2) == [("Tom", "one"), ("Robo", "Ann (telegram): two")]


async def test_whom_a_moderator_bans_is_not_shown_by_another_way(
    bot: Bot,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "one")
    muc = alice.client.plugin["xep_0045"]
    jid = bot.server._puppets.of(ROOM)[0].jid.partition("/")[0]
    await muc.set_affiliation(ROOM, "outcast", jid=jid)
    await happens(lambda: not bot.server._puppets.of(ROOM)[0].joined)
    with pytest.raises(Refused) as refusal:
        await tell(bot, "Tom", "two")
    assert refusal.value.code == "forbidden"


async def test_whom_a_kick_removes_comes_back_later(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "one")
    await alice.client.plugin["xep_0045"].set_role(ROOM, "Tom", "none")
    [puppet] = bot.server._puppets.of(ROOM)
    await happens(lambda: not puppet.joined)
    with pytest.raises(Refused):
        await tell(bot, "Tom", "two")
    puppet._again_at = 0.0
    await tell(bot, "Tom", "three")
    assert await hears(alice, 2) == [("Tom", "one"), ("Tom", "three")]


async def test_who_is_silent_for_long_leaves(
    make_bot: Any,
    people: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("protocols.xmpp.component.puppets.LOOK_SECONDS", 0.1)
    bot = make_bot(puppet_hours=2.0 / 3600).start()
    alice = await people("alice", "lobby")
    await bot.until(State.CONNECTED)
    await tell(bot, "Tom", "hi")
    await happens(lambda: "Tom" in occupants(alice))
    await happens(lambda: "Tom" not in occupants(alice))


async def test_typing_is_shown_only_of_who_is_there(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    states: list[str] = []

    def see(stanza: Any) -> Any:
        if stanza.xml.find("{http://jabber.org/protocol/chatstates}composing") is not None:
            states.append(stanza["from"].resource)
        return stanza

    alice.client.add_filter("in", see)
    await tell(bot, "Ann", "", type="chat.typing")
    await tell(bot, "Tom", "hi")
    await tell(bot, "Tom", "", type="chat.typing")
    await tell(bot, "Tom", "bye")
    await hears(alice, 2)
    assert states == ["Tom"]
    assert bot.port.passed == []


async def test_nobody_else_can_speak_for_us(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "hi")
    await hears(alice, 1)
    alice.client.send_raw(
        f"<message to='{ROOM}' type='groupchat' id='x'><body>forged</body>"
        "<seal xmlns='urn:chat-gateway:puppet:0' by='0123456789abcdef0123456789abcdef'/></message>"
    )
    await happens(lambda: bot.texts == ["forged"])


# Pictures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 16


def show(bot: Bot, name: str, content: bytes, tmp_path: Path) -> None:
    """Somebody has a picture where they are."""
    file = tmp_path / f"{name}.png"
    file.write_bytes(content)
    bot.port.media.files[f"telegram:default/{name}"] = file
    found: Any = {"kind": "photo", "source": f"telegram:default/{name}"}
    bot.port.pictures[person(name)["id"]] = found


def watch(alice: Person) -> dict[str, str]:
    """The hashes of pictures by nick, as presences bring them."""
    digests: dict[str, str] = {}

    def see(stanza: Any) -> Any:
        digest = stanza.xml.find("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
        if digest is not None:
            digests[stanza["from"].resource] = digest.text or ""
        return stanza

    alice.client.add_filter("in", see)
    return digests


async def card(alice: Person, jid: str) -> Element:
    """Ask for a vCard (XEP-0054)."""
    iq = alice.client.make_iq_get(ito=jid)
    iq.append(Element("{vcard-temp}vCard"))
    answer = await iq.send(timeout=SECONDS)
    found = answer.xml.find("{vcard-temp}vCard")
    assert found is not None
    return found


def image(vcard: Element) -> bytes | None:
    content = vcard.findtext("{vcard-temp}PHOTO/{vcard-temp}BINVAL")
    return b64decode(content) if content is not None else None


async def test_an_occupant_has_the_picture_of_its_person(
    bot: Bot,
    people: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    alice = await people("alice", "lobby")
    digests = watch(alice)
    show(bot, "Tom", PNG, tmp_path)
    await tell(bot, "Tom", "hi")
    await happens(lambda: digests.get("Tom") == sha1(PNG).hexdigest())
    vcard = await card(alice, f"{ROOM}/Tom")
    assert (vcard.findtext("{vcard-temp}FN"), image(vcard)) == ("Tom", PNG)


async def test_the_picture_is_to_be_had_by_the_jid_too(
    bot: Bot,
    people: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    alice = await people("alice", "lobby")
    digests = watch(alice)
    show(bot, "Tom", PNG, tmp_path)
    await tell(bot, "Tom", "hi")
    await happens(lambda: "Tom" in digests)
    jid = jid_from_author(person("Tom")["id"], BRIDGE)
    for asked in (jid, jid.partition("/")[0]):
        assert image(await card(alice, asked)) == PNG


async def test_whoever_comes_later_sees_the_picture(
    bot: Bot,
    people: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    alice = await people("alice", "lobby")
    digests = watch(alice)
    show(bot, "Tom", PNG, tmp_path)
    await tell(bot, "Tom", "hi")
    await happens(lambda: "Tom" in digests)
    bob = await people("bob")
    later = watch(bob)
    await bob.join("lobby")
    await happens(lambda: later.get("Tom") == sha1(PNG).hexdigest())


async def test_who_has_no_picture_has_a_card_without_one(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    digests = watch(alice)
    await tell(bot, "Tom", "hi")
    await happens(lambda: digests.get("Tom") == "")
    assert image(await card(alice, f"{ROOM}/Tom")) is None


async def test_a_picture_that_is_too_large_is_left_out(
    bot: Bot,
    people: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    alice = await people("alice", "lobby")
    digests = watch(alice)
    show(bot, "Tom", PNG * 10, tmp_path)
    await tell(bot, "Tom", "hi")
    await tell(bot, "Ann", "bye")
    assert await hears(alice, 2) == [("Tom", "hi"), ("Ann", "bye")]
    await happens(lambda: "Ann" in digests)
    assert "Tom" not in digests
    assert image(await card(alice, f"{ROOM}/Tom")) is None


async def test_nobody_has_no_card(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    with pytest.raises(IqError) as error:
        await card(alice, f"nobody@{BRIDGE}")
    assert error.value.condition == "item-not-found"


async def test_nobody_changes_the_card_of_a_puppet(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "hi")
    iq = alice.client.make_iq_set(ito=jid_from_author(person("Tom")["id"], BRIDGE))
    iq.append(Element("{vcard-temp}vCard"))
    with pytest.raises(IqError) as error:
        await iq.send(timeout=SECONDS)
    assert error.value.condition == "not-allowed"


# Gaps


async def test_after_a_restart_of_the_server_everybody_is_back(
    bot: Bot,
    people: Any,  # noqa: F811
    prosody: Prosody,
    eager: None,  # noqa: F811
) -> None:
    await tell(bot, "Tom", "one")
    await tell(bot, "Ann", "two")
    await prosody.stop()
    await bot.until(State.RECONNECTING)
    await prosody.start()
    await bot.until(State.CONNECTED)
    alice = await people("alice", "lobby")
    await happens(lambda: {"Tom", "Ann", "Robo"} <= occupants(alice), 20)
    await tell_until_sent(bot, "Tom", "three")
    alice.tell("lobby", "hello")
    await happens(lambda: "hello" in bot.texts, 20)
    assert bot.texts == ["hello"]
    assert (await hears(alice, 1))[0] == ("Tom", "three")


async def test_cuts_lose_and_repeat_nothing_in_either_direction(
    make_bot: Any,
    people: Any,  # noqa: F811
    link: Link,
) -> None:
    bot = make_bot(through=link.port).start()
    alice = await people("alice", "lobby")
    await bot.until(State.CONNECTED)
    await tell(bot, "Tom", "first")
    texts = [f"message {number}" for number in range(40)]
    cutting = asyncio.create_task(cut_often(link, bot))
    for number, text in enumerate(texts):
        alice.tell("lobby", f"to {text}")
        await tell_until_sent(bot, ("Tom", "Ann")[number % 2], text)
        await asyncio.sleep(0.02)
    await cutting
    await happens(lambda: len(bot.texts) >= len(texts), 30)
    assert bot.texts == [f"to {text}" for text in texts]
    await happens(lambda: texts[-1] in alice.texts())  # the bot may have heard it before her
    assert [text for _, text in said(alice) if text.startswith("message")] == texts


async def test_after_a_stop_and_a_start_they_are_back_under_their_names(
    bot: Bot,
    make_bot: Any,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    await tell(bot, "alice", "one")
    await bot.stop()
    await happens(lambda: occupants(alice) == {"alice"})
    again = make_bot(bot.port)
    again.port.known = {LOBBY: again.server.facts(LOBBY)}
    again.start()
    await happens(lambda: "alice (telegram)" in occupants(alice), 20)
    alice.tell("lobby", "hello")
    await happens(lambda: "hello" in again.texts)
    assert again.texts == ["hello"]


async def test_a_ghost_that_nobody_remembers_is_put_out(
    bot: Bot,
    people: Any,  # noqa: F811
) -> None:
    alice = await people("alice", "lobby")
    await tell(bot, "Tom", "one")
    bot.server._puppets._here.clear()  # what a process knew that was killed
    alice.tell("lobby", "hello")
    await happens(lambda: "Tom" not in occupants(alice))


async def test_fifty_people_speak_as_themselves(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    names = [f"Person {number}" for number in range(50)]
    for name in names:
        await tell(bot, name, f"I am {name}")
    assert await hears(alice, 50) == [(name, f"I am {name}") for name in names]
    assert set(names) <= occupants(alice)
    alice.tell("lobby", "so many")
    await happens(lambda: bot.texts == ["so many"])


def test_a_client_stays_a_client(prosody: Any) -> None:
    bot = Server("xmpp:default", Settings(jid=f"bot@{HOST}", password="x"), MemoryPort("x"))
    assert not isinstance(bot, ComponentServer)
