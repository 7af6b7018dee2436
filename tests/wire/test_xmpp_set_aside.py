"""A message that the XMPP server does not bear: set aside, while everything else goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person
from prosody import HOST, PASSWORD, Prosody
from serving import Serving
from test_xmpp_server import stopping

pytestmark = pytest.mark.timeout(120)

LARGEST = 20_000
"""Bytes of a stanza that this Prosody takes; over a larger one it ends the stream."""
BOT = """
from consumers.base import ChatConsumer


class Talker(ChatConsumer):
    async def chat_message(self, event):
        if event["text"] == "much":
            return await self.reply(chr(0x1F389) * 8000)
        await self.reply("You said: " + event["text"])
"""
CONFIGURATION = """
bot = "talker:Talker"
protocols = ["xmpp"]
[xmpp]
jid = "bot@{host}"
password = "{password}"
host = "127.0.0.1"
port = {port}
tls = "off"
"""


async def test_a_stanza_that_ended_the_stream_twice_is_a_letter_and_what_is_behind_it_arrives(
    tmp_path: Path,
) -> None:
    prosody = Prosody(tmp_path, tls=False, largest=LARGEST, users=("bot", "alice"))
    await prosody.start()
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "talker.py").write_text(BOT)
    configuration = CONFIGURATION.format(host=HOST, password=PASSWORD, port=prosody.port)
    gateway = Serving(tmp_path / "gateway", configuration)
    async with stopping(prosody, prosody.stop), gateway:
        alice = await Person("alice", prosody.port).come()
        async with stopping(alice, alice.go):
            for text in ("before", "much", "after"):
                alice.say(f"bot@{HOST}", text)
            heard = await alice.hear(2, seconds=45)
            _, letters = await gateway.run("dead", "list")
    assert (heard, "ended the stream over this, twice" in letters) == (
        ["You said: before", "You said: after"],
        True,
    )
