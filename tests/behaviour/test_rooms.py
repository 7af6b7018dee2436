"""Rooms: what is said in one member is shown in the others, once; the bot of the room is one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.base import AnswerTimeout, ChatConsumer
from consumers.bot import Bot, command
from gateway.delivery.server import Arrival
from gateway.ledger.rows import Rows
from gateway.testing import TelegramCommunicator
from gateway.vocabulary.ids import room_key
from house import PATIENCE, House, author_of

TELEGRAM = "telegram:default:-5"
XMPP = "xmpp:default:lobby@conference.example.org"
WEB = "web:default:lobby"
MEMBERS = (TELEGRAM, XMPP)
STRANGER = "telegram:default:9"
CHANNEL = "telegram:default:-1001"
TOM = TelegramCommunicator.person(7, "Tom")


class Host(Bot):
    """The bot of the rooms of these tests."""

    @command
    async def hello(self, event: dict[str, Any]) -> str:
        """Say hello."""
        return f"Hello {event['author']['name']}!"

    @command
    async def quiz(self, event: dict[str, Any]) -> str:
        """Ask something."""
        return f"{await self.ask('6 x 7?')} it is"

    @command
    async def whisper(self, event: dict[str, Any]) -> None:
        """Say something to one person."""
        await self.say("psst", to=event["author"]["private"])


@pytest.fixture
async def lobby(house: House) -> House:
    """A room with a Telegram group, an XMPP room and its web chat."""
    house.room("lobby", *MEMBERS)
    await house.start(Host.as_asgi())
    house.watch(WEB)
    return house


def others(conversation: str) -> list[str]:
    return [member for member in (*MEMBERS, WEB) if member != conversation]


def shown_in(conversation: str, text: str, network: str, name: str = "Alice") -> str:
    """How a text of another network is shown: the web shows names beside the text."""
    return text if conversation == WEB else f"{name} ({network}): {text}"


ORIGIN = pytest.mark.parametrize("origin", [TELEGRAM, XMPP, WEB])


@ORIGIN
async def test_what_is_said_in_one_is_shown_in_the_others(lobby: House, origin: str) -> None:
    await lobby.hears(origin, "hi")
    for conversation in others(origin):
        expected = shown_in(conversation, "hi", origin.partition(":")[0])
        assert await lobby.shows(conversation, 1) == [expected]


@ORIGIN
async def test_it_never_comes_back_where_it_was_said(lobby: House, origin: str) -> None:
    await lobby.hears(origin, "hi")
    for conversation in others(origin):
        await lobby.shows(conversation, 1)
    await lobby.settled()
    assert lobby.shown(origin) == []


@ORIGIN
async def test_the_order_is_the_same_everywhere(lobby: House, origin: str) -> None:
    texts = [str(number) for number in range(50)]
    await lobby.hears(origin, *texts)
    for conversation in others(origin):
        network = origin.partition(":")[0]
        expected = [shown_in(conversation, text, network) for text in texts]
        assert await lobby.shows(conversation, 50) == expected


@ORIGIN
async def test_the_bot_of_the_room_answers_once_and_everywhere(lobby: House, origin: str) -> None:
    await lobby.hears(origin, "/hello")
    for conversation in others(origin):
        assert (await lobby.shows(conversation, 2))[1] == "Hello Alice!"
    assert await lobby.shows(origin, 1) == ["Hello Alice!"]


async def test_the_bot_of_the_room_does_not_hear_itself(house: House) -> None:
    heard: list[str] = []

    class Parrot(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            heard.append(event["text"])
            await self.reply(event["text"])

    house.room("lobby", *MEMBERS)
    await house.start(Parrot.as_asgi())
    await house.hears(TELEGRAM, "hi")
    await house.shows(TELEGRAM, 1)
    await house.settled()
    assert heard == ["hi"]


async def test_a_question_asked_in_one_network_is_answered_from_another(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/quiz", author=author_of(XMPP))
    await lobby.shows(TELEGRAM, 1)
    await lobby.hears(XMPP, "42")
    assert (await lobby.shows(TELEGRAM, 3))[2] == "42 it is"


async def test_what_led_to_a_question_is_not_its_answer(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/quiz", author=author_of(XMPP))
    await lobby.shows(TELEGRAM, 1)
    lobby.board.conversations.nudge(room_key("lobby"))  # its tables are read once more
    await lobby.settled()
    await lobby.hears(XMPP, "42")
    assert (await lobby.shows(TELEGRAM, 3))[2] == "42 it is"


async def test_a_second_question_to_a_room_has_its_own_time(house: House) -> None:
    class Hasty(Bot):
        @command
        async def start(self, event: dict[str, Any]) -> str:
            """Ask twice."""
            first = await self.ask("First?", timeout=600)
            try:
                return first + await self.ask("Second?", timeout=0.5)
            except AnswerTimeout:
                return f"{first}, too late"

    house.remembers = True
    house.room("lobby", TELEGRAM)
    await house.start(Hasty.as_asgi())
    await house.hears(TELEGRAM, "/start")
    await house.shows(TELEGRAM, 1)
    await house.hears(TELEGRAM, "one")
    await house.shows(TELEGRAM, 2)
    await house.stop()
    await house.start(Hasty.as_asgi())
    async with asyncio.timeout(PATIENCE):
        while len(house.shown(TELEGRAM)) < 3:
            await house.board.look()
    assert house.shown(TELEGRAM) == ["First?", "Second?", "one, too late"]


async def test_the_bot_of_the_room_can_speak_to_one_person(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/whisper")
    private = author_of(TELEGRAM)["private"]
    assert private is not None
    assert await lobby.shows(private, 1) == ["psst"]


async def test_a_fall_loses_and_doubles_nothing(lobby: House) -> None:
    texts = [str(number) for number in range(40)]
    await lobby.hears(TELEGRAM, *texts)
    await lobby.shows(XMPP, 5)
    first = lobby.servers["xmpp:default"]
    await lobby.fall()
    await lobby.start(Host.as_asgi())
    await lobby.board.look()
    expected = [f"Alice (telegram): {text}" for text in texts]
    await lobby.until(lambda: expected[-1] in lobby.shown(XMPP))
    both = [*first.texts(XMPP), *lobby.shown(XMPP)]
    assert list(dict.fromkeys(both)) == expected
    assert len(both) <= 41


async def test_a_ring_that_was_lost_costs_no_message(lobby: House) -> None:
    await lobby.board.rooms.tell("lobby", {"type": "room.message", "text": "one"} | operator())
    await lobby.shows(XMPP, 1)
    key = "lobby|unheard"
    event = {"type": "room.message", "text": "two", "at": 0.0} | operator()
    from gateway.ledger import queries

    await lobby.board.journal.write(
        lambda rows: queries.append(rows, "room:default:lobby", key, event, 0.0)
    )
    await lobby.board.look()
    assert len(await lobby.shows(XMPP, 2)) == 2


def operator() -> dict[str, Any]:
    return {
        "author": {"id": "user:1", "name": "Op", "handle": None, "kind": "person", "private": None},
        "origin": None,
    }


async def test_a_message_told_twice_with_one_ref_is_one(lobby: House) -> None:
    message = {"type": "room.message", "text": "once", "ref": "r1"} | operator()
    ids = {await lobby.board.rooms.tell("lobby", message) for _ in range(3)}
    await lobby.shows(TELEGRAM, 1)
    await lobby.settled()
    assert (len(ids), len(lobby.shown(TELEGRAM))) == (1, 1)


async def test_an_answer_knows_the_message_it_answers(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "question", id="77")
    await lobby.shows(XMPP, 1)
    native = "n1"  # the first delivery of the recording server
    await lobby.board.journal.write(lambda rows: None)
    await lobby.hears(XMPP, "answer", reply_to=native)
    await lobby.shows(TELEGRAM, 1)
    assert lobby.servers["telegram:default"].delivered[0][1]["reply_to"] == "77"


# Commands


async def test_a_room_command_is_answered_where_it_was_said(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/id")
    assert await lobby.shows(TELEGRAM, 1) == [TELEGRAM]


async def test_a_room_command_is_not_relayed(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/id", "after")
    assert await lobby.shows(XMPP, 1) == ["Alice (telegram): after"]


async def test_a_foreign_command_is_relayed_and_never_run(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/hello", foreign=True)
    assert await lobby.shows(XMPP, 1) == ["Alice (telegram): /hello"]
    await lobby.settled()
    assert lobby.shown(TELEGRAM) == []


async def test_a_foreign_room_command_is_not_ours(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/leave", foreign=True)
    assert await lobby.shows(XMPP, 1) == ["Alice (telegram): /leave"]
    assert lobby.board.rooms.room_of[TELEGRAM] == "lobby"


async def test_a_configured_member_cannot_leave(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/leave")
    assert "by the configuration" in (await lobby.shows(TELEGRAM, 1))[0]


async def test_a_name_chosen_by_nick_is_shown(lobby: House) -> None:
    await lobby.hears(TELEGRAM, "/nick Queen of\u202e Hearts", "hi")
    assert await lobby.shows(XMPP, 1) == ["Queen of Hearts (telegram): hi"]


async def test_who_names_the_chats_of_the_room(lobby: House) -> None:
    lobby.servers["xmpp:default"].port.present(XMPP, [author_of(XMPP)])
    await lobby.hears(TELEGRAM, "/who")
    assert "- lobby@conference.example.org (xmpp): Alice" in (await lobby.shows(TELEGRAM, 1))[0]


async def test_room_commands_can_be_switched_off(house: House) -> None:
    class Quiet(ChatConsumer):
        room_commands = False

        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply(f"got {event['text']}")

    await house.start(Quiet.as_asgi())
    await house.hears(STRANGER, "/id")
    assert await house.shows(STRANGER, 1) == ["got /id"]


async def test_a_command_with_the_wrong_words_is_explained(house: House) -> None:
    await house.start(Host.as_asgi())
    await house.hears(STRANGER, "/join")
    assert "/join ROOM [CODE]" in (await house.shows(STRANGER, 1))[0]


# Who may be in a room


@pytest.mark.parametrize("access", ["members", "link"])
async def test_a_stranger_cannot_join(house: House, access: str) -> None:
    house.room("den", access=access, code="secret")
    await house.start(Host.as_asgi())
    await house.hears(STRANGER, "/join den", "/join den wrong")
    await house.shows(STRANGER, 2)
    assert STRANGER not in house.board.rooms.room_of


async def test_a_room_for_members_is_not_told_from_none(house: House) -> None:
    house.room("den")
    await house.start(Host.as_asgi())
    await house.hears(STRANGER, "/join den", "/join nowhere")
    den, nowhere = await house.shows(STRANGER, 2)
    assert den.replace("den", "nowhere") == nowhere


async def test_an_invitation_code_opens_a_room(house: House) -> None:
    house.room("den", access="link", code="secret")
    await house.start(Host.as_asgi())
    await house.hears(STRANGER, "/join den secret")
    assert await house.shows(STRANGER, 1) == ["This chat is in den now."]


async def test_an_open_room_is_open(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    await house.hears(STRANGER, "/rooms", "/join den", "/join den")
    rooms, *answers = await house.shows(STRANGER, 3)
    assert rooms.startswith("Open rooms: den.")
    assert answers == ["This chat is in den now.", "This chat is in den already."]


async def test_a_group_is_joined_by_its_administrators_only(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    house.servers["telegram:default"].administrators = {author_of(TELEGRAM)["id"]}
    await house.hears(TELEGRAM, "/join den", author=TOM)
    await house.hears(TELEGRAM, "/join den")
    assert await house.shows(TELEGRAM, 2) == [
        "Only an administrator of this chat can do that.",
        "This chat is in den now.",
    ]


async def test_a_group_is_left_by_its_administrators_only(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    house.servers["telegram:default"].administrators = {author_of(TELEGRAM)["id"]}
    await house.hears(TELEGRAM, "/join den")
    await house.hears(TELEGRAM, "/leave", author=TOM)
    await house.hears(TELEGRAM, "/leave")
    assert (await house.shows(TELEGRAM, 3))[1:] == [
        "Only an administrator of this chat can do that.",
        "This chat has left den.",
    ]


async def test_a_chat_that_left_its_room_is_left_by_its_server(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    await house.hears(XMPP, "/join den", "/leave")
    await house.shows(XMPP, 2)
    assert house.server(XMPP).left == [XMPP]


async def test_a_chat_that_goes_to_another_room_is_not_left(house: House) -> None:
    house.room("one", access="open")
    house.room("two", access="open")
    await house.start(Host.as_asgi())
    await house.hears(XMPP, "/join one", "/join two")
    await house.shows(XMPP, 2)
    assert house.server(XMPP).left == []


async def test_who_joined_live_stays_over_a_restart(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    await house.hears(TELEGRAM, "/join den")
    await house.shows(TELEGRAM, 1)
    await house.stop()
    await house.start(Host.as_asgi())
    assert house.board.rooms.room_of[TELEGRAM] == "den"


async def test_who_is_taken_out_of_the_configuration_leaves(house: House) -> None:
    house.room("lobby", *MEMBERS)
    await house.start(Host.as_asgi())
    await house.stop()
    house.room("lobby", XMPP)
    await house.start(Host.as_asgi())
    assert house.board.rooms.members("lobby") == [WEB, XMPP]


async def _elsewhere(house: House, *, joins: bool) -> None:
    """Another process brings a chat into a room, or takes it out; here it is noticed."""

    def operation(rows: Rows) -> None:
        if joins:
            queries.join(rows, TELEGRAM, "den", room_key("den"), configured=False)
        else:
            queries.leave(rows, TELEGRAM)
        queries.touch_rooms(rows)

    from gateway.ledger import queries

    await house.board.journal.write(operation)
    await house.board.look()


async def test_a_chat_that_another_process_brought_in_is_entered(house: House) -> None:
    house.room("den")
    await house.start(Host.as_asgi())
    await _elsewhere(house, joins=True)
    await house.until(lambda: TELEGRAM in house.server(TELEGRAM).entered)


async def test_a_chat_that_another_process_took_out_is_left(house: House) -> None:
    house.room("den")
    await house.start(Host.as_asgi())
    await _elsewhere(house, joins=True)
    await _elsewhere(house, joins=False)
    await house.until(lambda: TELEGRAM in house.server(TELEGRAM).left)


async def test_a_chat_that_is_awake_hears_the_room_that_another_process_brought_it_into(
    house: House,
) -> None:
    house.room("den", XMPP)
    await house.start(Host.as_asgi())
    await house.hears(TELEGRAM, "/hello")
    await house.shows(TELEGRAM, 1)
    await _elsewhere(house, joins=True)
    await house.hears(XMPP, "welcome")
    assert (await house.shows(TELEGRAM, 2))[1] == shown_in(TELEGRAM, "welcome", "xmpp")


async def test_what_is_read_while_a_chat_joins_here_does_not_take_it_out(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    rooms = house.board.rooms
    await asyncio.gather(rooms.load(), rooms.link("den", TELEGRAM), rooms.load())
    assert (rooms.room_of[TELEGRAM], house.server(TELEGRAM).left) == ("den", [])


async def test_a_conversation_is_in_one_room(house: House) -> None:
    house.room("one", access="open")
    house.room("two", access="open")
    await house.start(Host.as_asgi())
    await house.hears(TELEGRAM, "/join one", "/join two")
    await house.shows(TELEGRAM, 2)
    rooms = house.board.rooms
    assert (rooms.members("one"), rooms.members("two")) == (
        ["web:default:one"],
        ["web:default:two", TELEGRAM],
    )


async def test_the_web_chat_of_a_room_stays_in_it(lobby: House) -> None:
    await lobby.hears(WEB, "/leave")
    assert await lobby.shows(WEB, 1) == ["The web chat of a room is always in its room."]


async def test_what_was_said_before_the_join_is_not_shown(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    await house.hears("web:default:den", "before")
    await house.settled()
    await house.hears(TELEGRAM, "/join den")
    await house.shows(TELEGRAM, 1)
    await house.hears("web:default:den", "after")
    assert await house.shows(TELEGRAM, 2) == ["This chat is in den now.", "Alice (web): after"]


async def test_nothing_of_a_former_room_hides_what_the_new_one_says(house: House) -> None:
    house.room("old", TELEGRAM)
    house.room("new", access="open")
    await house.start(Host.as_asgi())
    await house.hears("web:default:old", *(str(number) for number in range(30)))
    await house.shows(TELEGRAM, 30)
    await house.board.rooms.link("new", TELEGRAM)
    await house.hears("web:default:new", "here")
    await house.until(lambda: "Alice (web): here" in house.shown(TELEGRAM))
    await house.settled()
    await house.fall()
    house.room("old")
    await house.start(Host.as_asgi())
    await house.hears("web:default:new", "there")
    await house.until(lambda: "Alice (web): there" in house.shown(TELEGRAM))


async def test_outside_a_room_everybody_speaks_with_the_bot(house: House) -> None:
    await house.start(Host.as_asgi())
    await house.hears(STRANGER, "/hello")
    assert await house.shows(STRANGER, 1) == ["Hello Alice!"]


async def test_a_dialogue_opened_before_the_join_gets_its_answer(house: House) -> None:
    house.room("den", access="open")
    await house.start(Host.as_asgi())
    await house.hears(TELEGRAM, "/quiz")
    await house.shows(TELEGRAM, 1)
    await house.hears(TELEGRAM, "/join den", author=TOM)
    await house.hears(TELEGRAM, "42")
    assert "42 it is" in await house.shows(TELEGRAM, 3)


async def test_the_hook_can_keep_words_out_of_a_room(house: House) -> None:
    class Discreet(ChatConsumer):
        async def relay(self, event: dict[str, Any]) -> dict[str, Any] | None:
            if event["text"].startswith("("):
                return None
            return event | {"text": event["text"].upper()}

    house.room("lobby", *MEMBERS)
    await house.start(Discreet.as_asgi())
    await house.hears(TELEGRAM, "(secret)", "open")
    assert await house.shows(XMPP, 1) == ["Alice (telegram): OPEN"]


# Channels


class Poster(ChatConsumer):
    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.reply(f"post: {event['text']}")


class ChannelPoster(Poster):
    channel_posts = True


async def test_channel_posts_are_relayed(house: House) -> None:
    house.room("lobby", CHANNEL, XMPP)
    await house.start(Host.as_asgi())
    await house.hears(CHANNEL, "news")
    assert await house.shows(XMPP, 1) == ["Alice (telegram): news"]


@pytest.mark.parametrize(("consumer", "answers"), [(Poster, 0), (ChannelPoster, 1)])
async def test_channel_posts_reach_the_bot_if_it_wants_them(
    house: House, consumer: type[Poster], answers: int
) -> None:
    await house.start(consumer.as_asgi())
    await house.hears(CHANNEL, "news")
    if answers:
        await house.shows(CHANNEL, 1)
    await house.settled(CHANNEL)
    assert len(house.shown(CHANNEL)) == answers


# Texts


HOSTILE = [
    "\u202egnp.exe \u200f\u05e9\u05dc\u05d5\u05dd",
    "line\nbreak\n\n  and spaces",
    "👩‍👩‍👧‍👦 🇩🇪 é",
    "<b>&amp;</b> *no* `markup`",
    "x" * 60_000,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_texts_arrive_whole(lobby: House, text: str) -> None:
    expected = f"Alice (web): {text}"
    await lobby.hears(WEB, text)
    await lobby.until(lambda: len("".join(lobby.shown(XMPP))) >= len(expected))
    await lobby.settled()
    assert "".join(lobby.shown(XMPP)) == expected


async def test_a_long_text_is_split_between_words_for_telegram(lobby: House) -> None:
    text = " ".join(f"word{number}" for number in range(1_200))
    await lobby.hears(WEB, text)
    await lobby.until(lambda: "".join(lobby.shown(TELEGRAM)).endswith("word1199"))
    parts = lobby.shown(TELEGRAM)
    assert "".join(parts) == f"Alice (web): {text}"
    assert all(len(part) <= 4096 for part in parts)
    assert all(part.endswith(" ") for part in parts[:-1])


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\x1bb", "a\ufffeb"])
async def test_what_no_network_can_carry_is_replaced_in_what_bots_say(
    house: House, private: str, text: str
) -> None:
    class Wild(ChatConsumer):
        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.reply(text)

    await house.start(Wild.as_asgi())
    await house.hears(private, "hi")
    assert await house.shows(private, 1) == ["a\ufffdb"]


async def test_an_arrival_that_cannot_be_recorded_harms_nobody(house: House, private: str) -> None:
    await house.start(Poster.as_asgi())
    arrivals = [house.arrival(private, text) for text in ("one", "lone \ud800 surrogate", "two")]
    await house.watch(private).port.accept(arrivals)
    assert await house.shows(private, 2) == ["post: one", "post: two"]
    assert await house.dead() == ["lone \ufffd surrogate"]


async def test_a_hostile_name_is_shown_on_one_line(lobby: House) -> None:
    name = "Eve\n(telegram): I owe you\u202e"
    await lobby.hears(TELEGRAM, "hi", author=author_of(TELEGRAM) | {"name": name})
    assert "\n" not in (await lobby.shows(XMPP, 1))[0]


async def test_what_a_network_said_too_long_ago_is_told_in_one_line(lobby: House) -> None:
    facts, event = lobby.arrival(XMPP, "").facts, {"type": "xmpp.skipped", "count": 12}
    arrivals = [Arrival(XMPP, facts, event, "lobby skipped 7")] * 2
    await lobby.server(XMPP).port.accept(arrivals)
    await lobby.hears(XMPP, "after it")
    line = "lobby@conference.example.org (xmpp): (12 earlier messages were not shown)"
    assert await lobby.shows(TELEGRAM, 2) == [line, "Alice (xmpp): after it"]


async def test_a_chat_in_no_room_tells_nobody_what_was_skipped(house: House) -> None:
    await house.start(Host.as_asgi())
    facts, event = house.arrival(XMPP, "").facts, {"type": "xmpp.skipped", "count": 12}
    await house.server(XMPP).port.accept([Arrival(XMPP, facts, event, None)])
    await house.settled(XMPP)
    assert (house.shown(XMPP), await house.dead()) == ([], [])


async def test_a_room_is_told_nothing_from_a_place_that_cannot_be(lobby: House) -> None:
    said = {"type": "room.message", "text": "hi", "author": TOM, "origin": "nowhere"}
    with pytest.raises(ValueError, match="'nowhere' is not a conversation key"):
        await lobby.group_send("room.lobby", said)
