"""Spans move with their text, are cut with it, and never reveal what a spoiler hides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vocabulary.nesting import STYLES, nested
from gateway.vocabulary.spans import (
    COVER,
    MOST,
    clean_spans,
    clean_styled,
    edit,
    join,
    part,
    replace,
    split,
    without_styles,
)
from gateway.vocabulary.text import MEASURES, clean
from styled import coverage, looks, span, styled, worded

NOTHING_SHOWN: tuple[str, ...] = ()


# What may stand in a message


def test_no_spans_are_no_spans() -> None:
    assert clean_spans("text", None) == []


def test_spans_are_sorted_and_an_outer_comes_first() -> None:
    inner, outer, later = span("bold", 0, 2), span("quote", 0, 4), span("code", 2, 3)
    assert clean_spans("text", [later, inner, outer]) == [outer, inner, later]


def test_what_is_out_of_bounds_is_cut_off() -> None:
    assert clean_spans("text", [span("spoiler", -3, 99)]) == [span("spoiler", 0, 4)]


@pytest.mark.parametrize(
    "bad",
    [
        span("blink", 0, 4),
        span("bold", 3, 3),
        span("bold", 4, 9),
        span("bold", 3, 1),
        {"style": "bold", "start": True, "end": 3},
        {"style": "bold", "start": 0.0, "end": 3.0},
        {"style": ["bold"], "start": 0, "end": 3},
        {"style": "bold"},
        {},
        None,
        "bold",
        span("link", 0, 4),
        span("link", 0, 4, url="javascript:alert(1)"),
        span("link", 0, 4, url="JavaScript://example.org/%0aalert(1)"),
        span("link", 0, 4, url="data:text/html,x"),
        span("link", 0, 4, url="https://"),
        span("link", 0, 4, url="https:///"),
        span("link", 0, 4, url="https://a b"),
        span("link", 0, 4, url="https://\u202eexample.org"),
        span("link", 0, 4, url="https://example.org/\ud800"),
        span("link", 0, 4, url="https://example.org/" + "x" * 5000),
        span("link", 0, 4, url=7),
    ],
)
def test_what_is_no_span_is_left_out(bad: Any) -> None:
    assert clean_spans("text", [bad]) == []


@pytest.mark.parametrize("bad", [7, "bold", {"style": "bold"}, object(), {1, 2}])
def test_what_is_no_list_is_no_spans(bad: Any) -> None:
    assert clean_spans("text", bad) == []


@pytest.mark.parametrize(
    "url",
    ["https://example.org", "HTTP://e.org/ä", "mailto:a@b.c", "tel:+1", "xmpp:a@b?join"],
)
def test_a_link_has_a_known_scheme(url: str) -> None:
    assert clean_spans("text", [span("link", 0, 4, url=url)]) == [span("link", 0, 4, url=url)]


def test_what_a_style_does_not_have_is_left_out() -> None:
    assert clean_spans("text", [span("bold", 0, 4, url="x", href="y")]) == [span("bold", 0, 4)]


def test_a_language_is_one_word() -> None:
    spans = [span("pre", 0, 4, language="c++ onload=x"), span("pre", 0, 3, language="c++")]
    assert clean_spans("text", spans) == [span("pre", 0, 4), span("pre", 0, 3, language="c++")]


def test_of_too_many_spans_the_later_are_left_out() -> None:
    many = [span("bold", number, number + 1) for number in range(MOST + 5)]
    assert clean_spans("x" * 2 * MOST, many) == many[:MOST]


def test_of_too_many_spans_no_spoiler_is_left_out() -> None:
    text = "xy" * 2 * MOST
    many = [span("bold", 0, end) for end in range(1, MOST)]
    many += [span("spoiler", 2 * number, 2 * number + 1) for number in range(MOST)]
    cleaned = clean_spans(text, many)
    assert len(cleaned) <= MOST
    assert coverage(many, "spoiler") <= coverage(cleaned, "spoiler")


@given(st.text("ab"), st.lists(st.none() | st.integers() | st.text("ab") | st.lists(st.none())))
def test_nothing_given_as_spans_raises(text: str, junk: list[Any]) -> None:
    assert clean_spans(text, junk) == []


@given(styled())
def test_cleaning_twice_is_cleaning_once(message: Any) -> None:
    text, spans = clean_styled(*message)
    assert clean_styled(text, spans) == (text, spans)


def test_spans_move_along_when_a_text_is_cleaned() -> None:
    text = "a\r\nb\r\n\0c"
    assert clean_styled(text, [span("bold", 3, 4), span("code", 6, 8)]) == (
        "a\nb\n\ufffdc",
        [span("bold", 2, 3), span("code", 4, 6)],
    )


@given(st.text(alphabet="a\r\n\0\ud800"), st.data())
def test_a_cleaned_span_is_over_the_cleaned_part(text: str, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(text)))
    start = data.draw(st.integers(0, end))
    whole, spans = clean_styled(text, [span("bold", start, end)])
    shown = "".join(whole[each["start"] : each["end"]] for each in spans)
    # A range that begins or ends between the two characters of a line's end has it or has not.
    assert shown.strip("\n") == clean(text[start:end]).strip("\n")


# Putting together and taking apart


def test_joined_texts_keep_their_spans() -> None:
    parts = ("Ann: ", [span("bold", 0, 3)]), ("hi", [span("code", 0, 2)])
    assert join(*parts) == ("Ann: hi", [span("bold", 0, 3), span("code", 5, 7)])


def test_a_part_has_its_part_of_the_spans() -> None:
    assert part("abcdef", [span("bold", 0, 4)], 2, 6) == ("cdef", [span("bold", 0, 2)])


def test_a_span_around_a_range_is_around_what_replaces_it() -> None:
    assert replace("/a@Bot x", [span("bold", 0, 8)], 2, 6, "") == ("/a x", [span("bold", 0, 4)])


def test_a_span_within_a_range_goes_with_it() -> None:
    assert replace("abcd", [span("bold", 1, 2)], 0, 3, "_") == ("_d", [])


def test_a_span_over_a_range_is_over_what_replaces_it() -> None:
    assert replace("abc", [span("bold", 1, 2)], 1, 2, "xyz") == ("axyzc", [span("bold", 1, 4)])


def test_what_replaces_a_range_brings_its_spans() -> None:
    assert replace("a-b", [], 1, 2, "xyz", [span("code", 1, 2)]) == (
        "axyzb",
        [span("code", 2, 3)],
    )


def test_what_is_inserted_at_a_border_is_outside() -> None:
    text, spans = edit("ab", [span("bold", 0, 1), span("code", 1, 2)], [(1, 1, "--")])
    assert (text, spans) == ("a--b", [span("bold", 0, 1), span("code", 3, 4)])


@given(styled(), st.data())
def test_many_changes_at_once_are_one_after_the_other(message: Any, data: st.DataObject) -> None:
    text, spans = message
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    edits = [(start, end, data.draw(st.text("xy", max_size=3))) for start, end in pairs]
    one = text, list(spans)
    for start, end, by in reversed(edits):
        one = replace(*one, start, end, by)
    assert looks(*edit(text, spans, edits)) == looks(*one)


# Splitting

UNITS = st.sampled_from(sorted(MEASURES))


@given(styled(), st.integers(4, 40), UNITS)
def test_the_pieces_joined_look_the_same(message: Any, limit: int, unit: str) -> None:
    assert looks(*join(*split(*message, limit, MEASURES[unit]))) == looks(*message)


@given(styled(), st.integers(4, 40), UNITS)
def test_no_piece_is_longer_than_the_limit(message: Any, limit: int, unit: str) -> None:
    pieces = split(*message, limit, MEASURES[unit])
    assert all(MEASURES[unit](text) <= limit for text, _ in pieces)


@given(worded(), st.integers(9, 40))
def test_no_word_and_no_short_span_is_cut(message: Any, limit: int) -> None:
    text, spans = message
    end, cuts = 0, set[int]()
    for piece, _ in split(text, spans, limit):
        end += len(piece)
        cuts.add(end)
    inside = [each for each in spans for cut in cuts if each["start"] < cut < each["end"]]
    assert all(each["end"] - each["start"] > limit // 2 for each in inside)
    assert all(cut == len(text) or " " in text[cut - 1 : cut + 1] for cut in cuts)


def test_a_short_span_goes_whole_into_the_next_piece() -> None:
    link = span("link", 8, 13, url="https://e.org")
    assert list(split("one two a b c", [link], 11)) == [
        ("one two ", []),
        ("a b c", [link | {"start": 0, "end": 5}]),
    ]


def test_a_short_span_is_not_cut_at_its_space() -> None:
    text = "one two three four five"
    assert [piece for piece, _ in split(text, [span("bold", 14, 23)], 20)] == [
        "one two three ",
        "four five",
    ]


def test_a_long_block_goes_on_in_the_next_piece() -> None:
    text = "line one\nline two\nline three"
    pieces = list(split(text, [span("pre", 0, 28, language="c")], 20))
    assert pieces == [
        ("line one\nline two\n", [span("pre", 0, 18, language="c")]),
        ("line three", [span("pre", 0, 10, language="c")]),
    ]


def test_a_word_is_not_cut_for_a_span() -> None:
    text = "aaaaaaaa bb cccccccc"
    assert [piece for piece, _ in split(text, [span("bold", 7, 12)], 10)] == [
        "aaaaaaaa ",
        "bb ",
        "cccccccc",
    ]


def test_a_text_that_fits_is_not_touched() -> None:
    spans = [span("bold", 0, 1)]
    assert list(split("a b", spans, 3)) == [("a b", spans)]


# What a target cannot show


def test_what_is_shown_stays() -> None:
    spans = [span("bold", 0, 1), span("link", 0, 2, url="https://e.org")]
    assert without_styles("ab", spans, STYLES) == ("ab", spans)


def test_a_link_is_written_out() -> None:
    spans = [span("bold", 0, 8), span("link", 4, 8, url="https://e.org")]
    assert without_styles("see this too", spans, ["bold"]) == (
        "see this (https://e.org) too",
        [span("bold", 0, 8)],
    )


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://e.org/", "https://e.org/"),
        ("e.org", "https://e.org/"),
        ("a@b.c", "mailto:a@b.c"),
        ("+1 (212) 555", "tel:+1212555"),
    ],
)
def test_a_link_that_says_its_address_is_not_written_out(text: str, url: str) -> None:
    spans = [span("link", 0, len(text), url=url)]
    assert without_styles(text, spans, NOTHING_SHOWN) == (text, [])


def test_a_link_that_says_another_address_is_written_out() -> None:
    text = "https://bank.example"
    spans = [span("link", 0, len(text), url="https://thief.example")]
    assert without_styles(text, spans, ())[0] == f"{text} (https://thief.example)"


def test_a_link_whose_scheme_cannot_be_followed_is_written_out() -> None:
    spans = [span("link", 0, 2, url="xmpp:room@e.org?join"), span("link", 3, 4, url="http://e.org")]
    assert without_styles("us b", spans, STYLES, ["http", "https"]) == (
        "us (xmpp:room@e.org?join) b",
        [span("link", 26, 27, url="http://e.org")],
    )


def test_a_spoiler_is_covered() -> None:
    spans = [span("bold", 0, 5), span("spoiler", 2, 5)]
    assert without_styles("a b\nc d", spans, ["bold"]) == (
        f"a {COVER}\n{COVER} d",
        [span("bold", 0, 5)],
    )


@pytest.mark.parametrize(
    "telling",
    [
        span("link", 0, 6, url="https://e.org/secret"),
        span("link", 0, 99, url="https://e.org/secret"),
        span("mention", 0, 6, user="telegram:secret"),
        span("emoji", 3, 4, id="secret"),
    ],
)
@pytest.mark.parametrize("styles", [(), ("bold", "link", "mention", "emoji")])
def test_nothing_over_a_spoiler_tells_of_it(telling: Any, styles: tuple[str, ...]) -> None:
    shown = without_styles("secret and more", [telling, span("spoiler", 0, 6)], styles)
    assert "secret" not in repr(shown)


def test_the_address_of_a_hidden_link_is_not_written_beside_a_spoiler() -> None:
    spans = [span("spoiler", 0, 4), span("link", 0, 4, url="https://e.org/secret")]
    assert without_styles("here", spans, ["spoiler"]) == ("here", [span("spoiler", 0, 4)])


@given(styled(alphabet="abc \n"), st.sets(st.sampled_from(STYLES)))
def test_no_character_of_a_spoiler_is_ever_shown(message: Any, styles: set[str]) -> None:
    text, spans = message
    secret = "".join(
        "S" if place in coverage(spans, "spoiler") and character != "\n" else character
        for place, character in enumerate(text)
    )
    shown, left = without_styles(secret, spans, styles - {"spoiler"})
    assert "S" not in shown
    assert not coverage(left, "spoiler")


@given(styled(), st.sets(st.sampled_from(STYLES)))
def test_only_the_styles_of_a_target_are_left(message: Any, styles: set[str]) -> None:
    text, spans = without_styles(*message, styles)
    assert {each["style"] for each in spans} <= styles
    assert clean_spans(text, spans) == spans


def test_a_quote_is_marked_by_lines() -> None:
    text = "said\nmore\nno"
    assert without_styles(text, [span("quote", 0, 9)], ())[0] == "> said\n> more\nno"


def test_a_quote_within_a_line_becomes_lines() -> None:
    assert without_styles("a said no", [span("quote", 2, 6)], ())[0] == "a \n> said\n no"


def test_quotes_in_each_other_are_marked_twice() -> None:
    spans = [span("quote", 0, 9), span("quote", 0, 4)]
    assert without_styles("said\nmore\nno", spans, ())[0] == "> > said\n> more\nno"


# Nesting


@given(styled())
def test_nested_spans_do_not_cross(message: Any) -> None:
    found = nested(message[1])
    assert not [
        (one, other)
        for one in found
        for other in found
        if one["start"] < other["start"] < one["end"] < other["end"]
    ]


@given(styled())
def test_nested_spans_look_the_same_where_styles_flow(message: Any) -> None:
    found = nested(message[1])
    for style in ("bold", "italic", "underline", "strike", "spoiler"):
        assert coverage(found, style) == coverage(message[1], style)


@given(styled())
def test_blocks_are_not_cut_by_what_flows(message: Any) -> None:
    found = nested(message[1])
    flowing = {"bold", "italic", "underline", "strike", "spoiler"}
    blocks = [each for each in message[1] if each["style"] not in flowing]
    assert [each for each in found if each["style"] in ("quote", "pre")] == [
        each for each in nested(blocks) if each["style"] in ("quote", "pre")
    ]


def test_hostile_spans_take_no_long_time() -> None:
    crossing = [
        span(STYLES[number % len(STYLES)], number, MOST + number, url=f"https://e.org/{number}")
        for number in range(MOST)
    ]
    assert len(nested(crossing)) < 20 * MOST
