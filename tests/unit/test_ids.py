"""The names of things."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vocabulary.ids import (
    Key,
    account_of,
    check_room_name,
    group_from_room,
    key_parts,
    message_id,
    protocol_of,
    room_key,
    room_name,
)


def test_a_key_has_three_parts() -> None:
    assert key_parts("telegram:shop:-100:7") == Key("telegram", "shop", "-100:7")


@given(st.text("abc", min_size=1), st.text("abc", min_size=1), st.text(min_size=1))
def test_a_key_cut_and_joined_is_itself(protocol: str, account: str, place: str) -> None:
    assert key_parts(str(Key(protocol, account, place))) == Key(protocol, account, place)


@pytest.mark.parametrize("wrong", ["", "telegram", "telegram:default", "telegram::1", ":a:b"])
def test_what_is_no_key_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a conversation key"):
        key_parts(wrong)


def test_a_key_names_its_protocol_and_account() -> None:
    assert protocol_of("xmpp:default:a@b/c") == "xmpp"
    assert account_of("xmpp:default:a@b/c") == "xmpp:default"


@given(st.text(min_size=1))
def test_a_room_is_found_by_its_key(name: str) -> None:
    assert room_name(room_key(name)) == name


@given(st.text(min_size=1, max_size=64))
def test_every_room_has_a_group_that_channels_takes(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,99}", group_from_room(name))


@given(st.text(min_size=1, max_size=64), st.text(min_size=1, max_size=64))
def test_two_rooms_have_two_groups(one: str, other: str) -> None:
    assert (group_from_room(one) == group_from_room(other)) == (one == other)


def test_a_plain_name_is_readable_in_its_group() -> None:
    assert group_from_room("lobby") == "room.lobby"


def test_a_message_of_a_room_names_both() -> None:
    assert message_id("lobby", 7) == "lobby#7"


@pytest.mark.parametrize("name", ["lobby", "Größe 4", "日本", "a" * 64, "a.b"])
def test_a_room_may_be_called_so(name: str) -> None:
    assert check_room_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a#b", "a/b", "~a", "a" * 65, "a\u202eb"])
def test_a_room_may_not_be_called_so(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a room's name"):
        check_room_name(name)
