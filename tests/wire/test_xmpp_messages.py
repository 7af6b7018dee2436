"""Whole messages between the XMPP server and people with other clients, over a real Prosody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import aiohttp
import pytest
import pytest_asyncio

from gateway.vocabulary.errors import MediaError, Refused
from people import SECONDS, Person
from prosody import HOST, ROOMS, Prosody
from test_xmpp_server import (  # noqa: F401 (fixtures)
    ALICE,
    LOBBY,
    Bot,
    bot,
    happens,
    link,
    make_bot,
    people,
    stopping,
)

pytestmark = pytest.mark.timeout(120)

BOT = f"bot@{HOST}"
LARGEST_FILE = 1024 * 1024
PLUGINS = ("0184", "0308", "0333", "0424", "0425", "0444", "0461", "0066", "0447", "0085")

REPLY = "{urn:xmpp:reply:0}reply"
REPLACE = "{urn:xmpp:message-correct:0}replace"
RETRACT = "{urn:xmpp:message-retract:1}retract"
REACTIONS = "{urn:xmpp:reactions:0}"
STATES = "{http://jabber.org/protocol/chatstates}"


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Any]:
    server = Prosody(tmp_path, archive=True, largest_file=LARGEST_FILE)
    await server.start()
    async with stopping(server, server.stop):
        yield server


class Chat:
    """A bot and Alice in one place: a room, or in private."""

    def __init__(self, bot: Bot, alice: Person, conversation: str) -> None:  # noqa: F811
        self.bot = bot
        self.alice = alice
        self.conversation = conversation
        self.group = conversation == LOBBY
        self.to = f"lobby@{ROOMS}" if self.group else BOT
        self.kind = "groupchat" if self.group else "chat"
        for plugin in PLUGINS:
            alice.client.register_plugin(f"xep_{plugin}")

    # What Alice does

    def plugin(self, number: str) -> Any:
        return self.alice.client.plugin[f"xep_{number}"]

    def message(self, body: str, **attributes: Any) -> Any:
        message = self.alice.client.make_message(mto=self.to, mbody=body, mtype=self.kind)
        message["id"] = attributes.pop("id", "a1")
        return message

    def send(self, inside: str, name: str = "a1") -> None:
        """Send a stanza as another client may have written it."""
        self.alice.client.send_raw(
            f"<message to='{self.to}' type='{self.kind}' id='{name}'>{inside}</message>"
        )

    async def arrives(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for so many events of a kind; returns the last."""
        name = f"xmpp.{kind}"
        await happens(lambda: len(self.events(name)) >= count)
        return self.events(name)[-1]

    def events(self, name: str) -> list[dict[str, Any]]:
        recorded = [a.event for a in self.bot.port.accepted if a.conversation == self.conversation]
        passed = [event for key, event in self.bot.port.passed if key == self.conversation]
        return [event for event in (*recorded, *passed) if event["type"] == name]

    # What the bot does

    async def deliver(self, kind: str, **body: Any) -> str | None:
        server = self.bot.server
        event = {"type": f"chat.{kind}", **body}
        return await server.deliver(self.conversation, server.facts(self.conversation), event)

    async def shown(self, tag: str) -> Element:
        """Wait until Alice's client is told something by the bot; returns that stanza."""
        sender = f"{self.to}/Robo" if self.group else f"{BOT}/gateway"

        def found() -> list[Any]:
            mine = [m for m in self.alice.stanzas if str(m["from"]) == sender]
            return [m.xml for m in mine if m.xml.find(tag) is not None]

        await happens(lambda: bool(found()))
        return found()[-1]


@pytest_asyncio.fixture(params=["in private", "in a room"])
async def chat(request: Any, bot: Bot, people: Any) -> Chat:  # noqa: F811
    if request.param == "in private":
        return Chat(bot, await people("alice"), ALICE)
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    return Chat(bot, alice, LOBBY)


@pytest_asyncio.fixture
async def private(bot: Bot, people: Any) -> Chat:  # noqa: F811
    return Chat(bot, await people("alice"), ALICE)


@pytest_asyncio.fixture
async def room(bot: Bot, people: Any) -> Chat:  # noqa: F811
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    return Chat(bot, alice, LOBBY)


# What people do

STYLED = "so <b> *what*"
URL = "https://files.example/cat.png"


