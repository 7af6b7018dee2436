"""Message styling (XEP-0393): read as the XEP says, and written so that it is read again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.styling import (
    STYLES,
    is_styled,
    styling_from_text,
    text_and_spans_from_styling,
)
from styled import ALPHABET, looks, span, styled, worded

INLINE = {"bold": "*", "italic": "_", "strike": "~", "code": "`"}


# Receiving


@pytest.mark.parametrize(
    ("body", "text", "spans"),
    [
        ("*strong*", "strong", [span("bold", 0, 6)]),
        ("plain *strong* plain", "plain strong plain", [span("bold", 6, 12)]),
        ("*strong* plain *strong*", "strong plain strong", [(0, 6), (13, 19)]),
        ("*strong*plain*", "strongplain*", [span("bold", 0, 6)]),
        ("* plain *strong*", "* plain strong", [span("bold", 8, 14)]),
        ("_most_ people", "most people", [span("italic", 0, 4)]),
        ("Everyone ~dis~likes cake.", "Everyone dislikes cake.", [span("strike", 9, 12)]),
        ("This is `*monospace*`", "This is *monospace*", [span("code", 8, 19)]),
        ("*`both`*", "both", [span("bold", 0, 4), span("code", 0, 4)]),
        ("_emph *strong*_", "emph strong", [span("italic", 0, 11), span("bold", 5, 11)]),
        ("*a\n*b*", "*a\nb", [span("bold", 3, 4)]),
    ],
)
def test_spans_are_read_as_the_xep_shows(body: str, text: str, spans: list[Any]) -> None:
    wanted = [span("bold", *each) if isinstance(each, tuple) else each for each in spans]
    assert text_and_spans_from_styling(body) == (text, wanted)


@pytest.mark.parametrize(
    "body",
    [
        "not strong*",
        "*not strong",
        "*not \n strong*",
        "*not *strong",
        "**",
        "****",
        "**not strong**",
        "2*3*4",
        "snake_case_name",
        "__init__",
        "~/a ~/b",
        "* one\n* two",
        "a > b",
        "```",
        "``````",
        "```some words of mine``` and more",
        ">",
        "> \n>",
        "https://e.org/_a_",
        "\u2060",
    ],
)
def test_what_is_not_styled_is_text(body: str) -> None:
    assert text_and_spans_from_styling(body) == (body, [])


def test_a_block_is_read_with_its_language() -> None:
    body = "so:\n```python\nprint(*a*)\n\n> 1\n```\nend"
    assert text_and_spans_from_styling(body) == (
        "so:\nprint(*a*)\n\n> 1\nend",
        [span("pre", 4, 19, language="python")],
    )


def test_a_block_without_an_end_goes_on_to_the_end() -> None:
    assert text_and_spans_from_styling("```\na\nb") == ("a\nb", [span("pre", 0, 3)])


def test_a_block_ends_with_its_quote() -> None:
    assert text_and_spans_from_styling("> ```\n> code\n\nplain *b*") == (
        "code\n\nplain b",
        [span("quote", 0, 4), span("pre", 0, 4), span("bold", 12, 13)],
    )


def test_a_quote_ends_with_its_lines() -> None:
    assert text_and_spans_from_styling("> That that is, is.\n\nSaid he.") == (
        "That that is, is.\n\nSaid he.",
        [span("quote", 0, 17)],
    )


def test_quotes_are_in_each_other() -> None:
    assert text_and_spans_from_styling(">> one\n> two\nWho?") == (
        "one\ntwo\nWho?",
        [span("quote", 0, 7), span("quote", 0, 3)],
    )


@given(st.text("ab *_~`>\n", max_size=80))
def test_a_text_is_not_read_away(body: str) -> None:
    text, _ = text_and_spans_from_styling(body)
    assert bool(text.strip()) == bool(body.strip())


@given(st.text(ALPHABET + "`>", max_size=80))
def test_what_is_read_is_written_and_read_the_same(body: str) -> None:
    text, spans = text_and_spans_from_styling(body)
    written, unstyled = styling_from_text(text, spans)
    again = (written, []) if unstyled else text_and_spans_from_styling(written)
    assert again[0] == text


@pytest.mark.parametrize(
    "hostile",
    [
        "*a " * 20_000,
        "> " * 20_000,
        ">" * 20_000,
        "*_~`" * 20_000,
        "`" * 60_000,
        ">\n" * 30_000,
        "```\n" * 20_000,
        "*a* _b_ " * 8_000,
        "> ```a\n" * 9_000,
        "\u2060*" * 30_000,
    ],
)
def test_hostile_bodies_take_no_long_time(hostile: str) -> None:
    began = time.process_time()
    text, spans = text_and_spans_from_styling(hostile)
    styling_from_text(text, spans[:1000])
    assert time.process_time() - began < 5


# Sending


def test_plain_text_is_sent_as_it_is() -> None:
    assert styling_from_text("Hello, you.", []) == ("Hello, you.", False)


@pytest.mark.parametrize("typed", ["*not bold*", "> no quote", "a `b` c", "```\nno code\n```"])
def test_what_was_typed_is_marked_as_unstyled(typed: str) -> None:
    assert styling_from_text(typed, []) == (typed, True)


@pytest.mark.parametrize("typed", ["2*3*4", "* one\n* two", "snake_case", "a > b", "__init__"])
def test_what_nobody_takes_for_styling_is_not_marked(typed: str) -> None:
    assert styling_from_text(typed, []) == (typed, False)


@pytest.mark.parametrize("style", sorted(INLINE))
def test_a_span_has_directives_around_it(style: str) -> None:
    mark = INLINE[style]
    assert styling_from_text("so it is", [span(style, 3, 5)]) == (f"so {mark}it{mark} is", False)


def test_spans_in_each_other_have_directives_in_each_other() -> None:
    spans = [span("bold", 0, 7), span("italic", 4, 7), span("code", 4, 7)]
    assert styling_from_text("one two", spans) == ("*one _`two`_*", False)


def test_a_span_over_lines_is_a_span_of_each() -> None:
    assert styling_from_text("a b \n\n c", [span("bold", 0, 8)])[0] == "*a b* \n\n *c*"


def test_a_block_has_fences() -> None:
    assert styling_from_text("so:\nx = 1\nend", [span("pre", 4, 9, language="c")]) == (
        "so:\n```c\nx = 1\n```\nend",
        False,
    )


def test_a_block_within_a_line_gets_lines_of_its_own() -> None:
    assert styling_from_text("so x=1 end", [span("pre", 3, 6)])[0] == "so \n```\nx=1\n```\n end"


def test_a_quote_has_its_sign_on_each_line() -> None:
    spans = [span("quote", 0, 9), span("quote", 0, 3), span("bold", 4, 7)]
    assert styling_from_text("one\ntwo\n\nno", spans) == ("> > one\n> *two*\n\nno", False)


def test_what_was_typed_beside_a_span_is_not_styled() -> None:
    body, unstyled = styling_from_text("Ann: *not bold*", [span("bold", 0, 4)])
    assert (body, unstyled) == ("*Ann:* \u2060*not bold*", False)
    assert text_and_spans_from_styling(body) == ("Ann: *not bold*", [span("bold", 0, 4)])


@pytest.mark.parametrize(
    ("text", "impossible"),
    [
        ("word", span("bold", 1, 3)),
        ("a*b", span("bold", 0, 3)),
        ("```", span("pre", 0, 3)),
        (" \n ", span("quote", 0, 3)),
        ("``", span("code", 0, 2)),
    ],
)
def test_what_cannot_be_expressed_is_left_out(text: str, impossible: Any) -> None:
    assert styling_from_text(text, [impossible])[0] == text


def test_of_spans_that_cannot_be_together_some_stay() -> None:
    spans = [span("bold", 0, 3), span("italic", 4, 7), span("bold", 9, 10)]
    assert styling_from_text("one two three", spans)[0] == "*one* _two_ three"


def received(body: str, unstyled: bool) -> Any:
    return (body, []) if unstyled else text_and_spans_from_styling(body)


@given(styled())
def test_the_text_survives_but_for_lines_of_blocks(message: Any) -> None:
    text, spans = message
    got, _ = received(*styling_from_text(text, spans))
    blocks = [each for each in spans if each["style"] in ("pre", "quote")]
    assert got == text if not blocks else got.replace("\n", "") == text.replace("\n", "")


@given(styled(styles=["bold", "italic", "strike", "code"]))
def test_no_style_is_invented(message: Any) -> None:
    text, spans = message
    got, found = received(*styling_from_text(text, spans))
    shown, meant = looks(got, found), looks(text, spans)
    assert all(one[1] <= other[1] for one, other in zip(shown, meant, strict=True))


@given(worded(styles=["bold", "italic", "strike", "code"]))
def test_spans_over_words_survive(message: Any) -> None:
    assert received(*styling_from_text(*message)) == message


@given(st.lists(worded(styles=["bold", "italic", "code"]), min_size=1, max_size=5), st.data())
def test_blocks_of_lines_survive(messages: list[Any], data: st.DataObject) -> None:
    lines = [text for text, _ in messages]
    text, spans, start = "\n".join(lines), list[Any](), 0
    for number, line in enumerate(lines):
        if number % 2 == 0:
            style = data.draw(st.sampled_from(["quote", "pre"]))
            spans.append(span(style, start, start + len(line)))
        start += len(line) + 1
    assert received(*styling_from_text(text, spans)) == (text, spans)


@given(styled(styles=STYLES))
def test_writing_again_what_was_read_changes_nothing(message: Any) -> None:
    got, found = received(*styling_from_text(*message))
    assert received(*styling_from_text(got, found)) == (got, found)


@given(st.text(ALPHABET + "`>", max_size=60))
def test_a_text_alone_survives_whatever_was_typed(typed: str) -> None:
    body, unstyled = styling_from_text(typed, [])
    assert body == typed
    assert unstyled == is_styled(typed)


@given(styled())
def test_other_styles_are_left_out(message: Any) -> None:
    text, spans = message
    _, found = received(*styling_from_text(text, spans))
    assert {each["style"] for each in found} <= set(STYLES)
