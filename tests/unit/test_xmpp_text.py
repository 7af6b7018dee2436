"""What a message says on XMPP: styling, markup beside the body, XHTML-IM, fallbacks, spoilers."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.markup import text_and_spans_from_xhtml
from protocols.xmpp.text import text_and_spans_from_body
from styled import span, styled


def markup(*children: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<markup xmlns='urn:xmpp:markup:0'>{''.join(children)}</markup>")


def xhtml(body: str) -> ElementTree.Element:
    return ElementTree.fromstring(
        "<html xmlns='http://jabber.org/protocol/xhtml-im'>"
        f"<body xmlns='http://www.w3.org/1999/xhtml'>{body}</body></html>"
    )


def test_a_body_is_read_as_styling() -> None:
    assert text_and_spans_from_body("*hi*") == ("hi", [span("bold", 0, 2)])


def test_an_unstyled_body_is_text() -> None:
    assert text_and_spans_from_body("*hi*", unstyled=True) == ("*hi*", [])


def test_a_fallback_is_left_out_before_styling_is_read() -> None:
    assert text_and_spans_from_body("> Ann\n*hi*", fallbacks=[(0, 6)]) == (
        "hi",
        [span("bold", 0, 2)],
    )


@pytest.mark.parametrize("fallback", [(0, 99), (3, 2), (-1, 2), (5, 5)])
def test_a_fallback_that_cannot_be_is_ignored(fallback: tuple[int, int]) -> None:
    assert text_and_spans_from_body("hello", fallbacks=[fallback]) == ("hello", [])


def test_a_spoiler_hides_all_but_its_hint() -> None:
    assert text_and_spans_from_body("the *end*", spoiler=" Film ") == (
        "Film\nthe end",
        [span("spoiler", 5, 12), span("bold", 9, 12)],
    )


def test_a_spoiler_needs_no_hint() -> None:
    assert text_and_spans_from_body("end", spoiler="") == ("end", [span("spoiler", 0, 3)])


# XEP-0394


def test_markup_is_read() -> None:
    given_ = markup(
        "<span start='9' end='15'><emphasis/><strong/></span>",
        "<span start='0' end='5'><deleted/></span>",
        "<span start='16' end='18'><code/></span>",
    )
    assert text_and_spans_from_body("There is really no *reason*", markup=given_) == (
        "There is really no *reason*",
        [span("strike", 0, 5), span("italic", 9, 15), span("bold", 9, 15), span("code", 16, 18)],
    )


def test_a_block_of_markup_has_its_language() -> None:
    given_ = markup("<bcode start='4' end='6' language='sh'/>")
    assert text_and_spans_from_body("Run:ls", markup=given_)[1] == [
        span("pre", 4, 6, language="sh")
    ]


def test_quotes_of_markup_lose_their_signs() -> None:
    body = "> He said:\n>> Thou shalt not pass!\n> and raised his hand.\n\n> his?"
    given_ = markup("<bquote start='0' end='57'/>", "<bquote start='11' end='34'/>")
    assert text_and_spans_from_body(body, markup=given_) == (
        "He said:\nThou shalt not pass!\nand raised his hand.\n\n> his?",
        [span("quote", 0, 50), span("quote", 9, 29)],
    )


def test_markup_moves_when_a_fallback_is_left_out() -> None:
    given_ = markup("<span start='6' end='8'><emphasis/></span>")
    assert text_and_spans_from_body("> Ann\nhi", markup=given_, fallbacks=[(0, 6)]) == (
        "hi",
        [span("italic", 0, 2)],
    )


@pytest.mark.parametrize(
    "bad",
    [
        "<span start='x' end='2'><emphasis/></span>",
        "<span start='0'><emphasis/></span>",
        "<span start='0' end='2'><blink/></span>",
        "<span start='0' end='-2'><emphasis/></span>",
        "<span start='0' end='\u0662'><emphasis/></span>",
        "<list start='0' end='2'><li start='0'/></list>",
        "<foreign xmlns='x' start='0' end='2'/>",
    ],
)
def test_markup_that_is_not_understood_is_ignored(bad: str) -> None:
    assert text_and_spans_from_body("*hi*", markup=markup(bad)) == ("*hi*", [])


# XHTML-IM


@pytest.mark.parametrize(
    ("html", "text", "spans"),
    [
        ("<p>Hi <strong>you</strong></p>", "Hi you", [span("bold", 3, 6)]),
        ("a <em>b</em> <u>c</u>", "a b c", [span("italic", 2, 3), span("underline", 4, 5)]),
        ("<del>a</del>b<code>c</code>", "abc", [span("strike", 0, 1), span("code", 2, 3)]),
        (
            "<span style='font-weight: bold; text-decoration: underline line-through'>a</span>",
            "a",
            [span("strike", 0, 1), span("underline", 0, 1), span("bold", 0, 1)],
        ),
        ("<span style='font-style:italic'>a</span>", "a", [span("italic", 0, 1)]),
        (
            "see <a href='https://e.org/'>this</a>",
            "see this",
            [span("link", 4, 8, url="https://e.org/")],
        ),
        ("<a href='javascript:alert(1)'>this</a>", "this", []),
        ("one<br/>two<br/><br/>three", "one\ntwo\n\nthree", []),
        ("<p>one</p>\n <p>two</p>", "one\ntwo", []),
        (
            "<blockquote><p>said</p></blockquote><p>no</p>",
            "said\nno",
            [span("quote", 0, 4)],
        ),
        ("<p>x</p><pre>a  b\n c</pre>", "x\na  b\n c", [span("pre", 2, 9)]),
        ("<ul><li>one</li><li>two</li></ul>", "\u2022 one\n\u2022 two", []),
        ("a<img src='https://e.org/x.png' alt=' smile'/>", "a smile", []),
        ("a<script>alert(1)</script><style>b</style>", "a", []),
        ("  many \n\t spaces  <b> here </b> ", "many spaces here", [span("bold", 12, 16)]),
    ],
)
def test_xhtml_is_read_as_a_browser_shows_it(html: str, text: str, spans: list[Any]) -> None:
    assert text_and_spans_from_xhtml(xhtml(html)) == (text, spans)


def test_xhtml_counts_if_it_says_the_same() -> None:
    assert text_and_spans_from_body("so *it* is", xhtml=xhtml("so <b>it</b><br/>is")) == (
        "so it\nis",
        [span("bold", 3, 5)],
    )


def test_xhtml_does_not_count_if_it_says_something_else() -> None:
    assert text_and_spans_from_body("Pay *Ann*", xhtml=xhtml("Pay <b>Eve</b>")) == (
        "Pay Ann",
        [span("bold", 4, 7)],
    )


def test_xhtml_may_be_nested_deeply() -> None:
    html = xhtml("")
    element = html[0]
    for _ in range(20_000):
        element = ElementTree.SubElement(element, "b")
    element.text = "deep"
    assert text_and_spans_from_xhtml(html) == ("deep", [span("bold", 0, 4)])
    while len(html):  # or the end of so deep a tree overflows the stack of some Pythons
        html.remove(html[0])


def test_xhtml_without_a_body_is_empty() -> None:
    assert text_and_spans_from_xhtml(ElementTree.Element("html")) == ("", [])


@given(styled(), st.booleans())
def test_what_is_read_lies_in_the_text(message: Any, unstyled: bool) -> None:
    text, spans = text_and_spans_from_body(message[0], unstyled=unstyled)
    assert all(0 <= each["start"] < each["end"] <= len(text) for each in spans)
