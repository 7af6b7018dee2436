"""What holds for Prosody holds for ejabberd: the same tests, another server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ejabberd import Ejabberd
from test_xmpp_server import (  # noqa: F401 (collected here once more)
    InOrder,
    bot,
    eager,
    link,
    make_bot,
    people,
    stopping,
    test_a_private_answer_arrives,
    test_a_private_message_arrives,
    test_a_private_message_in_a_room_is_a_conversation_both_ways,
    test_after_a_restart_of_the_server_rooms_work_both_ways,
    test_cuts_lose_and_repeat_no_private_message_that_we_get,
    test_cuts_lose_and_repeat_no_private_message_that_we_send,
    test_cuts_lose_and_repeat_no_room_message_in_either_direction,
    test_our_own_reflection_is_no_arrival,
    test_the_owner_of_a_room_sees_the_real_author,
)

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def in_order() -> InOrder:
    """ejabberd keeps none while a session is resumed.

    What the process of the cut connection finds in its mailbox after it gave the session away
    (``mod_stream_mgmt:route_late_queue_after_resume``) comes behind what was said since.
    """
    return sorted


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Ejabberd]:
    """Stands where Prosody stands in the other file."""
    server = Ejabberd(tmp_path)
    await server.start()
    async with stopping(server, server.stop):
        yield server
