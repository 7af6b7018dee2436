"""What the pictures of the page in the documentation show; a test takes them."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Callable
from io import BytesIO
from math import hypot, sin, tau
from pathlib import Path
from typing import Any

from browser import Page
from chatroom import Chatroom

ME = "web:~me"
ANN, BEN, EVE = "telegram:7", "xmpp:ben@example.org", "web:~eve"
BOT = {"id": "gateway", "kind": "bot"}

Story = Callable[[Chatroom], None]


def span(style: str, text: str, part: str, **more: Any) -> dict[str, Any]:
    """A span over the first such part of a text."""
    start = text.index(part)
    return {"style": style, "start": start, "end": start + len(part), **more}


def styled(room: Chatroom, name: str, text: str, parts: dict[str, str], **body: Any) -> None:
    """Say something with styles: which part has which."""
    spans = [span(style, text, part) for part, style in parts.items()]
    room.say(name, text, spans=sorted(spans, key=lambda one: one["start"]), **body)


def conversation(room: Chatroom) -> None:
    """People of three networks plan an evening."""
    room.say("Ann", "Who is in for a film tonight?", id=ANN)
    text = "Me! But not before 20:00, I have to finish this first:"
    styled(room, "Ben", text, {"not before 20:00": "bold", "finish": "italic"}, id=BEN)
    code = "async def chat_message(self, event):\n    await self.reply(event['text'])"
    whole = [{"style": "pre", "start": 0, "end": len(code), "language": "python"}]
    room.say("Ben", code, id=BEN, spans=whole)
    styled(
        room, "me", "Last time the murderer was the gardener", {"the gardener": "spoiler"}, id=ME
    )
    room.tell("reaction", "4", "Ben", by=BEN, emoji=["😂"])
    room.tell("reaction", "4", "Ann", by=ANN, emoji=["😂", "👀"])
    text = "20:00 it is, see https://example.org/cinema"
    styled(room, "Ann", text, {"20:00": "bold"}, id=ANN, reply_to="2")
    room.say("Eve", "I'll bring 🍿", id=EVE, reply_to="1")
    room.tell("edit", "8", "Eve", by=EVE, text="I'll bring popcorn 🍿", attachments=[])
    room.say("me", "🎉", id=ME)


def files(room: Chatroom) -> None:
    """Pictures, a voice, a document, a place, and a file that is gone."""
    for number, (content, kind) in enumerate(
        [
            (picture(640, 420, (70, 120, 190), (250, 190, 120)), "image/png"),
            (picture(420, 420, (40, 120, 90), (230, 220, 120)), "image/png"),
            (picture(420, 420, (160, 60, 30), (255, 200, 80)), "image/png"),
            (sound(), "audio/wav"),
        ]
    ):
        room.files[str(number)] = (content, kind)
    room.say("Ann", "The lake this morning", id=ANN, attachments=[given(0, "lake.png", "photo")])
    album = [given(1, "tent.png", "photo"), given(2, "fire.png", "photo")]
    room.say("Ben", "", id=BEN, attachments=album)
    voice = given(3, "hello.wav", "voice") | {"type": "audio/wav"}
    room.say("Ann", "", id=ANN, attachments=[voice | {"name": ""}])
    document = {"kind": "document", "name": "timetable-2026.pdf", "size": 284_112}
    document |= {"type": "application/pdf", "url": "/media/9/timetable-2026.pdf"}
    room.say("me", "The buses", id=ME, attachments=[document])
    place = {"kind": "location", "latitude": 47.5596, "longitude": 7.5886}
    room.say("Ben", "", id=BEN, attachments=[place])
    lost = {"kind": "video", "name": "sunset.mp4", "size": 812_000_000, "url": None}
    room.say("Eve", "", id=EVE, attachments=[lost])


def given(number: int, name: str, kind: str) -> dict[str, Any]:
    """An attachment of a file of the room's."""
    return {"kind": kind, "name": name, "type": "image/png", "url": f"/media/{number}/{name}"}


