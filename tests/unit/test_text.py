"""Text that every network can hold, cut where a network needs it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vocabulary.text import (
    MEASURES,
    REPLACEMENT,
    clean,
    clean_name,
    split,
    utf8_bytes,
    utf16_units,
)

ANY = st.text(alphabet=st.characters())
"""Any code point, lone surrogates too."""


@pytest.mark.parametrize("bad", ["\0", "\x1b", "\x7f\0", "\ud800", "\ufffe", "\uffff"])
def test_what_no_network_can_hold_is_replaced(bad: str) -> None:
    assert REPLACEMENT in clean(f"a{bad}b")


@pytest.mark.parametrize("good", ["", "plain", "tab\tline\n", "é ü", "👩‍👩‍👧", "\u202eרtl", "\x85"])
def test_what_all_can_hold_stays(good: str) -> None:
    assert clean(good) == good


@pytest.mark.parametrize(("given_", "expected"), [("a\r\nb", "a\nb"), ("a\rb", "a\nb")])
def test_line_ends_are_one_character(given_: str, expected: str) -> None:
    assert clean(given_) == expected


@given(ANY)
def test_clean_text_survives_xml(text: str) -> None:
    element = ElementTree.Element("body")
    element.text = clean(text)
    parsed = ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8"))
    assert (parsed.text or "") == clean(text)


@given(ANY)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(ANY)
def test_cleaning_keeps_the_length_but_for_line_ends(text: str) -> None:
    assert len(clean(text)) == len(text.replace("\r\n", "\n"))


@given(ANY)
def test_a_clean_name_is_one_short_line(text: str) -> None:
    name = clean_name(text)
    assert len(name) <= 64
    assert name == name.strip()
    assert not set(name) & set("\n\r\t\u202e\u2066\u2028\0")


def test_a_name_keeps_its_letters() -> None:
    assert clean_name("  Ada \u202e Lovelace\n") == "Ada Lovelace"


@pytest.mark.parametrize(("text", "units"), [("abc", 3), ("é", 1), ("😀", 2), ("", 0)])
def test_utf16_units_are_counted(text: str, units: int) -> None:
    assert utf16_units(text) == units


@pytest.mark.parametrize(("text", "count"), [("abc", 3), ("é", 2), ("😀", 4), ("", 0)])
def test_utf8_bytes_are_counted(text: str, count: int) -> None:
    assert utf8_bytes(text) == count


@given(ANY, st.integers(4, 40), st.sampled_from(sorted(MEASURES)))
def test_the_pieces_joined_are_the_text(text: str, limit: int, unit: str) -> None:
    assert "".join(split(text, limit, MEASURES[unit])) == text


@given(ANY, st.integers(4, 40), st.sampled_from(sorted(MEASURES)))
def test_no_piece_is_longer_than_the_limit(text: str, limit: int, unit: str) -> None:
    assert all(MEASURES[unit](piece) <= limit for piece in split(text, limit, MEASURES[unit]))


def test_a_text_that_fits_is_one_piece() -> None:
    assert list(split("a b", 3)) == ["a b"]


def test_a_text_is_cut_between_words() -> None:
    assert list(split("one two three", 9)) == ["one two ", "three"]


def test_a_line_end_goes_before_a_space() -> None:
    assert list(split("one two\nthree four", 14)) == ["one two\n", "three four"]


def test_a_word_longer_than_the_limit_is_cut() -> None:
    assert list(split("abcdef", 4)) == ["abcd", "ef"]


GRAPHEMES = [
    "👩‍👩‍👧",
    "e\u0301",
    "👍🏽",
    "🇩🇪",
    "🏴\U000e0067\U000e0062\U000e007f",
    "❤\ufe0f",
    "1\ufe0f\u20e3",
    "\u1112\u1161\u11ab",
    "\u0915\u094d\u0937",
    "\u0600a",
    " \u0301",
]


@pytest.mark.parametrize("grapheme", GRAPHEMES)
def test_a_grapheme_is_not_cut(grapheme: str) -> None:
    pieces = list(split("x" * 9 + grapheme, 10))
    assert pieces == ["x" * 9, grapheme]


def test_flags_are_cut_between_pairs() -> None:
    assert list(split("🇩🇪🇫🇷🇮🇹", 5)) == ["🇩🇪🇫🇷", "🇮🇹"]


@given(st.lists(st.sampled_from([*GRAPHEMES, "a", " "]), max_size=20), st.integers(9, 30))
def test_no_grapheme_is_cut(graphemes: list[str], limit: int) -> None:
    ends = {len("".join(graphemes[:count])) for count in range(len(graphemes) + 1)}
    places, place = set[int](), 0
    for piece in split("".join(graphemes), limit):
        place += len(piece)
        places.add(place)
    assert places <= ends


def test_a_word_that_fits_the_limit_is_not_cut() -> None:
    assert list(split("a bbbbbbbb", 9)) == ["a ", "bbbbbbbb"]


def test_empty_text_has_no_pieces() -> None:
    assert list(split("", 10)) == []
