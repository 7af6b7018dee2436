"""Files in a real browser: how they are shown, and how they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from browser import Page
from chatroom import Chatroom
from pictures import picture, sound

PNG = picture(60, 40, (0, 0, 0), (255, 255, 255))
FIELD = "#panel-room textarea"


@pytest.fixture
def page(tab: Page, house: Chatroom) -> Iterator[Page]:
    """The chat page, connected, in a room in which nothing was said."""
    house.forget()
    yield tab.open(f"{house.url}/rooms/lobby/?code=secret").connected()
    tab.open("about:blank")


@pytest.fixture
def room(page: Page, house: Chatroom) -> Chatroom:
    """The room that the page is in; it has a picture."""
    house.files["0"] = (PNG, "image/png")
    return house


def photo(**more: Any) -> dict[str, Any]:
    shown = {"kind": "photo", "name": "lake.png", "type": "image/png", "url": "/media/0/lake.png"}
    return shown | more


def given(page: Page, room: Chatroom, *attachments: dict[str, Any], text: str = "") -> None:
    """Be shown a message with files."""
    room.say("Ann", text, attachments=list(attachments))
    page.wait(lambda: page.texts(".files"), "the files")


def seen(page: Page, count: int = 1) -> None:
    """Wait until so many pictures are there, and have their size: before, they move."""
    page.wait(lambda: len(page.texts(".picture.loaded")) == count, "the pictures")


# Shown


def test_a_picture_is_shown_where_it_is(page: Page, room: Chatroom) -> None:
    given(page, room, photo())
    page.wait(
        lambda: page.script("return document.querySelector('.picture img').naturalWidth") == 60,
        "it",
    )


def test_a_picture_is_bounded(page: Page, room: Chatroom) -> None:
    room.files["0"] = (picture(900, 1200, (0, 0, 0), (9, 9, 9)), "image/png")
    given(page, room, photo())
    page.wait(lambda: page.texts(".picture.loaded"), "the picture")
    size = page.find(".picture").size
    assert (size["width"], size["height"]) == (240, 320)


def test_a_picture_has_words(page: Page, room: Chatroom) -> None:
    given(page, room, photo())
    assert page.find(".picture img").get_attribute("alt") == "lake.png"


def test_a_click_shows_a_picture_large(page: Page, room: Chatroom) -> None:
    given(page, room, photo())
    seen(page)
    page.find(".picture").click()
    assert page.find("dialog.overlay img").get_attribute("src") == f"{room.url}/media/0/lake.png"


def test_escape_ends_it_where_it_began(page: Page, room: Chatroom) -> None:
    given(page, room, photo())
    seen(page)
    page.find(".picture").click()
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait(lambda: not page.texts("dialog.overlay"), "no overlay")
    assert page.script("return document.activeElement.className") == "picture loaded"


def test_the_arrow_keys_go_to_the_other_pictures(page: Page, room: Chatroom) -> None:
    room.files["1"] = (PNG, "image/png")
    given(page, room, photo(), photo(url="/media/1/tent.png", name="tent.png"))
    seen(page, 2)
    page.find(".picture").click()
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert page.find(".overlay img").get_attribute("alt") == "tent.png"


def test_a_caption_is_shown_with_its_picture(page: Page, room: Chatroom) -> None:
    given(page, room, photo(), text="The lake")
    assert page.texts(".bubble") == ["The lake"]


def test_sound_can_be_played(page: Page, room: Chatroom) -> None:
    room.files["1"] = (sound(1), "audio/wav")
    given(page, room, {"kind": "voice", "type": "audio/wav", "url": "/media/1/hello.wav"})
    ready = "return document.querySelector('audio').duration"
    page.wait(lambda: page.script(ready) == 1, "one second")


def test_a_film_can_be_played(page: Page, room: Chatroom) -> None:
    name = page.script(FILM)
    given(page, room, {"kind": "video", "type": "video/webm", "url": f"/media/{name}/a.webm"})
    ready = "return document.querySelector('.film video').videoWidth"
    page.wait(lambda: page.script(ready) == 64, "the film")


FILM = """
const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
const FILM = { "content-type": "video/webm" };
const drawing = setInterval(() => canvas.getContext("2d").fillRect(0, 0, 9, 9), 20);
const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
const pieces = [];
const film = new Promise((resolve) => { recorder.onstop = () => resolve(new Blob(pieces)) });
recorder.ondataavailable = ({ data }) => {
    pieces.push(data);
    if (data.size > 0 && recorder.state === "recording") recorder.stop();
};
recorder.start(50);
return film
    .finally(() => clearInterval(drawing))
    .then((body) => fetch("/media/?name=a.webm", { method: "POST", body, headers: FILM }))
    .then((answer) => answer.json())
    .then((attachment) => attachment.source.split("/").at(-1));