async def test_styling_arrives_as_spans(chat: Chat) -> None:
    chat.message(STYLED).send()
    event = await chat.arrives("message")
    assert event["text"] == "so <b> what"
    assert event["spans"] == [{"style": "bold", "start": 7, "end": 11}]


async def test_a_correction_arrives_as_an_edit_of_what_was_said(chat: Chat) -> None:
    chat.message("fisrt").send()
    said = await chat.arrives("message")
    chat.plugin("0308").build_correction("a1", chat.to, mtype=chat.kind, mbody="first").send()
    event = await chat.arrives("edit")
    assert (event["text"], event["origin_id"]) == ("first", said["origin_id"])
    assert event["author"]["id"] == said["author"]["id"]


async def test_a_retraction_arrives_as_a_delete(chat: Chat) -> None:
    chat.message("oops").send()
    said = await chat.arrives("message")
    chat.plugin("0424").send_retraction(chat.to, said["id"], chat.kind, include_fallback=True)
    event = await chat.arrives("delete")
    assert (event["id"], event.get("moderated", False)) == (said["id"], False)


async def test_a_reaction_to_what_the_bot_said_names_it(chat: Chat) -> None:
    native = await chat.deliver("message", text="hello", ref="r1")
    message = chat.message("")
    del message["body"]
    chat.plugin("0444").set_reactions(message, native, ["👍", "❤"])
    message.send()
    event = await chat.arrives("reaction")
    assert (event["id"], set(event["emoji"])) == (native, {"👍", "❤"})


async def test_a_reply_to_what_the_bot_said_names_it_and_quotes_nothing(chat: Chat) -> None:
    native = await chat.deliver("message", text="hello", ref="r1")
    chat.plugin("0461").make_reply(
        f"{chat.to}/Robo", native, fallback="hello", quoted_nick="Robo", mto=chat.to,
        mbody="hi", mtype=chat.kind,
    ).send()  # fmt: skip
    event = await chat.arrives("message")
    assert (event["text"], event["reply_to"]) == ("hi", native)
    assert "hello" in event["quoted"]["text"]


async def test_a_file_arrives_as_an_attachment(chat: Chat) -> None:
    message = chat.message(URL)
    message["oob"]["url"] = URL
    message.send()
    event = await chat.arrives("message")
    assert (event["text"], event["attachments"][0]["source"]) == ("", URL)


async def test_typing_arrives(chat: Chat) -> None:
    message = chat.message("")
    del message["body"]
    message["chat_state"] = "composing"
    message.send()
    assert (await chat.arrives("typing"))["author"]["name"] == "alice"


OMEMO = (
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>AA==</payload>"
    "</encrypted><body>I sent you an OMEMO encrypted message.</body>"
)


async def test_what_is_encrypted_is_answered_once_and_goes_nowhere(chat: Chat) -> None:
    chat.send(OMEMO, "e1")
    [said] = await chat.alice.hear(1, by="Robo" if chat.group else "bot")
    chat.send(OMEMO, "e2")
    chat.send("<body>in clear</body>", "e3")
    await chat.arrives("message")
    assert "OMEMO" in said
    assert [event["text"] for event in chat.events("xmpp.message")] == ["in clear"]
    assert len(chat.alice.texts(by="Robo" if chat.group else "bot")) == 1


async def test_after_a_restart_it_is_still_known_who_was_told(chat: Chat, make_bot: Any) -> None:  # noqa: F811
    chat.bot.port.notes[f"xmpp.encrypted {chat.conversation.partition(':default:')[2]}"] = "OMEMO"
    chat.send(OMEMO, "e1")
    chat.send("<body>in clear</body>", "e2")
    await chat.arrives("message")
    await chat.deliver("message", text="last", ref="r1")
    by = "Robo" if chat.group else "bot"
    assert await chat.alice.hear(1, by=by) == ["last"]


async def test_a_receipt_is_given_when_the_message_is_safe(private: Chat) -> None:
    private.bot.port.away = True
    message = private.message("hello")
    message["request_receipt"] = True
    message.send()
    private.message("again", id="a2").send()
    await asyncio.sleep(0.2)  # in which a receipt would have come
    received = "{urn:xmpp:receipts}received"
    assert not [m for m in private.alice.stanzas if m.xml.find(received) is not None]
    private.bot.port.away = False
    assert (await private.shown(received)).find(received).get("id") == "a1"  # type: ignore[union-attr]


