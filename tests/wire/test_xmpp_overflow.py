"""More waits for us than a Prosody keeps for a connection: it gives up the session (XEP-0198)."""

from __future__ import annotations

from typing import Any

from people import Link
from prosody import HOST
from test_xmpp_archive import (
    ALICE,
    BOT,
    Lives,
    lives,  # noqa: F401 (a fixture)
    numbered,
    prosody,  # noqa: F401 (a fixture)
    pytestmark,  # noqa: F401
    texts_in,
)
from test_xmpp_server import (
    eager,  # noqa: F401 (a fixture)
    happens,
    link,  # noqa: F401 (a fixture)
    people,  # noqa: F401 (a fixture)
)

KEPT = 500
"""Stanzas, as Prosody is shipped (``smacks_max_queue_size``)."""
COUNT = KEPT + 50


async def test_the_archive_has_what_the_server_did_not_keep(
    lives: Lives,  # noqa: F811
    people: Any,  # noqa: F811
    link: Link,  # noqa: F811
    eager: None,  # noqa: F811
) -> None:
    alice = await people("alice")
    bot = await lives.first(alice, port=link.port)
    link.refusing = True
    link.cut()
    for text in numbered(0, COUNT):
        alice.say(BOT, text)
    alice.say(f"alice@{HOST}", "the server has read it all")
    await alice.hear(1, by="alice", seconds=20)
    link.refusing = False
    await happens(lambda: len(texts_in(bot, ALICE)) > COUNT, 30)
    assert texts_in(bot, ALICE) == ["first", *numbered(0, COUNT)]
    assert any("resource-constraint" in said for _, said in bot.changes)
