"""The light marks of what is typed, as the page reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from browser import Page, chromium
from chatroom import Chatroom

Styled = tuple[str, list[str]]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of the gateway's origin, with the functions at hand."""
    with Chatroom().serving() as room, chromium() as tab:
        tab.open(f"{room.url}/rooms/lobby/").connected()
        tab.script(
            "return import('/static/gateway/marks.js').then((marks) => { self.marks = marks })"
        )
        yield tab


def read(page: Page, source: str) -> Styled:
    """The text, and each span as ``style: part``."""
    body = page.script("return marks.read(arguments[0])", source)
    return body["text"], [f"{one['style']}: {part(body['text'], one)}" for one in body["spans"]]


def part(text: str, span: dict[str, Any]) -> str:
    return text[span["start"] : span["end"]]


@pytest.mark.parametrize(
    ("source", "text", "spans"),
    [
        ("**bold**", "bold", ["bold: bold"]),
        ("_italic_", "italic", ["italic: italic"]),
        ("~~strike~~", "strike", ["strike: strike"]),
        ("`code`", "code", ["code: code"]),
        ("||spoiler||", "spoiler", ["spoiler: spoiler"]),
        ("> quote", "quote", ["quote: quote"]),
        ("> one\n> two\nthree", "one\ntwo\nthree", ["quote: one\ntwo"]),
        ("```\nx\ny\n```", "x\ny", ["pre: x\ny"]),
        ("one\n```py\nx\n```\ntwo", "one\nx\ntwo", ["pre: x"]),
        ("```x```", "x", ["pre: x"]),
    ],
)
def test_a_mark_has_its_style(page: Page, source: str, text: str, spans: list[str]) -> None:
    assert read(page, source) == (text, spans)


def test_a_block_of_code_has_its_language(page: Page) -> None:
    body = page.script("return marks.read('```py\\nx\\n```')")
    assert body["spans"][0]["language"] == "py"


def test_spans_count_code_points(page: Page) -> None:
    assert read(page, "😀 **it** 😀") == ("😀 it 😀", ["bold: it"])


def test_marks_lie_in_each_other(page: Page) -> None:
    assert read(page, "**a _b_**") == ("a b", ["bold: a b", "italic: b"])


def test_marks_work_in_a_quote(page: Page) -> None:
    assert read(page, "> **a**") == ("a", ["quote: a", "bold: a"])


@pytest.mark.parametrize(
    "plain",
    [
        "**unfinished",
        "****",
        "2 ** 3 ** 4",
        "snake_case_name",
        "a || b || c",
        "~/here and ~/there",
        "1 > 0",
        "`",
        "```",
        "C:\\folder\\file",
        "https://example.org/_a_/**b",
    ],
)
def test_what_only_looks_like_marks_is_text(page: Page, plain: str) -> None:
    assert read(page, plain) == (plain, [])


@pytest.mark.parametrize("mark", ["**", "_", "~~", "||", "`"])
def test_a_backslash_keeps_a_mark(page: Page, mark: str) -> None:
    escaped = "".join(f"\\{character}" for character in mark)
    assert read(page, f"{escaped}it{escaped}") == (f"{mark}it{mark}", [])


def test_a_backslash_keeps_the_beginning_of_a_line(page: Page) -> None:
    assert read(page, "\\> it") == ("> it", [])


def test_marks_in_code_are_text(page: Page) -> None:
    assert read(page, "`**it** \\_`") == ("**it** \\_", ["code: **it** \\_"])


def test_backticks_go_into_more_backticks(page: Page) -> None:
    assert read(page, "``a`b``") == ("a`b", ["code: a`b"])


def test_marks_around_an_address(page: Page) -> None:
    address = "https://example.org/_a_"
    assert read(page, f"**{address}**") == (address, [f"bold: {address}"])


def test_crossing_marks_do_not_cross(page: Page) -> None:
    assert read(page, "**a _b** c_") == ("a _b c_", ["bold: a _b"])


def test_what_is_typed_again_has_no_needless_backslashes(page: Page) -> None:
    source = "**so** it_is, 2 * 3"
    assert page.script(AGAIN, source) == source


AGAIN = "const { text, spans } = marks.read(arguments[0]); return marks.typed(text, spans);"
PIECES = st.sampled_from(
    [
        *("*", "**", "_", "~~", "||", "|", "`", "``", "```", "```\n", "\n```\n", "\n", "> ", ">"),
        *("a", "b", " ", "\\", "😀", "https://a.org/_x_", "("),
    ]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=20))
def test_what_is_typed_again_is_read_the_same(page: Page, sources: list[str]) -> None:
    assert page.script(DIFFERENT, sources) == []


DIFFERENT = """
return arguments[0].filter((source) => {
    const once = marks.read(source);
    const again = marks.read(marks.typed(once.text, once.spans));
    return JSON.stringify(again) !== JSON.stringify(once);
});
"""


@settings(deadline=None, max_examples=40)
@given(
    st.text(),
    st.lists(
        st.tuples(
            st.sampled_from(["bold", "code", "pre", "quote", "spoiler"]),
            st.integers(0, 20),
            st.integers(0, 20),
        ),
        max_size=4,
    ),
)
def test_no_text_changes_by_being_edited(
    page: Page, text: str, spans: list[tuple[str, int, int]]
) -> None:
    given_spans = [{"style": style, "start": start, "end": end} for style, start, end in spans]
    source = "return marks.read(marks.typed(arguments[0], arguments[1])).text"
    assert page.script(source, text, given_spans) == text


def test_many_marks_are_read_in_time(page: Page) -> None:
    assert page.script("return marks.read('**_~~||`'.repeat(1500)).text.length") > 0