async def test_a_receipt_for_what_the_bot_said_arrives(private: Chat) -> None:
    native = await private.deliver("message", text="hello", ref="r1")
    assert (await private.arrives("receipt"))["id"] == native == "r1"


async def test_a_marker_arrives_as_a_receipt(private: Chat) -> None:
    private.plugin("0333").send_marker(BOT, "r9", "displayed")
    assert (await private.arrives("receipt"))["id"] == "r9"


async def test_a_forged_moderation_changes_nothing(room: Chat) -> None:
    moderated = "<moderated xmlns='urn:xmpp:message-moderate:1' by='x'/>"
    retract = f"<retract xmlns='urn:xmpp:message-retract:1' id='s0'>{moderated}</retract>"
    room.send(retract, "f1")
    room.send("<body>after</body>", "f2")
    await room.arrives("message")
    assert room.events("xmpp.delete") == []


async def test_in_a_room_a_message_is_called_as_the_room_calls_it(room: Chat) -> None:
    room.message("hello").send()
    event = await room.arrives("message")
    assert event["origin_id"] == "a1" != event["id"]


# What the bot does


async def test_spans_are_shown_as_styling(chat: Chat) -> None:
    spans = [{"style": "bold", "start": 3, "end": 7}]
    await chat.deliver("message", text="so what", spans=spans, ref="r1")
    assert await chat.alice.hear(1, by="Robo" if chat.group else "bot") == ["so *what*"]


async def test_a_reply_is_shown_under_what_it_answers(chat: Chat) -> None:
    chat.message("question").send()
    said = await chat.arrives("message")
    quoted = {"author": "alice", "text": "question"}
    await chat.deliver("message", text="yes", reply_to=said["id"], quoted=quoted, ref="r1")
    stanza = await chat.shown(REPLY)
    reply = stanza.find(REPLY)
    assert reply is not None
    assert reply.get("id") == said["id"]
    message = next(m for m in chat.alice.stanzas if m.xml is stanza)
    assert message["reply"].strip_fallback_content() == "yes"


@pytest.mark.parametrize(("author", "occupant"), [("alice", "alice"), ("Ada", "Robo")])
async def test_a_reply_in_a_room_names_who_is_answered_or_brought_it(
    room: Chat, author: str, occupant: str
) -> None:
    quoted = {"author": author, "text": "question"}
    await room.deliver("message", text="yes", reply_to="s1", quoted=quoted, ref="r1")
    reply = (await room.shown(REPLY)).find(REPLY)
    assert reply is not None
    assert reply.get("to", "").partition("/")[2] == occupant


async def test_an_edit_is_a_correction_of_what_the_bot_said(chat: Chat) -> None:
    native = await chat.deliver("message", text="fisrt", ref="r1")
    edited = await chat.deliver("edit", text="first", id=native, origin_id="r1", ref="r2")
    stanza = await chat.shown(REPLACE)
    replace = stanza.find(REPLACE)
    assert replace is not None
    assert (replace.get("id"), edited) == ("r1", native)


async def test_a_delete_is_a_retraction(chat: Chat) -> None:
    native = await chat.deliver("message", text="oops", ref="r1")
    await chat.deliver("delete", id=native, origin_id="r1", ref="r2")
    retract = (await chat.shown(RETRACT)).find(RETRACT)
    assert retract is not None
    assert retract.get("id") == native


async def test_reactions_are_shown(chat: Chat) -> None:
    chat.message("hello").send()
    said = await chat.arrives("message")
    await chat.deliver("reaction", id=said["id"], emoji=["👍", "🎉"], ref="r1")
    reactions = (await chat.shown(f"{REACTIONS}reactions")).find(f"{REACTIONS}reactions")
    assert reactions is not None
    assert reactions.get("id") == said["id"]
    assert [one.text for one in reactions] == ["👍", "🎉"]


