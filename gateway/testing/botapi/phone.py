"""What a person would see of a simulated chat on their phone, as a page without scripts.

``/chats`` lists the chats, ``/chats/<chat id>`` shows one; with ``?as=<user id>`` as that person
sees it, whose own messages are on the right.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.testing.botapi.bubbles import author_of, html_from_message, name_of, service_line
from gateway.testing.botapi.contents import picture
from gateway.testing.botapi.messages import Json

if TYPE_CHECKING:
    from gateway.testing.botapi.chats import Chat
    from gateway.testing.botapi.world import World

STYLE = SafeString(Path(__file__).with_name("phone.css").read_text(encoding="utf-8"))
SHOWN = 200
"""Messages; the last ones."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{}</title>
<style>{}</style>
</head>
<body>
<header><h1>{}</h1><p>{}</p></header>
<main>{}</main>
<footer>A view of the simulated Bot API, for tests. This is not Telegram.</footer>
</body>
</html>
"""


class Phone:
    """The pages of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/chats", self._list)
        router.add_get("/chats/{chat}", self._chat)
        router.add_get("/chats/files/{file_id}", self._file)

    @property
    def chats(self) -> dict[int, Chat]:
        """All there are; a person's private chat is the one with the first bot."""
        found: dict[int, Chat] = {}
        for bot in reversed(self._world.bots):
            found |= bot.privates
        return found | self._world.chats

    async def _list(self, request: web.Request) -> web.Response:
        lines = ((chat.id, title_of(chat), chat.kind) for chat in self.chats.values())
        line = '<p class="chat"><a href="/chats/{}">{}</a> {}</p>'
        return page("Chats", "", format_html_join("", line, lines))

    async def _chat(self, request: web.Request) -> web.Response:
        chat = self.chats.get(number_from(request.match_info["chat"], "chat id"))
        if chat is None:
            raise web.HTTPNotFound(text="There is no such chat; /chats lists those there are.")
        viewer = chat.id if chat.kind == "private" else None
        if "as" in request.query:
            viewer = number_from(request.query["as"], "user id")
        return page(title_of(chat), about(chat), html_from_chat(chat, viewer))

    async def _file(self, request: web.Request) -> web.Response:
        found = picture(self._world.files, request.match_info["file_id"])
        if found is None:
            raise web.HTTPNotFound(text="There is no such picture.")
        kind, content = found
        return web.Response(body=content, content_type=kind, headers=HEADERS)


def page(title: str, about: str, content: SafeString) -> web.Response:
    """A whole page."""
    text = format_html(PAGE, title, STYLE, title, about, content)
    return web.Response(text=text, content_type="text/html", headers=HEADERS)


def html_from_chat(chat: Chat, viewer: int | None) -> SafeString:
    """The last messages of a chat, with a line before each new day."""
    parts: list[SafeString] = []
    before: Json = {}
    for message in chat.history[-SHOWN:]:
        if day_of(message) != day_of(before):
            parts.append(format_html('<p class="service">{}</p>', day_of(message)))
        first = not before or service_line(before) or author_of(before) != author_of(message)
        parts.append(html_from_message(chat, message, viewer, first=bool(first)))
        before = message
    return format_html_join("", "{}\n", ((part,) for part in parts))


def day_of(message: Json) -> str:
    """The day of a message, in words."""
    return time.strftime("%d %B %Y", time.localtime(message["date"])) if message else ""


def title_of(chat: Chat) -> str:
    """What a chat is called."""
    return name_of(chat.as_dict())


def about(chat: Chat) -> str:
    """The line under the title."""
    if chat.kind == "private":
        return "private chat with a bot"
    here = sum(status not in ("left", "kicked") for status in chat.members.values())
    return f"{chat.kind}, {here} member{'' if here == 1 else 's'}"


def number_from(word: str, what: str) -> int:
    """The number in an address; raises the 400."""
    try:
        return int(word)
    except ValueError:
        raise web.HTTPBadRequest(text=f"A {what} is a number.") from None