def buttons(room: Chatroom) -> None:
    """The bot asks, and answers a press."""
    room.answer = "Noted: a large one."
    room.say("me", "/order", id=ME)
    rows = [
        [{"text": "Small"}, {"text": "Medium"}, {"text": "Large"}],
        [{"text": "The menu", "url": "https://example.org/menu"}],
    ]
    styled(room, "Pizza bot", "Which size?", {"Which size?": "bold"}, **BOT, buttons=rows)


def reactions(room: Chatroom) -> None:
    """Many react."""
    room.say("Ann", "We have a date: Saturday at noon 🎉", id=ANN)
    for name, person, emoji in [
        ("Ben", BEN, ["👍", "🎉"]),
        ("Eve", EVE, ["👍"]),
        ("me", ME, ["👍"]),
        ("Tom", "telegram:9", ["❤️", "🎉"]),
    ]:
        room.tell("reaction", "1", name, by=person, emoji=emoji)
    room.say("Ben", "I'm in", id=BEN)
    room.tell("reaction", "6", "Ann", by=ANN, emoji=["🙏"])
    room.say("me", "So am I", id=ME, reply_to="1")


def picture(width: int, height: int, low: tuple[int, ...], high: tuple[int, ...]) -> bytes:
    """A PNG of a sun over something."""

    def colour(x: int, y: int) -> bytes:
        if hypot(x - width * 0.7, y - height * 0.35) < height * 0.13:
            return bytes((255, 244, 214))
        hill = height * (0.66 + 0.1 * sin(x / width * tau))
        part = y / height if y < hill else 0.15
        return bytes(int(a + (b - a) * part) for a, b in zip(low, high, strict=True))

    rows = b"".join(b"\0" + b"".join(colour(x, y) for x in range(width)) for y in range(height))
    head = struct.pack("!2I5B", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return (
        struct.pack("!I", len(content))
        + name
        + content
        + struct.pack("!I", zlib.crc32(name + content))
    )


def sound(seconds: int = 4, rate: int = 8000) -> bytes:
    """A WAV of a low tone."""
    kept = BytesIO()
    with wave.open(kept, "wb") as file:
        file.setparams((1, 1, rate, 0, "NONE", ""))
        file.writeframes(
            bytes(int(128 + 40 * sin(at / rate * tau * 220)) for at in range(rate * seconds))
        )
    return kept.getvalue()


def press(page: Page) -> None:
    """Press a button, and wait for what it answers."""
    page.script("document.querySelectorAll('button.press')[2].click()")
    page.wait(lambda: any("Noted" in text for text in page.texts(".note")), "the answer")


def point(page: Page) -> None:
    """Have the palette open at the second message."""
    page.script("document.querySelectorAll('.message')[1].focus()")
    page.script("document.querySelector('.tools [title=React]').click()")


PICTURES: dict[str, tuple[Story, Callable[[Page], None]]] = {
    "conversation": (conversation, lambda page: None),
    "files": (files, lambda page: None),
    "buttons": (buttons, press),
    "reactions": (reactions, point),
}
LOOKS = {"": (900, 760, "light"), "-narrow": (390, 800, "light"), "-dark": (900, 760, "dark")}


def take(page: Page, name: str, look: str, to: Path) -> None:
    """Take one picture in one look: for the documentation the first."""
    story, act = PICTURES[name]
    with Chatroom().serving() as room:
        seem(page, *LOOKS[look])
        page.open(f"{room.url}/rooms/lobby/").connected()
        story(room)
        last = [entry for entry in room.log if entry["type"] == "message"][-1]["id"]
        page.wait(lambda: page.script(SETTLED, last), "everything")
        act(page)
        width, height, scheme = LOOKS[look]
        seem(page, width, max(420, height + page.script(OVER)), scheme)
        page.driver.save_screenshot(str(to))
        page.open("about:blank")


SETTLED = """
return document.querySelector(`[data-id="${arguments[0]}"]`) !== null
    && [...document.images].every((one) => one.complete);
"""


OVER = """
const log = document.querySelector(".log");
return log.querySelector(".messages").offsetHeight - log.clientHeight;
"""


def seem(page: Page, width: int, height: int, scheme: str) -> None:
    """Look as on a screen of that size, in light or dark."""
    wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
