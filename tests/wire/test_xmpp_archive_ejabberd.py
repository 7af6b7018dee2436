"""What holds for Prosody's archives holds for ejabberd's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ejabberd import Ejabberd
from test_xmpp_archive import (  # noqa: F401 (collected here once more)
    ALICE,
    COUNT,
    LOBBY,
    link,
    lives,
    numbered,
    people,
    speak_over_a_crash,
    stopping,
    test_a_message_whose_session_is_gone_is_proven_by_the_archive,
    test_a_past_message_is_not_by_whom_its_name_belongs_to_now,
    test_an_id_that_the_archive_does_not_know_is_replaced_by_the_time,
    test_our_own_past_words_are_no_arrivals,
    test_the_first_start_takes_nothing_from_the_past,
    test_what_is_said_in_a_room_while_we_are_away_arrives_once_in_order,
    test_what_is_said_in_private_while_we_are_away_arrives_once_in_order,
    test_what_the_archive_shows_of_ours_is_sent_once,
    texts_in,
)

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Ejabberd]:
    """Stands where Prosody stands in the other file."""
    server = Ejabberd(tmp_path, archive=True)
    await server.start()
    async with stopping(server, server.stop):
        yield server


async def test_after_a_crash_nothing_is_missing_or_twice(
    lives: Any,  # noqa: F811
    people: Any,  # noqa: F811
    link: Any,  # noqa: F811
) -> None:
    # Without order in private: ejabberd may archive a message for the old connection after the
    # new one has asked, and give it out when it is looked for once more.
    again = await speak_over_a_crash(lives, people, link)
    assert texts_in(again, LOBBY) == ["first", *numbered(0, COUNT)]
    assert sorted(texts_in(again, ALICE)) == sorted(["first", *numbered(0, COUNT)])
