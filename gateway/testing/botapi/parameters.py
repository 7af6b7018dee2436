"""The parameters of requests, read as the Bot API reads them.

They come as JSON or as a form, so a number may be a text, and a list the JSON of one.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.chats import Chat
from gateway.testing.botapi.errors import ApiFailure, bad_request
from gateway.testing.botapi.files import Upload
from gateway.testing.botapi.messages import Json
from gateway.testing.botapi.presses import checked_markup
from gateway.testing.botapi.world import World


async def parameters_from(request: web.Request) -> Json:
    """The parameters of a request, from its query and its body; files are ``Upload``."""
    given: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = orjson.loads(await request.read() or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ApiFailure(400, "Bad Request: can't parse JSON object")
        return given | body
    if request.can_read_body:
        try:
            form = await request.post()
        except web.HTTPRequestEntityTooLarge:
            raise ApiFailure(413, "Request Entity Too Large") from None
        given |= {name: _field(field) for name, field in form.items()}
    return given


def _field(field: Any) -> Any:
    if isinstance(field, web.FileField):
        return Upload(field.filename, field.content_type, field.file.read())
    return field


def value(given: Json, name: str, kind: type) -> Any:
    """A parameter as what it should be, or None if it is missing; raises the 400."""
    found = given.get(name)
    if found is None or found == "":
        return None
    try:
        found = orjson.loads(found) if isinstance(found, str) and kind is not str else found
    except ValueError:
        found = None
    if kind is float and isinstance(found, int):
        found = float(found)
    if not isinstance(found, kind):
        raise bad_request(f"can't parse {name}")
    return found


def flag(given: Json, name: str) -> bool:
    """A parameter that is true or not."""
    return str(given.get(name)).lower() in ("true", "1", "yes")


def attached(given: Json, name: Any) -> Any:
    """What ``attach://name`` stands for; anything else as it is."""
    if isinstance(name, str) and name.startswith("attach://"):
        return given.get(name.removeprefix("attach://"))
    return name


def visible_chat(world: World, bot: Bot, given: Json) -> Chat:
    """The chat that is asked about; raises the 400."""
    if given.get("chat_id") in (None, ""):
        raise bad_request("chat_id is empty")
    return world.find(bot, given["chat_id"])


def writable_chat(world: World, bot: Bot, given: Json) -> Chat:
    """The same, where the bot may write; raises the 400s and 403s."""
    chat = visible_chat(world, bot, given)
    chat.check_writable(bot)
    return chat


def thread_in(chat: Chat, given: Json) -> int | None:
    """The topic that is written to; raises the 400."""
    thread: int | None = value(given, "message_thread_id", int)
    if thread is not None and thread not in chat.topics:
        raise bad_request("message thread not found")
    return thread


def answered_message(chat: Chat, given: Json) -> int | None:
    """The message that is answered, by the new parameters or the old one."""
    reply = value(given, "reply_parameters", dict) or {}
    number: int | None = value(reply, "message_id", int) or value(given, "reply_to_message_id", int)
    if number is None or chat.has(number):
        return number
    if reply.get("allow_sending_without_reply") or flag(given, "allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def message_in(chat: Chat, given: Json, what: str) -> Json:
    """The message that is meant; raises ``message to edit not found`` and its like."""
    number = value(given, "message_id", int)
    if number is None or not chat.has(number):
        raise bad_request(f"message to {what} not found")
    return chat.message(number)


def markup_in(given: Json) -> Json:
    """The reply_markup as a field of a message; none if there is none."""
    markup = value(given, "reply_markup", dict)
    return {"reply_markup": checked_markup(markup)} if markup else {}
