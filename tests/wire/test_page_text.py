"""How styled texts look in a real browser, and that nothing in them does anything but look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from browser import Page
from chatroom import Chatroom

BUBBLE = "#panel-room .bubble"


@pytest.fixture
def room() -> Iterator[Chatroom]:
    with Chatroom().serving() as chatroom:
        yield chatroom


@pytest.fixture
def page(tab: Page, room: Chatroom) -> Iterator[Page]:
    """The chat page, connected, on an origin that no test used before."""
    yield tab.open(f"{room.url}/rooms/lobby/").connected()
    tab.open("about:blank")


def span(style: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    return {"style": style, "start": start, "end": end, **more}


def html(page: Page, room: Chatroom, text: str, *spans: Any) -> str:
    """What a message is made of."""
    room.say("Ann", text, spans=list(spans))
    page.wait(lambda: page.texts(BUBBLE), "the message")
    return str(page.find(BUBBLE).get_attribute("innerHTML"))


@pytest.mark.parametrize(
    ("style", "tag"),
    [("bold", "strong"), ("italic", "em"), ("underline", "u"), ("strike", "s"), ("code", "code")],
)
def test_a_style_has_its_element(page: Page, room: Chatroom, style: str, tag: str) -> None:
    shown = html(page, room, "so it is", span(style, 3, 5))
    assert shown == f'so <{tag} class="{style}">it</{tag}> is'


def test_spans_count_code_points(page: Page, room: Chatroom) -> None:
    html(page, room, "😀😀 it 😀", span("bold", 3, 5))
    assert page.texts(f"{BUBBLE} strong") == ["it"]


def test_spans_lie_in_each_other(page: Page, room: Chatroom) -> None:
    shown = html(page, room, "one two", span("bold", 0, 7), span("italic", 4, 7))
    assert shown == '<strong class="bold">one <em class="italic">two</em></strong>'


def test_spans_that_cross_are_cut(page: Page, room: Chatroom) -> None:
    html(page, room, "abc", span("bold", 0, 2), span("italic", 1, 3))
    assert page.texts(f"{BUBBLE} strong") == ["ab"]
    assert page.texts(f"{BUBBLE} em") == ["b", "c"]


def test_a_block_is_not_cut_by_what_crosses_it(page: Page, room: Chatroom) -> None:
    html(page, room, "one\ntwo\nthree", span("bold", 0, 5), span("quote", 4, 7))
    assert page.texts(f"{BUBBLE} blockquote") == ["two"]
    assert page.texts(f"{BUBBLE} strong") == ["one\n", "t"]


def test_a_block_of_code_has_its_language(page: Page, room: Chatroom) -> None:
    shown = html(page, room, "x = 1\nend", span("pre", 0, 5, language="python"))
    assert shown == '<pre data-language="python"><code>x = 1</code></pre>end'


def test_a_block_of_code_keeps_its_lines(page: Page, room: Chatroom) -> None:
    html(page, room, "x = 1\ny = 2", span("pre", 0, 11))
    space = "return getComputedStyle(document.querySelector('pre code')).whiteSpace"
    assert page.script(space) == "pre"


def test_a_link_opens_elsewhere_and_tells_nothing(page: Page, room: Chatroom) -> None:
    html(page, room, "see this", span("link", 4, 8, url="https://example.org/a"))
    link = page.find(f"{BUBBLE} a")
    assert link.get_attribute("href") == "https://example.org/a"
    assert link.get_attribute("target") == "_blank"
    assert "noopener noreferrer" in str(link.get_attribute("rel"))


@pytest.mark.parametrize(
    "url", ["javascript:document.title='owned'", "data:text/html,x", "//e.org", "", None, 7, ["x"]]
)
def test_a_link_with_another_scheme_is_text(page: Page, room: Chatroom, url: Any) -> None:
    html(page, room, "see this", span("link", 4, 8, url=url))
    assert page.texts(f"{BUBBLE} a") == []
    assert page.texts(BUBBLE) == ["see this"]


def test_what_looks_like_a_link_in_code_is_none(page: Page, room: Chatroom) -> None:
    html(page, room, "https://a.org https://b.org", span("code", 0, 13))
    assert page.texts(f"{BUBBLE} a") == ["https://b.org"]


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        7,
        "bold",
        {},
        {"style": "script", "start": 0, "end": 4},
        span("bold", -4, 0),
        span("bold", 9, 12),
        {"style": "bold", "start": "0", "end": "4"},
        {"style": ["bold"], "start": 0, "end": 4},
        {"style": "__proto__", "start": 0, "end": 4},
    ],
)
def test_what_is_no_span_is_left_out(page: Page, room: Chatroom, hostile: Any) -> None:
    assert html(page, room, "text", hostile) == "text"


def test_markup_in_a_span_is_text(page: Page, room: Chatroom) -> None:
    text = "<img src=x onerror=\"document.title='owned'\">"
    language = "\"><script>document.title='owned'</script>"
    html(page, room, text, span("pre", 0, len(text), language=language), span("bold", 0, 9))
    assert page.texts(BUBBLE) == [text]
    assert "owned" not in page.driver.title


def test_many_spans_are_shown_in_time(page: Page, room: Chatroom) -> None:
    styles = ["bold", "italic", "quote", "spoiler", "underline"]
    many = [span(styles[place % 5], place, 1000 + place) for place in range(1000)]
    html(page, room, "ab " * 700, *many)
    assert page.find(BUBBLE)


def covered(page: Page, room: Chatroom) -> Any:
    html(page, room, "it ends https://e.org", span("spoiler", 3, 21), span("bold", 3, 7))
    return page.find(f"{BUBBLE} .spoiler")


def test_a_spoiler_is_covered(page: Page, room: Chatroom) -> None:
    covered(page, room)
    assert page.script(
        "const hidden = document.querySelector('.spoiler > span');"
        "return [hidden.inert, hidden.ariaHidden, getComputedStyle(hidden).opacity]"
    ) == [True, "true", "0"]


def test_a_click_on_a_spoiler_shows_it(page: Page, room: Chatroom) -> None:
    covered(page, room).click()
    assert page.texts(f"{BUBBLE} .spoiler-shown") == ["ends https://e.org"]
    assert len(page.driver.window_handles) == 1


@pytest.mark.parametrize("key", [Keys.ENTER, Keys.SPACE])
def test_a_key_on_a_spoiler_shows_it(page: Page, room: Chatroom, key: str) -> None:
    covered(page, room).send_keys(key)
    assert page.texts(f"{BUBBLE} .spoiler-shown strong") == ["ends"]


def test_tab_goes_to_a_spoiler_and_not_into_it(page: Page, room: Chatroom) -> None:
    cover = covered(page, room)
    page.script("document.querySelector('.spoiler').focus()")
    assert page.driver.switch_to.active_element == cover
    cover.send_keys(Keys.TAB)
    assert page.script("return document.activeElement.closest('.spoiler') === null")


def test_the_policy_of_the_page_holds(page: Page, room: Chatroom) -> None:
    html(
        page,
        room,
        "all of it",
        *[span(style, 0, 9) for style in ("bold", "pre", "quote", "spoiler", "mention", "emoji")],
    )
    assert not [line for line in page.complaints() if "Security" in line]