"""


def test_what_cannot_be_played_is_a_card(page: Page, room: Chatroom) -> None:
    room.files["1"] = (b"no film", "video/mp4")
    given(
        page, room, {"kind": "video", "type": "video/mp4", "name": "a.mp4", "url": "/media/1/a.mp4"}
    )
    page.wait(lambda: page.texts("a.file .file-name") == ["a.mp4"], "a card")


def test_a_picture_that_is_gone_is_a_card(page: Page, room: Chatroom) -> None:
    given(page, room, photo(url="/media/99/lake.png"))
    page.wait(lambda: page.texts("a.file .file-name") == ["lake.png"], "a card")


def test_another_file_is_a_card_to_download(page: Page, room: Chatroom) -> None:
    document = {"kind": "document", "name": "a.pdf", "type": "application/pdf", "size": 1_234_567}
    given(page, room, document | {"url": "/media/0/a.pdf"})
    assert page.texts("a.file .file-words") == ["a.pdf1.2 MB"]
    assert page.find("a.file").get_attribute("download") == "a.pdf"


def test_a_drawing_with_scripts_is_a_card(page: Page, room: Chatroom) -> None:
    given(page, room, photo(type="image/svg+xml", name="a.svg"))
    assert (page.texts(".picture"), page.texts(".file-name")) == ([], ["a.svg"])


def test_what_cannot_be_had_says_so(page: Page, room: Chatroom) -> None:
    given(page, room, photo(url=None))
    assert page.texts("div.file.missing .file-facts") == ["Picture · not to be had here"]


def test_a_place_is_a_link_to_a_map(page: Page, room: Chatroom) -> None:
    given(page, room, {"kind": "location", "latitude": 47.5, "longitude": 7.5})
    href = str(page.find(".place-on-map").get_attribute("href"))
    assert href.startswith("https://www.openstreetmap.org/?mlat=47.50000&mlon=7.50000")


def test_a_poll_is_told_in_words(page: Page, room: Chatroom) -> None:
    given(page, room, {"kind": "poll", "text": "Tea?\n- Yes\n- No"})
    assert "Tea?" in page.texts(".file")[0]


def test_a_link_of_another_host_name_is_followed_here(page: Page, room: Chatroom) -> None:
    given(page, room, photo(url="https://chat.example.org/media/0/lake.png"))
    page.wait(lambda: page.texts(".picture.loaded"), "the picture")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://example.org/x.png", 7, {}])
def test_a_link_to_elsewhere_is_none(page: Page, room: Chatroom, url: Any) -> None:
    given(page, room, photo(url=url))
    assert page.texts(".files a") == []


@pytest.mark.parametrize("hostile", [None, 7, "x", {}, {"kind": ["x"]}, {"kind": "__proto__"}])
def test_what_is_no_attachment_does_no_harm(page: Page, room: Chatroom, hostile: Any) -> None:
    given(page, room, hostile, text="Hi")
    assert page.texts(".bubble") == ["Hi"]


def test_who_is_at_the_end_stays_there_when_pictures_come(page: Page, room: Chatroom) -> None:
    room.files["0"] = (picture(300, 300, (0, 0, 0), (9, 9, 9)), "image/png")
    for _ in range(6):
        room.say("Ann", "", attachments=[photo()])
    page.wait(lambda: len(page.texts(".picture.loaded")) >= 2, "pictures")
    page.wait(lambda: page.script(AT_END), "the end")


AT_END = """
const log = document.querySelector('.log');
return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
"""


# Sent


def choose(page: Page, tmp_path: Path, *names: str, content: bytes = PNG) -> None:
    """Choose files with the button."""
    for name in names:
        (tmp_path / name).write_bytes(content)
    picker = page.find("#panel-room input[type=file]")
    picker.send_keys("\n".join(str(tmp_path / name) for name in names))


def message(page: Page, room: Chatroom) -> dict[str, Any]:
    """The message that the page sent."""

    def said() -> list[dict[str, Any]]:
        return [frame for frame in room.heard if frame["type"] == "message"]

    return page.wait(said, "a message")[0]


def loaded(page: Page, count: int = 1) -> None:
    """Wait until so many files are on the server."""
    page.wait(lambda: len(page.texts(".tray [data-state=done]")) == count, "the upload")


def test_a_file_goes_with_a_caption(page: Page, room: Chatroom, tmp_path: Path) -> None:
    choose(page, tmp_path, "lake.png")
    page.say("The lake", FIELD)
    sent = message(page, room)
    assert (sent["text"], sent["attachments"][0]["name"]) == ("The lake", "lake.png")


def test_a_file_goes_without_words(page: Page, room: Chatroom, tmp_path: Path) -> None:
    choose(page, tmp_path, "lake.png")
    page.say("", FIELD)
    assert message(page, room)["text"] == ""
    page.wait(lambda: page.texts(".message .picture.loaded"), "the picture")


def test_a_file_is_for_its_room(page: Page, room: Chatroom, tmp_path: Path) -> None:
    choose(page, tmp_path, "lake.png")
    loaded(page)
    assert room.uploads == [{"name": "lake.png", "room": "lobby", "code": "secret"}]


def test_several_files_keep_their_order(page: Page, room: Chatroom, tmp_path: Path) -> None:
    names = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    choose(page, tmp_path, *names)
    page.say("", FIELD)
    assert [one["name"] for one in message(page, room)["attachments"]] == names


def test_no_more_than_ten_files_go(page: Page, room: Chatroom, tmp_path: Path) -> None:
    choose(page, tmp_path, *(f"{number}.png" for number in range(12)))
    told = ["A message takes 10 files; 2 left out."]  # for six seconds
    page.wait(lambda: page.texts("#panel-room .told") == told, told[0])
    loaded(page, 10)


def test_a_file_can_be_left_out(page: Page, room: Chatroom, tmp_path: Path) -> None:
    choose(page, tmp_path, "lake.png")
    loaded(page)
    page.find(".tray .cancel").click()
    page.say("nothing", FIELD)
    assert "attachments" not in message(page, room)


def test_a_refused_file_says_why(page: Page, room: Chatroom, tmp_path: Path) -> None:
    room.no_file = {"code": "too_large", "detail": "The file is larger than 20 MB."}
    choose(page, tmp_path, "lake.png")
    page.shows(".tray [data-state=failed] .file-facts", "The file is larger than 20 MB.")


def test_a_message_with_a_refused_file_does_not_go(
    page: Page, room: Chatroom, tmp_path: Path
) -> None:
    room.no_file = {"code": "too_large", "detail": "The file is larger than 20 MB."}
    choose(page, tmp_path, "lake.png")
    page.say("The lake", FIELD)
    page.wait(lambda: page.texts(".tray [data-state=failed]"), "the refusal")
    assert page.script(f"return document.querySelector('{FIELD}').value") == "The lake"
    assert not [frame for frame in room.heard if frame["type"] == "message"]


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_file_can_be_pasted_and_dropped(page: Page, room: Chatroom, way: str) -> None:
    page.script(GIVE, way)
    loaded(page)
    assert page.texts(".tray .file-name") == ["note.txt"]


GIVE = """
const data = new DataTransfer();
data.items.add(new File(["words"], "note.txt", { type: "text/plain" }));
const [way] = arguments;
const event = way === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
const target = way === "paste" ? "#panel-room textarea" : "#panel-room .log";
document.querySelector(target).dispatchEvent(event);
"""


def test_a_chosen_picture_is_seen_before_it_goes(
    page: Page, room: Chatroom, tmp_path: Path
) -> None:
    choose(page, tmp_path, "lake.png")
    width = "return document.querySelector('.tray .sight').naturalWidth"
    page.wait(lambda: page.script(width) == 60, "the picture")


def test_the_policy_of_the_page_holds(page: Page, room: Chatroom, tmp_path: Path) -> None:
    given(page, room, photo(name='"><img src=x onerror=alert(1)>'))
    choose(page, tmp_path, "lake.png")
    page.wait(lambda: page.texts(".picture.loaded"), "the picture")
    assert not [line for line in page.complaints() if "Security" in line]
