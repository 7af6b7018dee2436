"""The pages in a real browser: what it shows, what it sends, what it survives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from browser import Page
from chatroom import Chatroom, message

HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "</textarea></script><script>document.title='owned'</script>",
    "https://example.org/\"onmouseover=\"document.title='owned'",
    "<a href=\"javascript:document.title='owned'\">click</a>",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "&lt;b&gt; &amp; <b>bold</b>",
    "\u202eright to left override\u202c",
    "<style>*{display:none}</style>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
]
SAID = "#panel-room .bubble"


@pytest.fixture
def room() -> Iterator[Chatroom]:
    with Chatroom().serving() as chatroom:
        yield chatroom


@pytest.fixture
def page(tab: Page, room: Chatroom) -> Iterator[Page]:
    """The chat page, connected, on an origin that no test used before."""
    yield tab.open(f"{room.url}/rooms/lobby/").connected()
    tab.open("about:blank")


@pytest.fixture
def board(tab: Page, room: Chatroom) -> Iterator[Page]:
    """The dashboard, connected."""
    room.board = [STATE]
    yield tab.open(f"{room.url}/dashboard/").connected()
    tab.open("about:blank")


def test_an_empty_room_says_what_it_is(page: Page) -> None:
    assert "second tab" in page.find("#panel-room .empty").text


def test_enter_sends(page: Page, room: Chatroom) -> None:
    page.say("Hello")
    page.wait(lambda: room.log, "the message")
    assert room.log[0]["text"] == "Hello"


def test_shift_and_enter_break_the_line(page: Page, room: Chatroom) -> None:
    page.say("one\ntwo")
    page.wait(lambda: room.log, "the message")
    assert room.log[0]["text"] == "one\ntwo"


def test_what_is_sent_is_shown_once(page: Page, room: Chatroom) -> None:
    page.say("Hello")
    page.wait(lambda: page.texts("[data-seq]"), "the message")
    assert page.texts(SAID) == ["Hello"]


def test_what_others_say_is_shown_with_their_name_and_network(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    page.shows(SAID, "Hi")
    assert (page.texts(".name"), page.texts(".badge")) == (["Ann"], ["telegram"])


@pytest.mark.parametrize(
    ("body", "badges"),
    [
        ({"id": "xmpp:ann@example.org"}, ["xmpp"]),
        ({"id": "web:~1"}, ["web"]),
        ({"id": "user:1"}, ["team"]),
        ({"id": "bot", "kind": "bot"}, ["bot"]),
        ({"id": "telegram:5", "kind": "bot"}, ["telegram", "bot"]),
        ({"id": "anon", "origin": "xmpp:default:room@example.org"}, ["xmpp"]),
    ],
)
def test_badges(page: Page, room: Chatroom, body: dict[str, str], badges: list[str]) -> None:
    room.say("Ann", "Hi", **body)
    page.shows(SAID, "Hi")
    assert page.texts(".badge") == badges


def test_after_a_cut_everything_is_shown_once(page: Page, room: Chatroom) -> None:
    room.say("Ann", "before")
    page.shows(SAID, "before")
    room.cut(lambda: room.append("Ann", "meanwhile"))
    page.shows(SAID, "meanwhile")
    room.say("Ann", "after")
    page.shows(SAID, "after")
    assert page.texts(SAID) == ["before", "meanwhile", "after"]


def test_after_a_cut_the_page_asks_for_what_it_missed(page: Page, room: Chatroom) -> None:
    room.say("Ann", "before")
    page.shows(SAID, "before")
    room.cut(lambda: room.append("Ann", "meanwhile"))
    page.shows(SAID, "meanwhile")
    first, second = room.queries
    assert (second["since"], second["epoch"]) == ("1", "first")
    assert second["client"] == first["client"]


def in_a_log(page: Page, *steps: str) -> Any:
    """What the last of some steps gives with the page's own log of a room, apart from the page."""
    *before, last = (f"log.{step}" for step in steps)
    return page.driver.execute_async_script(
        "const [done] = arguments; import('/static/gateway/log.js').then(({ Log }) => {"
        f"const log = new Log('me'); {'; '.join(before)}; done({last}); }})"
    )


HELLO = "hello({epoch: 'first', seq: 3, you: {id: 'me'}})"


def test_what_was_said_before_is_shown_however_late_it_comes(page: Page) -> None:
    assert in_a_log(page, HELLO, "settle()", "take({seq: 1})") is not None


def test_a_newcomer_who_was_shown_nothing_goes_on_from_the_head(page: Page) -> None:
    assert in_a_log(page, HELLO, "settle()", "query()")["since"] == "3"


def test_a_newcomer_cut_before_the_past_could_come_is_one_again(page: Page) -> None:
    assert "since" not in in_a_log(page, HELLO, "query()")


