"""What is said again, and what is not: against a real Prosody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery.status import State
from gateway.vocabulary.errors import NotSent, Refused, Uncertain
from people import Link, Person
from prosody import Prosody
from test_xmpp_server import (  # noqa: F401 (fixtures)
    ALICE,
    LOBBY,
    Bot,
    bot,
    happens,
    link,
    make_bot,
    people,
    prosody,
    settings,
    stopping,
)

pytestmark = pytest.mark.timeout(120)

LONG = "\N{PARTY POPPER}" * 8000


async def say_as_the_outbox_does(bot: Bot, conversation: str, text: str, ref: str) -> int:  # noqa: F811
    """Say it until it is said; how often it was tried."""
    async with asyncio.timeout(40):
        for tries in range(1, 1000):
            try:
                await bot.say(conversation, text, ref)
            except (NotSent, Uncertain):
                await asyncio.sleep(0.05)
            else:
                return tries
    raise AssertionError("never said")


def origins(person: Person) -> list[str]:
    """The origin-ids of what somebody heard of us, repeats left out."""
    found = [message.xml.find("{urn:xmpp:sid:0}origin-id") for message in person.messages]
    ids = [origin.get("id") for origin in found if origin is not None]
    return list(dict.fromkeys(ids))


async def refused_resumption(bot: Bot, link: Link) -> None:  # noqa: F811
    """Cut before what was said has left, and have the server refuse to resume the session."""
    session = bot.server._connection._session
    assert session is not None
    said = len(session.departures)
    while len(session.departures) == said:  # noqa: ASYNC110 (within the turn of the loop)
        await asyncio.sleep(0)
    session.name = "unknown"
    link.cut()


@pytest.mark.parametrize("conversation", [ALICE, LOBBY])
async def test_after_a_refused_resumption_all_is_said_again_in_order_under_its_origin_id(
    make_bot: Any,  # noqa: F811
    people: Any,  # noqa: F811
    link: Link,  # noqa: F811
    conversation: str,
) -> None:
    bot = make_bot(port=link.port).start()  # noqa: F811
    await bot.until(State.CONNECTED)
    alice = await people("alice", "lobby")
    await bot.be_in(LOBBY)
    refs, tries = [f"ref-{number}" for number in range(6)], []
    for number, ref in enumerate(refs):
        saying = asyncio.create_task(say_as_the_outbox_does(bot, conversation, ref, ref))
        if number % 2:
            await refused_resumption(bot, link)
        tries.append(await saying)
    await happens(lambda: len(origins(alice)) == len(refs))
    assert (origins(alice), max(tries) > 1) == (refs, True)


async def test_a_message_to_a_room_waits_until_we_are_in_it(bot: Bot, people: Any) -> None:  # noqa: F811
    alice = await people("alice", "lobby")
    await bot.say(LOBBY, "here I am", "ref-1")
    assert await alice.hear(1, by="Robo") == ["here I am"]


async def test_a_stanza_that_ended_the_stream_twice_is_refused(tmp_path: Path) -> None:
    prosody = Prosody(tmp_path, largest=20_000)  # noqa: F811
    await prosody.start()
    async with stopping(prosody, prosody.stop):
        bot = Bot(settings(prosody)).start()
        async with stopping(bot, bot.stop):
            await bot.until(State.CONNECTED)
            with pytest.raises(Refused, match="ended the stream over this, twice"):
                await say_as_the_outbox_does(bot, ALICE, LONG, "ref-1")


async def test_what_is_said_beside_a_stanza_that_ends_the_stream_arrives(tmp_path: Path) -> None:
    prosody = Prosody(tmp_path, largest=20_000)  # noqa: F811
    await prosody.start()
    async with stopping(prosody, prosody.stop):
        bot = Bot(settings(prosody)).start()
        async with stopping(bot, bot.stop):
            await bot.until(State.CONNECTED)
            alice = await Person("alice", prosody.port).come("lobby")
            async with stopping(alice, alice.go):
                await bot.be_in(LOBBY)
                outcomes = await asyncio.gather(
                    say_as_the_outbox_does(bot, ALICE, LONG, "ref-1"),
                    say_as_the_outbox_does(bot, LOBBY, "beside it", "ref-2"),
                    return_exceptions=True,
                )
                await alice.hear(1, by="Robo")
    assert (type(outcomes[0]), origins(alice)) == (Refused, ["ref-2"])
