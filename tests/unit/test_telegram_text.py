"""Entities to spans and back: UTF-16 to code points, nested as the Bot API permits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.vocabulary.spans import clean_spans
from gateway.vocabulary.text import utf16_units
from protocols.telegram.text import (
    MOST_ENTITIES,
    entities_from_spans,
    spans_from_entities,
)
from styled import coverage, looks, span, styled, worded


def entity(kind: Any, offset: Any, length: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (entity("bold", 0, 4), span("bold", 0, 4)),
        (entity("italic", 0, 4), span("italic", 0, 4)),
        (entity("underline", 0, 4), span("underline", 0, 4)),
        (entity("strikethrough", 0, 4), span("strike", 0, 4)),
        (entity("spoiler", 0, 4), span("spoiler", 0, 4)),
        (entity("code", 0, 4), span("code", 0, 4)),
        (entity("pre", 0, 4), span("pre", 0, 4)),
        (entity("pre", 0, 4, language="c"), span("pre", 0, 4, language="c")),
        (entity("blockquote", 0, 4), span("quote", 0, 4)),
        (entity("expandable_blockquote", 0, 4), span("quote", 0, 4)),
        (entity("text_link", 0, 4, url="http://e.org/"), span("link", 0, 4, url="http://e.org/")),
        (entity("mention", 0, 4), span("mention", 0, 4)),
        (entity("text_mention", 0, 4, user={"id": 7}), span("mention", 0, 4, user="telegram:7")),
        (entity("custom_emoji", 0, 4, custom_emoji_id="53"), span("emoji", 0, 4, id="53")),
    ],
)
def test_an_entity_is_a_span(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    assert spans_from_entities("text", [given_]) == [expected]


@pytest.mark.parametrize(
    ("kind", "text", "url"),
    [
        ("url", "https://e.org/a", "https://e.org/a"),
        ("url", "e.org/a", "https://e.org/a"),
        ("email", "a@e.org", "mailto:a@e.org"),
        ("phone_number", "+1-212-555", "tel:+1212555"),
    ],
)
def test_an_address_is_a_link(kind: str, text: str, url: str) -> None:
    found = spans_from_entities(text, [entity(kind, 0, len(text))])
    assert found == [span("link", 0, len(text), url=url)]


@pytest.mark.parametrize("kind", ["hashtag", "cashtag", "bot_command", "date_time", "of tomorrow"])
def test_what_has_no_style_is_text(kind: str) -> None:
    assert spans_from_entities("text", [entity(kind, 0, 4)]) == []


def test_units_are_counted_as_utf16() -> None:
    assert spans_from_entities("😀 bold 😀", [entity("bold", 3, 7)]) == [span("bold", 2, 8)]


@pytest.mark.parametrize(("offset", "length"), [(2, 2), (1, 2), (2, 1), (1, 1)])
def test_half_a_character_is_the_whole(offset: int, length: int) -> None:
    found = spans_from_entities("😀😀", [entity("spoiler", offset, length)])
    assert coverage(found, "spoiler") >= ({1} if offset + length > 2 else {0})


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        "bold",
        7,
        {"type": "bold"},
        [None],
        [[]],
        [entity("bold", -5, 3)],
        [entity("bold", 99, 3)],
        [entity("bold", 10**30, 10**30)],
        [entity("bold", 0, -1)],
        [entity("bold", "0", "4")],
        [entity("bold", True, 3)],
        [entity("bold", None, None)],
        [entity(["bold"], 0, 4)],
        [entity("text_link", 0, 4)],
        [entity("text_link", 0, 4, url=["x"])],
        [entity("text_link", 0, 4, url="javascript:alert(1)")],
        [entity("url", 0, 4, url="x")][:0],
    ],
)
def test_what_is_no_entity_is_left_out(hostile: Any) -> None:
    assert spans_from_entities("text", hostile) == []


ANYTHING = st.none() | st.booleans() | st.integers() | st.text("abc:/", max_size=5)
KINDS = st.sampled_from(["bold", "pre", "url", "text_link", "text_mention", "custom_emoji"])


@given(
    st.text("a😀\ud800\n", max_size=9),
    st.lists(
        st.fixed_dictionaries(
            {"type": KINDS | ANYTHING, "offset": st.integers(-2, 12), "length": ANYTHING},
            optional={"url": ANYTHING, "user": ANYTHING, "language": ANYTHING},
        )
    ),
)
def test_entities_of_any_shape_give_clean_spans(text: str, entities: list[Any]) -> None:
    found = spans_from_entities(text, entities)
    assert clean_spans(text, found) == found


def test_plain_text_has_no_entities() -> None:
    assert entities_from_spans("text", []) == []


@given(worded())
def test_spans_that_are_apart_survive(message: Any) -> None:
    text, spans = message
    kept = [each for each in spans if not each.get("url", "").startswith("mailto:")]
    assert spans_from_entities(text, entities_from_spans(text, spans)) == kept


@given(styled())
def test_what_flows_survives_but_in_code(message: Any) -> None:
    text, spans = message
    found = spans_from_entities(text, entities_from_spans(text, spans))
    code = coverage(found, "code") | coverage(found, "pre")
    for style in ("bold", "italic", "underline", "strike", "spoiler"):
        assert coverage(found, style) == coverage(spans, style) - code


@given(styled())
def test_no_style_is_invented(message: Any) -> None:
    text, spans = message
    found = spans_from_entities(text, entities_from_spans(text, spans))
    shown, meant = looks(text, found), looks(text, spans)
    assert all(one[1] <= other[1] for one, other in zip(shown, meant, strict=True))


@given(styled())
def test_what_is_hidden_stays_hidden(message: Any) -> None:
    text, spans = message
    found = spans_from_entities(text, entities_from_spans(text, spans))
    assert coverage(found, "spoiler") == coverage(spans, "spoiler")


@given(styled())
def test_entities_lie_in_each_other_or_apart(message: Any) -> None:
    ranges = [
        (each["offset"], each["offset"] + each["length"]) for each in entities_from_spans(*message)
    ]
    assert not [(a, b) for a in ranges for b in ranges if a[0] < b[0] < a[1] < b[1]]


@given(styled())
def test_nothing_lies_in_code_and_code_in_nothing_but_a_quote(message: Any) -> None:
    text, spans = message
    found = spans_from_entities(text, entities_from_spans(text, spans))
    code = coverage(found, "code") | coverage(found, "pre")
    others = [each for each in found if each["style"] not in ("code", "pre", "quote")]
    assert not [each for each in others if code & set(range(each["start"], each["end"]))]


@given(styled())
def test_entities_end_within_the_text(message: Any) -> None:
    text, spans = message
    for each in entities_from_spans(text, spans):
        assert 0 <= each["offset"] < each["offset"] + each["length"] <= utf16_units(text)


def test_of_too_many_spans_the_hidden_are_sent() -> None:
    text = "ab" * 999
    spans = [span("bold", 3 * place, 3 * place + 1) for place in range(400)]
    spans += [span("spoiler", 2 * place, 2 * place + 1) for place in range(400)]
    entities = entities_from_spans(text, clean_spans(text, spans))
    found = spans_from_entities(text, entities)
    assert len(entities) <= MOST_ENTITIES
    assert coverage(spans, "spoiler") <= coverage(found, "spoiler")


@pytest.mark.parametrize(
    "unknown",
    [
        span("mention", 0, 4),
        span("mention", 0, 4, user="xmpp:a@e.org"),
        span("mention", 0, 4, user="telegram:" + "9" * 19),
        span("emoji", 0, 4),
        span("emoji", 0, 4, id="party"),
        span("link", 0, 4, url="xmpp:room@e.org"),
    ],
)
def test_what_telegram_would_refuse_is_not_sent(unknown: Any) -> None:
    assert entities_from_spans("text", [unknown]) == []