def test_a_cut_before_what_was_missed_has_come_loses_none_of_it(page: Page) -> None:
    again = "hello({epoch: 'first', seq: 5, resumed: true, you: {id: 'me'}})"
    assert in_a_log(page, HELLO, "settle()", again, "settle()", "query()")["since"] == "3"


def test_what_is_written_during_a_cut_is_sent_after_it(page: Page, room: Chatroom) -> None:
    room.cut(lambda: page.say("while away"))
    page.wait(lambda: page.texts("[data-seq]"), "the message")
    assert [entry["text"] for entry in room.log] == ["while away"]


def test_what_was_not_answered_is_sent_again_under_its_ref(page: Page, room: Chatroom) -> None:
    room.deaf = True
    page.say("Hello?")
    page.wait(lambda: page.texts("[data-fate=waiting]"), "a waiting message")
    room.deaf = False
    room.cut()
    page.wait(lambda: page.texts("[data-seq]"), "the message")
    assert page.texts(SAID) == ["Hello?"]


def test_messages_keep_their_order_over_a_cut(page: Page, room: Chatroom) -> None:
    room.deaf = True
    for number in range(5):
        page.say(str(number))
    room.deaf = False
    room.cut()
    page.wait(lambda: len(page.texts("[data-seq]")) == 5, "five messages")
    assert page.texts(SAID) == list("01234")


def test_another_log_begins_anew(page: Page, room: Chatroom) -> None:
    room.say("Ann", "old")
    page.shows(SAID, "old")

    def begin() -> None:
        room.begin_anew()
        room.append("Ann", "new")

    room.cut(begin)
    page.shows(SAID, "new")
    assert page.texts(SAID) == ["new"]


def test_a_refusal_is_shown_at_the_message(page: Page, room: Chatroom) -> None:
    room.refusal = {"code": "too_long", "detail": "far too long", "retry_after": None}
    page.say("Hello")
    page.wait(lambda: page.texts("[data-fate=failed]"), "the refusal")
    assert "far too long" in page.texts(".fate")[0]


def test_what_was_refused_can_be_tried_again(page: Page, room: Chatroom) -> None:
    room.refusal = {"code": "too_long", "detail": "far too long", "retry_after": None}
    page.say("Hello")
    page.wait(lambda: page.texts("[data-fate=failed]"), "the refusal")
    room.refusal = None
    page.find(".fate button").click()
    page.wait(lambda: page.texts("[data-seq]"), "the message")
    assert page.texts(SAID) == ["Hello"]


def test_a_passing_refusal_is_tried_again_by_itself(page: Page, room: Chatroom) -> None:
    room.refusal = {"code": "unavailable", "detail": "the disk is full", "retry_after": 0.1}
    page.say("Hello")
    page.wait(lambda: "the disk is full" in "".join(page.texts(".fate")), "the reason")
    room.refusal = None
    page.wait(lambda: page.texts("[data-seq]"), "the message")
    assert page.texts(SAID) == ["Hello"]


def test_a_name_is_kept_and_told(page: Page, room: Chatroom) -> None:
    page.find("#you").click()
    page.find("#rename input").clear()
    page.say("Zoë", "#rename input")
    page.shows("#you-name", "Zoë")
    assert room.queries[-1]["name"] == "Zoë"


def test_the_bot_is_spoken_to_apart(page: Page, room: Chatroom) -> None:
    page.find("#tab-bot").click()
    page.say("/help", "#panel-bot textarea")
    page.wait(lambda: page.texts("#panel-bot [data-seq]"), "the message")
    assert len(room.queries) == 2


def test_typing_is_shown(page: Page, room: Chatroom) -> None:
    room.show({"type": "typing", "author": message("Ann", "")["author"]})
    page.shows(".typing", "Ann is writing")


def test_hostile_texts_are_texts(page: Page, room: Chatroom) -> None:
    for text in HOSTILE:
        room.say(text, text)
    page.shows(SAID, HOSTILE[-1])
    assert page.texts(SAID) == HOSTILE
    assert page.texts(".name") == HOSTILE
    assert page.driver.title == "lobby"
    assert page.complaints() == []


def test_only_web_addresses_become_links(page: Page, room: Chatroom) -> None:
    room.say("Ann", "see https://example.org/a_(b), javascript:alert(1) data:text/html,x.")
    page.wait(lambda: page.texts(f"{SAID} a"), "the link")
    links = page.script("return [...document.querySelectorAll('.bubble a')].map((a) => a.href)")
    assert links == ["https://example.org/a_(b)"]


def test_a_link_gives_nothing_away(page: Page, room: Chatroom) -> None:
    room.say("Ann", "https://example.org")
    page.wait(lambda: page.texts(f"{SAID} a"), "the link")
    assert page.find(f"{SAID} a").get_attribute("rel") == "noopener noreferrer nofollow"