async def test_typing_is_shown_once_and_ends_when_nothing_follows(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.writing.STOPPED_SECONDS", 0.2)
    await chat.deliver("typing")
    await chat.deliver("typing")
    await chat.shown(f"{STATES}paused")
    writing = [m for m in chat.alice.stanzas if m.xml.find(f"{STATES}composing") is not None]
    assert len(writing) == 1


async def test_an_answer_without_words_is_not_shown(chat: Chat) -> None:
    assert await chat.deliver("answer", token=f"{chat.conversation}|s1", text="") is None


# Files


@pytest.fixture
def cat(bot: Bot, tmp_path: Path) -> Callable[[int], dict[str, Any]]:  # noqa: F811
    def make(size: int) -> dict[str, Any]:
        path = tmp_path / "cat.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * (size - 8))
        bot.port.media.files["test/cat"] = path
        return {"kind": "photo", "source": "test/cat", "name": "my cat.png", "type": "image/png"}

    return make


async def uploads_are_known(chat: Chat) -> dict[str, Any]:
    server = chat.bot.server
    await happens(lambda: "file" in server.facts(chat.conversation)["extensions"])
    return dict(server.facts(chat.conversation)["extensions"]["file"])


async def test_a_server_that_keeps_files_is_found(private: Chat) -> None:
    assert await uploads_are_known(private) == {"max_size": LARGEST_FILE, "caption": 0}


async def test_a_file_is_kept_by_the_server_for_everybody(chat: Chat, cat: Any) -> None:
    await uploads_are_known(chat)
    await chat.deliver("message", text="", attachments=[cat(200_000)], ref="r1")
    stanza = await chat.shown("{jabber:x:oob}x")
    url = stanza.findtext("{jabber:x:oob}x/{jabber:x:oob}url")
    assert stanza.findtext("{jabber:client}body") == url
    async with aiohttp.ClientSession() as session, session.get(url) as answer:  # type: ignore[arg-type]
        assert answer.headers["Content-Type"] == "image/png"
        assert len(await answer.read()) == 200_000


async def test_a_file_that_the_server_does_not_take_is_refused(private: Chat, cat: Any) -> None:
    await uploads_are_known(private)
    with pytest.raises(Refused) as refusal:
        await private.deliver("message", text="", attachments=[cat(LARGEST_FILE + 1)], ref="r1")
    assert refusal.value.code == "too_large"


async def test_a_file_that_is_gone_is_refused_as_such(private: Chat) -> None:
    await uploads_are_known(private)
    private.bot.port.media.files["test/cat"] = MediaError("gone", "It is gone.")
    file = {"kind": "photo", "source": "test/cat"}
    with pytest.raises(Refused) as refusal:
        await private.deliver("message", text="", attachments=[file], ref="r1")
    assert refusal.value.code == "gone"


async def test_a_file_that_is_said_again_is_not_said_twice(chat: Chat, cat: Any) -> None:
    await uploads_are_known(chat)
    said = chat.bot.server._proofs
    name, place = "r1", chat.conversation.partition(":default:")[2]
    message = Element("message", {"id": name})
    said.archived(place, message, "native")
    assert await chat.deliver("message", text="", attachments=[cat(99)], ref=name) == "native"


# Who we are


async def test_the_bot_says_what_it_can(private: Chat) -> None:
    client = private.alice.client
    client.register_plugin("xep_0030")
    info = await client.plugin["xep_0030"].get_info(jid=f"{BOT}/gateway", timeout=SECONDS)
    assert {
        "urn:xmpp:message-correct:0",
        "urn:xmpp:message-retract:1",
        "urn:xmpp:reactions:0",
        "urn:xmpp:receipts",
        "urn:xmpp:reply:0",
        "http://jabber.org/protocol/chatstates",
    } <= set(info["disco_info"]["features"])


async def test_what_the_presence_promises_is_what_the_bot_says(room: Chat) -> None:
    client = room.alice.client
    client.register_plugin("xep_0115")
    presences: list[Any] = []
    client.add_event_handler("groupchat_presence", presences.append)
    room.bot.server._rooms.leave(f"lobby@{ROOMS}")
    await room.bot.be_in(LOBBY)
    await happens(lambda: any(p["caps"]["ver"] for p in presences))
    ver = next(p["caps"]["ver"] for p in presences if p["caps"]["ver"])
    info = await client.plugin["xep_0030"].get_info(
        jid=f"lobby@{ROOMS}/Robo", node=f"urn:chat-gateway#{ver}", timeout=10
    )
    assert client.plugin["xep_0115"].generate_verstring(info["disco_info"], "sha-1") == ver
