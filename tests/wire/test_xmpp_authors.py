"""Who may change what was said in a room, over a real Prosody (and over ejabberd elsewhere)."""

from __future__ import annotations

from typing import Any

import pytest

from prosody import ROOMS
from test_xmpp_messages import Chat, prosody, room  # noqa: F401 (fixtures)
from test_xmpp_server import bot, happens, make_bot, people  # noqa: F401 (fixtures)

pytestmark = pytest.mark.timeout(120)


async def test_who_takes_somebodys_name_cannot_change_what_they_said(
    room: Chat,  # noqa: F811
    people: Any,  # noqa: F811
) -> None:
    room.message("mine").send()
    said = await room.arrives("message")
    room.alice.client.plugin["xep_0045"].leave_muc(f"lobby@{ROOMS}", "alice")
    await happens(lambda: "alice" not in room.bot.server._rooms.room(room.to).occupants)
    eve = await people("eve")
    await eve.join("lobby", nick="alice")
    forged = (
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='alice'/>"
        "<replace xmlns='urn:xmpp:message-correct:0' id='a1'/>"
    )
    for number, inside in enumerate((f"<body>hers</body>{forged}", "<body>after</body>")):
        eve.client.send_raw(
            f"<message to='{room.to}' type='groupchat' id='e{number}'>{inside}</message>"
        )
    await room.arrives("message", 2)
    assert all(event["author"]["id"] != said["author"]["id"] for event in room.events("xmpp.edit"))
