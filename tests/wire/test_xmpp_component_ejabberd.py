"""What holds for a component of Prosody holds for one of ejabberd."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ejabberd import Ejabberd
from test_xmpp_component import (  # noqa: F401 (collected here once more)
    bot,
    eager,
    link,
    make_bot,
    people,
    stopping,
    test_a_ghost_that_nobody_remembers_is_put_out,
    test_a_name_that_is_taken_gets_the_network_beside_it,
    test_a_name_that_no_room_takes_is_replaced,
    test_a_new_name_is_a_new_nick,
    test_a_private_answer_of_the_bot_arrives,
    test_a_private_message_to_the_bot_arrives,
    test_a_remote_person_speaks_as_themselves,
    test_a_wrong_secret_is_refused_with_a_clear_sentence,
    test_after_a_restart_of_the_server_everybody_is_back,
    test_after_a_stop_and_a_start_they_are_back_under_their_names,
    test_an_invitation_brings_the_bot_in,
    test_an_occupant_has_the_picture_of_its_person,
    test_an_unknown_component_is_refused_with_a_clear_sentence,
    test_cuts_lose_and_repeat_nothing_in_either_direction,
    test_fifty_people_speak_as_themselves,
    test_nobody_changes_the_card_of_a_puppet,
    test_nobody_else_can_speak_for_us,
    test_nobody_has_no_card,
    test_pings_of_the_server_and_of_rooms_come_back,
    test_the_coming_and_going_of_puppets_is_no_news,
    test_the_picture_is_to_be_had_by_the_jid_too,
    test_typing_is_shown_only_of_who_is_there,
    test_what_is_said_has_the_rooms_id,
    test_what_real_people_say_comes_once_and_puppets_words_never,
    test_who_asks_to_see_the_bot_sees_it,
    test_who_has_no_picture_has_a_card_without_one,
    test_who_writes_to_a_puppet_is_told_once_what_it_is,
    test_whoever_comes_later_sees_the_picture,
    test_whom_a_kick_removes_comes_back_later,
    test_whom_a_moderator_bans_is_not_shown_by_another_way,
)

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture
async def prosody(tmp_path: Path) -> AsyncIterator[Ejabberd]:
    """Stands where Prosody stands in the other file."""
    server = Ejabberd(tmp_path, archive=True)
    await server.start()
    async with stopping(server, server.stop):
        yield server
