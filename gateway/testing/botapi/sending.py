"""The methods of the Bot API by which a bot says something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.chats import Chat
from gateway.testing.botapi.errors import bad_request
from gateway.testing.botapi.files import media
from gateway.testing.botapi.messages import Json, checked_caption, checked_text
from gateway.testing.botapi.parameters import (
    answered_message,
    attached,
    flag,
    markup_in,
    thread_in,
    value,
    writable_chat,
)
from gateway.testing.botapi.people import poll
from gateway.testing.botapi.world import World

Method = Callable[[World, Bot, Json], Awaitable[Any]]

ACTIONS = frozenset(
    (
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    )
)

ABOUT_FILES = ("width", "height", "duration", "length", "performer", "title", "emoji")
"""Parameters that are fields of the file."""

WITHOUT_CAPTION = ("sticker", "video_note")


async def send_message(world: World, bot: Bot, given: Json) -> Any:
    """sendMessage; a ``parse_mode`` is not understood."""
    entities = value(given, "entities", list) or []
    text, entities = checked_text(str(given.get("text", "")), entities)
    return post(world, bot, given, {"text": text} | ({"entities": entities} if entities else {}))


def sends(kind: str) -> Method:
    """sendPhoto and its like."""

    async def send(world: World, bot: Bot, given: Json) -> Any:
        writable_chat(world, bot, given)  # before the file is looked at
        return post(world, bot, given, fields_of_file(world, kind, given, given.get(kind), given))

    return send


def fields_of_file(world: World, kind: str, given: Json, file: Any, about: Json) -> Json:
    """The fields of a message that holds a file; raises the 400s."""
    kept, upload = world.files.take(kind, attached(given, file))
    names = {"file_name": upload.name, "mime_type": upload.type} if upload is not None else {}
    more = {name: value(about, name, _kind_of(name)) for name in ABOUT_FILES if name in about}
    if kind == "photo":
        names = {}
    return media(kind, kept, **names, **more) | _caption(kind, about)


def _kind_of(name: str) -> type:
    return str if name in ("performer", "title", "emoji") else int


def _caption(kind: str, about: Json) -> Json:
    if kind in WITHOUT_CAPTION:
        return {}
    entities = value(about, "caption_entities", list) or []
    text, entities = checked_caption(str(about.get("caption", "")), entities)
    fields: Json = {"caption": text} if text else {}
    return fields | ({"caption_entities": entities} if entities else {})


async def send_media_group(world: World, bot: Bot, given: Json) -> Any:
    """sendMediaGroup."""
    writable_chat(world, bot, given)
    items = value(given, "media", list) or []
    if not 2 <= len(items) <= 10:
        raise bad_request("an album must have from 2 to 10 media")
    album = {"media_group_id": str(next(world.numbers))}
    found = [fields_of_file(world, item["type"], given, item["media"], item) for item in items]
    return [post(world, bot, given, fields | album) for fields in found]


async def send_location(world: World, bot: Bot, given: Json) -> Any:
    """sendLocation."""
    place = {name: value(given, name, float) for name in ("latitude", "longitude")}
    if None in place.values():
        raise bad_request("latitude or longitude is empty")
    return post(world, bot, given, {"location": place})


async def send_contact(world: World, bot: Bot, given: Json) -> Any:
    """sendContact."""
    names = ("phone_number", "first_name", "last_name")
    contact = {name: str(given[name]) for name in names if given.get(name)}
    if not {"phone_number", "first_name"} <= contact.keys():
        raise bad_request("phone number or first name is empty")
    return post(world, bot, given, {"contact": contact})


async def send_poll(world: World, bot: Bot, given: Json) -> Any:
    """sendPoll."""
    options = [
        str(option["text"] if isinstance(option, dict) else option)
        for option in value(given, "options", list) or []
    ]
    if len(options) < 2:
        raise bad_request("poll must have at least 2 option")
    asked = poll(next(world.numbers), str(given.get("question", "")), options)
    return post(world, bot, given, {"poll": asked})


async def send_chat_action(world: World, bot: Bot, given: Json) -> Any:
    """sendChatAction."""
    chat = writable_chat(world, bot, given)
    if given.get("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.actions.append(str(given["action"]))
    chat.bell.ring()
    return True


def post(world: World, bot: Bot, given: Json, fields: Json) -> Json:
    """Put a bot's message into its chat; raises the 400s and 403s."""
    chat: Chat = writable_chat(world, bot, given)
    thread = thread_in(chat, given)
    answered = answered_message(chat, given)
    fields = fields | markup_in(given)
    if preview := value(given, "link_preview_options", dict):
        fields["link_preview_options"] = preview
    if flag(given, "protect_content"):
        fields["has_protected_content"] = True
    return chat.post(bot, fields, reply_to=answered, thread=thread)