def test_an_unknown_frame_is_passed_over(page: Page, room: Chatroom) -> None:
    room.say("Ann", "news", type="fireworks")
    room.say("Ann", "Hi")
    page.shows(SAID, "Hi")
    assert page.texts(SAID) == ["Hi"]


def test_another_room_has_a_page(tab: Page, room: Chatroom) -> None:
    tab.open(f"{room.url}/rooms/K%C3%BCche/").connected()
    assert tab.find("h1").text == "Küche"


STATE: dict[str, Any] = {
    "type": "state",
    "you": {"id": "user:1", "name": "sam"},
    "statuses": [
        {
            "account": "xmpp:default",
            "state": "refused",
            "detail": "wrong password",
            "error": "not-authorized",
            "since": 1.0,
        }
    ],
    "rooms": [
        {
            "name": "lobby",
            "title": "",
            "access": "open",
            "members": [{"conversation": "telegram:default:-1", "title": "The group"}],
            "people": [message("Ann", "")["author"]],
            "count": 3,
        },
        {
            "name": "attic",
            "title": "",
            "access": "open",
            "members": [],
            "people": [],
            "count": 0,
        },
    ],
}


def passing(text: str, **place: str) -> dict[str, object]:
    event = message("Ann", text) | {"type": "room.message"}
    return {"type": "message", "direction": "room", "event": event} | place


def visible(page: Page) -> list[str]:
    return page.texts("#passing li:not([hidden]) .said")


def test_the_dashboard_shows_why_an_account_is_away(board: Page) -> None:
    words = board.find("#servers li").text
    assert "refused" in words
    assert "wrong password" in words
    assert "not-authorized" in words


def test_the_dashboard_shows_who_is_there(board: Page) -> None:
    assert "3 here" in board.texts("#rooms li")[0]


def test_a_change_of_state_changes_the_light(board: Page, room: Chatroom) -> None:
    status = {
        "account": "xmpp:default",
        "state": "connected",
        "detail": "",
        "error": "",
        "since": 1,
    }
    room.show_board({"type": "status", "status": status})
    board.wait(lambda: board.texts(".server.good"), "a good light")


def test_messages_appear_as_they_pass(board: Page, room: Chatroom) -> None:
    room.show_board(passing("Hi", room="lobby"))
    board.wait(lambda: visible(board) == ["Hi"], "the message")


def test_one_room_can_be_watched_alone(board: Page, room: Chatroom) -> None:
    room.show_board(passing("in the lobby", room="lobby"))
    room.show_board(passing("in the attic", room="attic"))
    board.wait(lambda: len(visible(board)) == 2, "both messages")
    board.find("#rooms button").click()
    assert visible(board) == ["in the lobby"]


def test_a_relayed_message_is_shown_once(board: Page, room: Chatroom) -> None:
    room.show_board(passing("Hi", conversation="telegram:default:-1") | {"direction": "in"})
    room.show_board(passing("Hi", room="lobby"))
    board.wait(lambda: len(board.texts("#passing li")) == 2, "both steps")
    assert visible(board) == ["Hi"]


def test_the_operator_speaks_into_the_chosen_room(board: Page, room: Chatroom) -> None:
    board.say("Hello", "#words")
    board.wait(lambda: room.heard, "what was said")
    assert room.heard == [{"type": "say", "room": "lobby", "text": "Hello", "ref": "1"}]


def test_what_could_not_be_said_comes_back(board: Page, room: Chatroom) -> None:
    room.refusal = {"code": "refused", "detail": "There is no room 'lobby'."}
    board.say("Hello", "#words")
    board.wait(lambda: "There is no room" in board.find("#problem").text, "the reason")
    assert board.find("#words").get_attribute("value") == "Hello"


def test_hostile_texts_are_texts_on_the_dashboard(board: Page, room: Chatroom) -> None:
    for text in HOSTILE:
        room.show_board(passing(text, room=text))
    board.wait(lambda: visible(board) == HOSTILE, "all of them")
    assert board.driver.title == "Dashboard"
    assert board.complaints() == []


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("edit", {"text": "the"}, "edited: the"),
        ("delete", {}, "deleted a message"),
        ("reaction", {"emoji": ["👍"]}, "reacts 👍"),
        ("action", {}, "pressed a button"),
        ("message", {"attachments": [{"kind": "photo", "name": "lake.png"}]}, "🖼 lake.png"),
    ],
)
def test_whatever_people_do_appears_as_it_passes(
    board: Page, room: Chatroom, kind: str, body: dict[str, Any], words: str
) -> None:
    event = message("Ann", "") | {"type": f"room.{kind}"} | body
    room.show_board({"type": "message", "direction": "room", "room": "lobby", "event": event})
    board.wait(lambda: visible(board) == [words], words)
