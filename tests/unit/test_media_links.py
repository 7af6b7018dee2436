"""Links to files: what they carry is hidden, cannot be changed, and ends."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.links import Expired, Links, NoLink, seal, ticket_from_token
from gateway.vocabulary.events import Attachment

WEEK = 7 * 86_400.0
NOW = 1_800_000_000.0
PHOTO: Attachment = {
    "kind": "photo",
    "source": "file:/home/ada/secret/plan.png",
    "name": "plan b.png",
    "type": "image/png",
}


def token_of(link: str | None) -> str:
    assert link is not None
    return link.split("/")[2]


def test_a_link_leads_to_its_file() -> None:
    ticket = ticket_from_token(token_of(Links(WEEK).link(PHOTO, NOW)), NOW)
    assert ticket.attachment == PHOTO


def test_a_link_ends_with_the_name_of_the_file() -> None:
    assert unquote(Links(WEEK).link(PHOTO, NOW) or "").endswith("/plan b.png")


def test_a_link_does_not_tell_where_the_file_is() -> None:
    link = Links(WEEK).link(PHOTO, NOW) or ""
    assert "secret" not in link
    assert "c2VjcmV0" not in link  # the same in base64


def test_a_link_is_a_whole_address_where_the_public_one_is_known() -> None:
    link = Links(WEEK, "https://chat.example.org").link(PHOTO, NOW) or ""
    assert link.startswith("https://chat.example.org/media/")


def test_without_a_file_there_is_no_link() -> None:
    assert Links(WEEK).link({"kind": "location"}, NOW) is None


def test_a_source_that_is_too_long_has_no_link() -> None:
    assert Links(WEEK).link({"kind": "photo", "source": "https://x/" + "y" * 4000}, NOW) is None


def test_links_of_one_hour_are_the_same_so_that_browsers_fetch_once() -> None:
    links = Links(WEEK)
    assert links.link(PHOTO, NOW) == links.link(PHOTO, NOW + 3600)


@given(st.floats(0, 10 * WEEK))
def test_a_link_works_for_seven_eighths_of_its_time(made: float) -> None:
    token = token_of(Links(WEEK).link(PHOTO, made))
    assert ticket_from_token(token, made + WEEK * 7 / 8 - 1).until <= made + WEEK


@given(st.floats(0, 10 * WEEK))
def test_a_link_ends_with_its_time(made: float) -> None:
    token = token_of(Links(WEEK).link(PHOTO, made))
    with pytest.raises(Expired):
        ticket_from_token(token, made + WEEK)


@given(st.text())
def test_a_made_up_token_leads_nowhere(token: str) -> None:
    with pytest.raises(NoLink):
        ticket_from_token(token, NOW)


@given(st.data())
def test_a_changed_token_leads_nowhere(data: st.DataObject) -> None:
    token = seal([NOW, "https://example.org/x", "x", "", "photo"])
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has spare bits
    sign = data.draw(st.sampled_from("abcXYZ019-_").filter(lambda sign: sign != token[place]))
    with pytest.raises(NoLink):
        ticket_from_token(token[:place] + sign + token[place + 1 :], NOW)
