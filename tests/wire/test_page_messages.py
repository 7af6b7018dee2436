"""What people do with messages in a real browser: answer, edit, delete, react, press."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from browser import Page
from chatroom import Chatroom, about

SAID = "#panel-room .bubble"
FIELD = "#panel-room textarea"
ME = "web:~me"


@pytest.fixture
def page(tab: Page, house: Chatroom) -> Iterator[Page]:
    """The chat page, connected, in a room in which nothing was said."""
    house.forget()
    yield tab.open(f"{house.url}/rooms/lobby/").connected()
    tab.open("about:blank")


@pytest.fixture
def room(page: Page, house: Chatroom) -> Chatroom:
    """The room that the page is in."""
    return house


def shown(page: Page, *texts: str) -> None:
    page.wait(lambda: page.texts(SAID) == list(texts), f"{texts} and nothing else")


def tool(page: Page, label: str, place: int = 0) -> None:
    """Press a button of the bar at a message."""
    page.script(FOCUS, place)
    page.find(f".tools [aria-label={label}]").click()


FOCUS = "document.querySelectorAll('.message[data-id]')[arguments[0]].focus()"


def heard(page: Page, room: Chatroom, kind: str) -> dict[str, Any]:
    """What the page sent of a kind, without its ref."""

    def found() -> list[dict[str, Any]]:
        return [frame for frame in room.heard if frame["type"] == kind]

    frame = page.wait(found, f"a {kind}")[0]
    return {name: value for name, value in frame.items() if name not in ("ref", "type")}


def field(page: Page) -> WebElement:
    return page.find(FIELD)


def written(page: Page) -> Any:
    return page.script(f"return document.querySelector('{FIELD}').value")


# Marks


def test_marks_are_sent_as_spans(page: Page, room: Chatroom) -> None:
    page.say("so **it** is")
    assert heard(page, room, "message") == {
        "text": "so it is",
        "spans": [{"style": "bold", "start": 3, "end": 5}],
    }


def test_what_waits_is_shown_with_its_styles(page: Page, room: Chatroom) -> None:
    room.deaf = True
    page.say("so **it** is")
    page.wait(lambda: page.texts("[data-fate=waiting] strong") == ["it"], "a bold word")


def test_control_and_b_put_marks_around_what_is_selected(page: Page) -> None:
    field(page).send_keys("bold", Keys.CONTROL, "a", "b")
    assert written(page) == "**bold**"


# Answers


def test_an_answer_names_its_message(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Shall we?")
    shown(page, "Shall we?")
    tool(page, "Reply")
    page.say("Yes")
    assert heard(page, room, "message")["reply_to"] == "1"


def test_what_is_answered_is_shown_above_the_field(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Shall we?")
    shown(page, "Shall we?")
    tool(page, "Reply")
    assert page.texts(".about-words") == ["Reply to AnnShall we?"]


def test_escape_answers_nothing_and_keeps_the_text(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Shall we?")
    shown(page, "Shall we?")
    tool(page, "Reply")
    field(page).send_keys("Yes", Keys.ESCAPE)
    assert (page.find(".about").is_displayed(), written(page)) == (False, "Yes")


def test_what_is_answered_is_shown_above_the_answer(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Shall we?")
    room.say("Ben", "Yes", reply_to="1")
    page.wait(lambda: page.texts(".answered .excerpt") == ["Shall we?"], "what is answered")


def test_a_spoiler_is_not_told_by_an_answer(page: Page, room: Chatroom) -> None:
    room.say("Ann", "It was him", spans=[{"style": "spoiler", "start": 7, "end": 10}])
    room.say("Ben", "No!", reply_to="1")
    page.wait(lambda: page.texts(".answered .excerpt") == ["It was ▒▒▒"], "a covered word")


def test_a_click_on_what_is_answered_goes_there(page: Page, room: Chatroom) -> None:
    for number in range(30):
        room.say("Ann", str(number))
    room.say("Ben", "Yes", reply_to="1")
    shown(page, *map(str, range(30)), "Yes")
    page.find("button.answered").click()
    page.wait(lambda: page.script(IN_SIGHT), "the first message in sight")


IN_SIGHT = """
const row = document.querySelector('[data-id="1"]').getBoundingClientRect();
const log = document.querySelector('.log').getBoundingClientRect();
return row.top >= log.top && row.bottom <= log.bottom && document.activeElement.dataset.id === "1";
"""


def test_what_is_not_on_the_page_is_quoted(page: Page, room: Chatroom) -> None:
    room.say("Ben", "Yes", reply_to="999", quoted={"author": "Ann", "text": "Shall we?"})
    page.wait(lambda: page.texts("div.answered") == ["AnnShall we?"], "the quotation")


# Edits


def test_an_edit_changes_the_message(page: Page, room: Chatroom) -> None:
    room.say("Ann", "teh")
    shown(page, "teh")
    room.tell("edit", "1", text="the")
    shown(page, "the")


def test_an_edited_message_says_so(page: Page, room: Chatroom) -> None:
    room.say("Ann", "teh")
    room.tell("edit", "1", text="the")
    page.shows(".edited", "edited")


def test_an_edit_of_what_is_not_on_the_page_is_ignored(page: Page, room: Chatroom) -> None:
    room.tell("edit", "999", text="old")
    room.say("Ann", "new")
    shown(page, "new")


def test_an_edit_keeps_the_reactions(page: Page, room: Chatroom) -> None:
    room.say("Ann", "teh")
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    room.tell("edit", "1", text="the")
    shown(page, "the")
    assert page.texts(".chip .emoji") == ["👍"]


def test_arrow_up_edits_the_last_message_of_ones_own(page: Page, room: Chatroom) -> None:
    room.say("me", "so it is", id=ME, spans=[{"style": "bold", "start": 3, "end": 5}])
    room.say("Ann", "Hi")
    shown(page, "so it is", "Hi")
    field(page).send_keys(Keys.ARROW_UP)
    assert written(page) == "so **it** is"


def test_what_is_edited_is_sent(page: Page, room: Chatroom) -> None:
    room.say("me", "teh", id=ME)
    shown(page, "teh")
    tool(page, "Edit")
    field(page).clear()
    page.say("the")
    assert heard(page, room, "edit") == {"id": "1", "text": "the", "spans": []}
    shown(page, "the")


def test_an_edit_that_is_left_brings_the_draft_back(page: Page, room: Chatroom) -> None:
    room.say("me", "teh", id=ME)
    shown(page, "teh")
    field(page).send_keys("a draft")
    tool(page, "Edit")
    field(page).send_keys(Keys.ESCAPE)
    assert written(page) == "a draft"


def test_a_refused_edit_says_why(page: Page, room: Chatroom) -> None:
    room.say("me", "teh", id=ME)
    shown(page, "teh")
    room.refusal = {"code": "forbidden", "detail": "only its author", "retry_after": None}
    field(page).send_keys(Keys.ARROW_UP)
    page.say("!")
    page.shows(".note", "Not done: only its author")


def test_messages_of_others_cannot_be_edited(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    shown(page, "Hi")
    page.script(FOCUS, 0)
    assert not page.find(".tools [aria-label=Edit]").is_displayed()


# Deletes


def test_a_deleted_message_leaves_a_quiet_trace(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    shown(page, "Hi")
    room.tell("delete", "1")
    page.shows(".trace", "Ann deleted a message")
    shown(page)


def test_a_delete_can_be_undone(page: Page, room: Chatroom) -> None:
    room.say("me", "Hi", id=ME)
    shown(page, "Hi")
    tool(page, "Delete")
    page.find(".question button").click()
    assert page.find(SAID).is_displayed()
    assert not [frame for frame in room.heard if frame["type"] == "delete"]


def test_a_delete_is_sent_when_nobody_undoes_it(page: Page, room: Chatroom) -> None:
    room.say("me", "Hi", id=ME)
    shown(page, "Hi")
    tool(page, "Delete")
    page.script("dispatchEvent(new Event('pagehide'))")  # as when the page is left
    assert heard(page, room, "delete") == {"id": "1"}
    page.shows(".trace", "You deleted a message")


def test_who_answers_a_deleted_message_answers_nothing(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    shown(page, "Hi")
    tool(page, "Reply")
    room.tell("delete", "1")
    page.wait(lambda: not page.find(".about").is_displayed(), "nothing above the field")


# Reactions


def test_reactions_are_counted(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Ben", emoji=["👍", "🎉"])
    room.tell("reaction", "1", "Eve", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍2", "🎉1"], "three reactions")


def test_reactions_say_whose_they_are(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    room.tell("reaction", "1", "Eve", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍2"], "two reactions")
    assert page.find(".chip").get_attribute("title") == "Ben, Eve"


def test_a_reaction_can_be_taken_back(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍1"], "a reaction")
    room.tell("reaction", "1", "Ben", emoji=[])
    page.wait(lambda: page.texts(".chip") == [], "none")


def test_what_a_room_counted_is_added_to_what_is_known(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Eve", by="web:~eve", emoji=["👍"])
    counted = [{"emoji": "👍", "author": "telegram:7", "name": "Ann", "origin": None}]
    room.tell("reaction", "1", "Ann", emoji=["👍"], reactions=counted)
    page.wait(lambda: page.texts(".chip") == ["👍2"], "two reactions")


def test_a_click_on_a_reaction_adds_ones_own(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍1"], "a reaction")
    page.find(".chip").click()
    assert heard(page, room, "reaction") == {"id": "1", "emoji": ["👍"]}
    page.wait(lambda: page.texts(".chip[aria-pressed=true]") == ["👍2"], "one's own")


def test_a_second_click_takes_it_back(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "me", by=ME, emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍1"], "a reaction")
    page.find(".chip").click()
    assert heard(page, room, "reaction") == {"id": "1", "emoji": []}


def test_two_quick_reactions_are_both_meant(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    shown(page, "Hi")
    page.script(FOCUS, 0)
    page.script(
        "for (const emoji of ['👍', '🎉'])"
        " document.querySelector(`.palette [aria-label='React with ${emoji}']`).click()"
    )
    page.wait(lambda: page.texts(".chip") == ["👍1", "🎉1"], "both")
    page.wait(lambda: room.log[-1].get("emoji") == ["👍", "🎉"], "both in the log")


def test_a_refused_reaction_goes(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍1"], "a reaction")
    room.refusal = {"code": "bad_emoji", "detail": "not this one", "retry_after": None}
    page.find(".chip").click()
    page.shows(".note", "Not done: not this one")
    assert page.texts(".chip") == ["👍1"]


# Buttons

ROWS = [[{"text": "Yes"}, {"text": "No"}], [{"text": "Why?", "url": "https://example.org/"}]]


def test_a_press_names_the_button_by_its_place(page: Page, room: Chatroom) -> None:
    room.say("Bot", "Sure?", buttons=ROWS)
    shown(page, "Sure?")
    page.script("document.querySelectorAll('button.press')[1].click()")
    assert heard(page, room, "action") == {"id": "1", "button": "1"}


def test_a_press_waits_for_its_answer(page: Page, room: Chatroom) -> None:
    room.say("Bot", "Sure?", buttons=ROWS)
    shown(page, "Sure?")
    page.find("button.press").click()
    page.find("button.press").click()
    page.say("on we go")
    page.wait(lambda: page.texts(".press[aria-busy=true]") == ["Yes"], "a button that waits")
    shown(page, "Sure?", "on we go")
    assert len([frame for frame in room.heard if frame["type"] == "action"]) == 1


def test_the_answer_to_a_press_is_a_note(page: Page, room: Chatroom) -> None:
    room.answer = "Noted."
    room.say("Bot", "Sure?", buttons=ROWS)
    shown(page, "Sure?")
    page.find("button.press").click()
    page.shows(".note[role=status]", "Noted.")
    assert page.texts(".press[aria-busy=true]") == []


def test_a_button_with_an_address_is_a_link(page: Page, room: Chatroom) -> None:
    room.say("Bot", "Sure?", buttons=ROWS)
    shown(page, "Sure?")
    assert page.find("a.press").get_attribute("href") == "https://example.org/"


@pytest.mark.parametrize("url", ["javascript:document.title='owned'", "data:text/html,x", None, 7])
def test_a_button_with_another_scheme_opens_nothing(page: Page, room: Chatroom, url: Any) -> None:
    room.say("Bot", "Sure?", buttons=[[{"text": "Go", "url": url}]])
    shown(page, "Sure?")
    assert page.texts("a.press") == []


# Cuts


def test_what_was_missed_is_made_good(page: Page, room: Chatroom) -> None:
    for text in ("stays", "teh", "goes"):
        room.say("Ann", text)
    shown(page, "stays", "teh", "goes")

    def meanwhile() -> None:
        room.put(about("edit", "2", "Ann", text="the"))
        room.put(about("delete", "3", "Ann"))
        room.put(about("reaction", "1", "Ben", emoji=["👍"]))

    room.cut(meanwhile)
    shown(page, "stays", "the")
    page.wait(lambda: page.texts(".chip") == ["👍1"], "the reaction")


def test_what_was_done_during_a_cut_is_sent_after_it_once(page: Page, room: Chatroom) -> None:
    room.say("Ann", "Hi")
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍1"], "a reaction")
    room.deaf = True
    page.find(".chip").click()
    page.wait(lambda: page.texts(".chip") == ["👍2"], "one's own")
    room.deaf = False
    room.cut()
    page.wait(lambda: len(room.log) == 3, "the reaction")
    assert page.texts(".chip") == ["👍2"]


def test_a_newcomer_is_shown_how_it_is_now(page: Page, room: Chatroom) -> None:
    room.say("Ann", "teh")
    room.tell("edit", "1", text="the")
    page.driver.refresh()
    shown(page.connected(), "the")


# Writing


def test_writing_is_told(page: Page, room: Chatroom) -> None:
    field(page).send_keys("a long text")
    assert heard(page, room, "typing") == {}


def test_writing_is_told_once_in_three_seconds(page: Page, room: Chatroom) -> None:
    page.script("const now = Date.now(); Date.now = () => now")  # however long it takes here
    field(page).send_keys("a long text")
    page.say("")
    heard(page, room, "message")
    assert [frame["type"] for frame in room.heard] == ["typing", "message"]


def test_two_who_write_are_named(page: Page, room: Chatroom) -> None:
    for name in ("Ann", "Ben"):
        room.show({"type": "typing", "author": about("typing", "", name)["author"]})
    page.shows("#panel-room .typing", "Ann, Ben are writing")


def test_who_has_said_it_writes_no_more(page: Page, room: Chatroom) -> None:
    room.show({"type": "typing", "author": about("typing", "", "Ann")["author"]})
    page.shows("#panel-room .typing", "Ann is writing")
    room.say("Ann", "Hi")
    page.wait(lambda: page.texts("#panel-room .typing") == [""], "nobody who writes")


# Without a mouse


def test_the_arrow_keys_go_from_message_to_message(page: Page, room: Chatroom) -> None:
    room.say("Ann", "one")
    room.say("Ann", "two")
    shown(page, "one", "two")
    page.find(".log").send_keys(Keys.ARROW_UP)
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert page.script("return document.activeElement.dataset.id") == "1"


def test_r_answers_the_message_with_the_focus(page: Page, room: Chatroom) -> None:
    room.say("Ann", "one")
    shown(page, "one")
    page.script(FOCUS, 0)
    page.driver.switch_to.active_element.send_keys("r")
    assert page.find(".about").is_displayed()


def test_everything_that_can_be_pressed_has_a_name(page: Page, room: Chatroom) -> None:
    room.say("me", "Sure?", id=ME, buttons=ROWS)
    room.tell("reaction", "1", "Ben", emoji=["👍"])
    page.wait(lambda: page.texts(".chip") == ["👍1"], "a reaction")
    tool(page, "React")
    assert page.script(NAMELESS) == []


NAMELESS = """
return [...document.querySelectorAll("button, a, input, textarea, [role=button]")]
    .filter((one) => one.offsetParent !== null)
    .filter((one) => !(one.ariaLabel || one.textContent.trim()))
    .map((one) => one.outerHTML);
"""


@pytest.mark.parametrize("place", [0, 1])
def test_nothing_is_wider_than_a_narrow_screen(page: Page, room: Chatroom, place: int) -> None:
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", NARROW)
    room.say("Bot", "Sure?" + "w" * 200, buttons=[[{"text": "x" * 100}, {"text": "y" * 100}]])
    room.say("me", "me too", id=ME, reply_to="1")
    room.tell("reaction", "2", "Ben", emoji=["👍"] + [chr(0x1F600 + n) for n in range(30)])
    page.wait(lambda: len(page.texts(".chip")) == 31, "many reactions")
    tool(page, "React", place)
    wide = page.script("const log = document.querySelector('.log'); return log.scrollWidth")
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 390


NARROW = {"width": 390, "height": 700, "deviceScaleFactor": 1, "mobile": False}


def test_the_policy_of_the_page_holds(page: Page, room: Chatroom) -> None:
    room.answer = "<b>Noted</b>"
    room.say("<i>Bot</i>", "Sure?", buttons=[[{"text": "<img src=x onerror=alert(1)>"}]])
    shown(page, "Sure?")
    page.find("button.press").click()
    page.shows(".note", "<b>Noted</b>")
    assert page.complaints() == []
