"""What holds for whole messages over Prosody holds over ejabberd: the same tests once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ejabberd import Ejabberd
from test_xmpp_authors import (  # noqa: F401 (collected here once more)
    test_who_takes_somebodys_name_cannot_change_what_they_said,
)
from test_xmpp_messages import (  # noqa: F401 (collected here once more)
    LARGEST_FILE,
    bot,
    cat,
    chat,
    make_bot,
    people,
    private,
    room,
    stopping,
    test_a_correction_arrives_as_an_edit_of_what_was_said,
    test_a_delete_is_a_retraction,
    test_a_file_is_kept_by_the_server_for_everybody,
    test_a_reaction_to_what_the_bot_said_names_it,
    test_a_receipt_for_what_the_bot_said_arrives,
    test_a_reply_is_shown_under_what_it_answers,
    test_a_reply_to_what_the_bot_said_names_it_and_quotes_nothing,
    test_a_retraction_arrives_as_a_delete,
    test_a_server_that_keeps_files_is_found,
    test_an_edit_is_a_correction_of_what_the_bot_said,
    test_reactions_are_shown,
    test_typing_is_shown_once_and_ends_when_nothing_follows,
    test_what_is_encrypted_is_answered_once_and_goes_nowhere,
)

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Any]:
    """Stands where Prosody stands in the other file."""
    server = Ejabberd(tmp_path, archive=True, largest_file=LARGEST_FILE)
    await server.start()
    async with stopping(server, server.stop):
        yield server
