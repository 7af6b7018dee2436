"""The page before a whole gateway: two browsers in a room, and a bot with buttons."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from browser import Page, chromium
from pictures import picture
from serving import SECONDS, Serving

CONFIGURATION = """
bot = "pressing:Pressing"
[rooms.lobby]
access = "open"
[media]
max_megabytes = 0.5
"""
BOT = """
from consumers.chat import Lobby


class Pressing(Lobby):
    async def chat_message(self, event):
        if event["text"] == "ask":
            rows = [[{"text": "Yes", "data": "y"}, {"text": "No", "data": "n"}]]
            await self.reply("Sure?", buttons=rows)

    async def chat_action(self, event):
        await self.answer(event, f"You said {event['data']}.")
"""
SAID = "#panel-room .bubble"
PNG = picture(60, 40, (0, 0, 0), (255, 255, 255))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One gateway for all tests."""
    directory: Path = tmp_path_factory.mktemp("served")
    (directory / "pressing.py").write_text(BOT)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    gateway = Serving(directory, CONFIGURATION)
    asyncio.run_coroutine_threadsafe(gateway.start(), loop).result(2 * SECONDS)
    try:
        yield f"{gateway.page}/rooms/lobby/"
    finally:
        asyncio.run_coroutine_threadsafe(gateway.stop(), loop).result(2 * SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()


@pytest.fixture(scope="module")
def browsers() -> Iterator[tuple[Page, Page]]:
    """The browsers of two people."""
    with chromium() as one, chromium() as other:
        yield one, other


@pytest.fixture
def here(browsers: tuple[Page, Page], address: str) -> Page:
    """The page of one of them."""
    return browsers[0].open(address).connected()


@pytest.fixture
def there(browsers: tuple[Page, Page], address: str) -> Page:
    """The page of the other."""
    return browsers[1].open(address).connected()


def last(page: Page, text: str) -> None:
    """Wait until the last message says this, and is in the log."""
    page.wait(lambda: page.script(LAST) == text, f"{text!r} as the last message")


LAST = "return [...document.querySelectorAll('#panel-room [data-id] .bubble')].at(-1)?.textContent"
FOCUS = "[...document.querySelectorAll('#panel-room [data-id]')].at(-1).focus()"


def tool(page: Page, label: str) -> None:
    """Press a button of the bar at the last message."""
    page.script(FOCUS)
    page.find(f".tools [aria-label='{label}']").click()


def test_styles_reach_the_other(here: Page, there: Page) -> None:
    here.say("so **it** is ||hidden||")
    last(there, "so it is hidden")
    assert there.script("return !!document.querySelector('#panel-room .bubble .spoiler')")


def test_an_edit_reaches_the_other(here: Page, there: Page) -> None:
    here.say("teh")
    last(here, "teh")
    here.find("#panel-room textarea").send_keys(Keys.ARROW_UP, Keys.CONTROL, "a")
    here.say("the")
    last(there, "the")


def test_a_delete_reaches_the_other(here: Page, there: Page) -> None:
    here.say("to be deleted")
    last(here, "to be deleted")
    last(there, "to be deleted")
    tool(here, "Delete")
    here.script("dispatchEvent(new Event('pagehide'))")
    there.wait(lambda: "to be deleted" not in there.texts(SAID), "its end")


def test_an_answer_points_at_its_message(here: Page, there: Page) -> None:
    here.say("Shall we?")
    last(there, "Shall we?")
    tool(there, "Reply")
    there.say("Yes")
    last(here, "Yes")
    assert here.texts("button.answered .excerpt")[-1] == "Shall we?"


def test_a_reaction_reaches_the_other(here: Page, there: Page) -> None:
    here.say("Saturday at noon")
    last(there, "Saturday at noon")
    tool(there, "React")
    there.find(".palette [aria-label='React with 🎉']").click()
    here.shows(".chip", "🎉1")


def test_a_picture_reaches_the_other(here: Page, there: Page, tmp_path: Path) -> None:
    (tmp_path / "lake.png").write_bytes(PNG)
    here.find("#panel-room input[type=file]").send_keys(str(tmp_path / "lake.png"))
    here.say("The lake")
    last(there, "The lake")
    there.wait(lambda: there.script(SEEN) == 60, "the picture")


SEEN = "return document.querySelector('#panel-room .picture img')?.naturalWidth"


def test_a_file_over_the_limit_names_the_limit(here: Page, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(bytes(8_000_000))
    here.find("#panel-room input[type=file]").send_keys(str(tmp_path / "large.bin"))
    here.shows(".tray .file-facts", "The file is larger than 0.5 MB.")


def test_a_press_is_answered(here: Page) -> None:
    here.say("ask")
    last(here, "Sure?")
    here.wait(lambda: here.texts("button.press"), "the buttons")
    here.find("button.press").click()
    here.wait(lambda: "You said y." in here.texts(".note"), "the answer")


def test_a_newcomer_sees_how_it_is_now(here: Page, there: Page) -> None:
    here.say("first thought")
    last(here, "first thought")
    here.find("#panel-room textarea").send_keys(Keys.ARROW_UP, Keys.CONTROL, "a")
    here.say("second thought")
    last(here, "second thought")
    there.driver.refresh()
    last(there, "second thought")
    assert "first thought" not in there.texts(SAID)


def test_nothing_is_complained_about(here: Page) -> None:
    assert not [line for line in here.complaints() if "Security" in line]
