"""Messages to and from a client that shares no code with us: go-sendxmpp, as Debian has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from prosody import HOST, PASSWORD, ROOMS
from test_xmpp_messages import cat, prosody  # noqa: F401 (fixtures)
from test_xmpp_server import ALICE, LOBBY, Bot, bot, happens, make_bot  # noqa: F401 (fixtures)

pytestmark = pytest.mark.timeout(120)

PROGRAM = Path("/usr/bin/go-sendxmpp")
BOT = f"bot@{HOST}"


class GoClient:
    """Alice at her shell."""

    def __init__(self, port: int, home: Path) -> None:
        if not PROGRAM.exists():
            raise RuntimeError(f"{PROGRAM} is needed for this test: apt-get install go-sendxmpp")
        login = ("-u", f"alice@{HOST}", "-p", PASSWORD, "-j", f"127.0.0.1:{port}", "-n")
        self._command = (str(PROGRAM), *login)
        self._environment = {"HOME": str(home), "PATH": "/usr/bin"}
        self._listening: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.lines: list[str] = []

    async def say(self, text: str, *arguments: str) -> None:
        """Say something, and be gone."""
        process = await self._start(*arguments)
        async with asyncio.timeout(20):
            await process.communicate(text.encode())
        assert process.returncode == 0

    async def listen(self, *arguments: str) -> None:
        """Write down what is said from now on."""
        self._listening = await self._start("-l", *arguments)
        self._reading = asyncio.create_task(self._read(self._listening))

    async def hears(self, text: str) -> str:
        """Wait for a line that ends so."""
        await happens(lambda: any(line.endswith(text) for line in self.lines))
        return next(line for line in self.lines if line.endswith(text))

    async def go(self) -> None:
        """Stop listening."""
        if self._listening is not None and self._reading is not None:
            with suppress(ProcessLookupError):
                self._listening.kill()
            await self._listening.wait()
            await self._reading

    async def _start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.lines.append(line.decode().rstrip("\n"))


@pytest_asyncio.fixture
async def alice(prosody: Any, tmp_path: Path) -> AsyncIterator[GoClient]:  # noqa: F811
    client = GoClient(prosody.port, tmp_path)
    yield client
    await client.go()


async def deliver(bot: Bot, conversation: str, kind: str, **body: Any) -> str | None:  # noqa: F811
    event = {"type": f"chat.{kind}", **body}
    return await bot.server.deliver(conversation, bot.server.facts(conversation), event)


async def listening(alice: GoClient, bot: Bot) -> None:  # noqa: F811
    """Have her listen; she does once she hears what the bot says."""
    await alice.listen()
    async with asyncio.timeout(20):
        while not alice.lines:
            await bot.say(ALICE, "are you there?")
            await asyncio.sleep(0.1)


async def test_styled_text_arrives(bot: Bot, alice: GoClient) -> None:  # noqa: F811
    await alice.say("so <b> *what* & `why`\n", BOT)
    [arrival] = await bot.port.wait_for(1)
    assert arrival.event["text"].strip() == "so <b> what & why"
    assert [span["style"] for span in arrival.event["spans"]] == ["bold", "code"]


async def test_text_in_a_room_arrives(bot: Bot, alice: GoClient) -> None:  # noqa: F811
    await bot.be_in(LOBBY)
    await alice.say("hello all", "-c", f"lobby@{ROOMS}")
    [arrival] = await bot.port.wait_for(1)
    assert (arrival.conversation, arrival.event["text"].strip()) == (LOBBY, "hello all")


async def test_an_edit_a_reaction_and_a_retraction_arrive(bot: Bot, alice: GoClient) -> None:  # noqa: F811
    said = (
        "<body>fisrt</body>",
        "<body>first</body><replace xmlns='urn:xmpp:message-correct:0' id='a0'/>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='a0'><reaction>👍</reaction></reactions>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='a0'/>",
    )
    stanzas = (
        f"<message to='{BOT}' type='chat' id='a{number}'>{inside}</message>\n"
        for number, inside in enumerate(said)
    )
    for stanza in stanzas:
        await alice.say(stanza, "--raw", BOT)
    arrivals = await bot.port.wait_for(4)
    events = [arrival.event for arrival in arrivals]
    kinds = [event["type"].removeprefix("xmpp.") for event in events]
    assert kinds == ["message", "edit", "reaction", "delete"]
    assert {event["id"] for event in events} == {"a0"}


async def test_what_the_bot_says_is_heard_with_its_styling(bot: Bot, alice: GoClient) -> None:  # noqa: F811
    await listening(alice, bot)
    spans = [{"style": "bold", "start": 3, "end": 7}]
    await deliver(bot, ALICE, "message", text="so what <b>", spans=spans, ref="r1")
    assert BOT in await alice.hears("so *what* <b>")


async def test_a_file_is_heard_as_its_address(
    bot: Bot,  # noqa: F811
    alice: GoClient,
    cat: Callable[[int], Any],  # noqa: F811
) -> None:
    await happens(lambda: "file" in bot.server.facts(ALICE)["extensions"])
    await listening(alice, bot)
    await deliver(bot, ALICE, "message", text="", attachments=[cat(99)], ref="r1")
    assert "http://127.0.0.1" in await alice.hears("cat.png")


async def test_an_edit_is_heard_as_it_is_now(bot: Bot, alice: GoClient) -> None:  # noqa: F811
    await listening(alice, bot)
    await deliver(bot, ALICE, "message", text="fisrt", ref="r1")
    await deliver(bot, ALICE, "edit", text="first", id="r1", origin_id="r1", ref="r2")
    await alice.hears("first")
