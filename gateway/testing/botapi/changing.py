"""The methods of the Bot API by which a bot changes what is there, and answers presses."""

from __future__ import annotations

import time
from typing import Any

from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.chats import IN_CHARGE, Chat
from gateway.testing.botapi.errors import ApiFailure, bad_request
from gateway.testing.botapi.messages import Json, checked_caption, checked_text, now, units
from gateway.testing.botapi.parameters import (
    flag,
    markup_in,
    message_in,
    value,
    visible_chat,
    writable_chat,
)
from gateway.testing.botapi.reactions import checked
from gateway.testing.botapi.world import World

DELETABLE_SECONDS = 48 * 3600

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)


async def edit_message_text(world: World, bot: Bot, given: Json) -> Any:
    """editMessageText."""
    text, entities = str(given.get("text", "")), value(given, "entities", list) or []
    if units(text.strip()) > 4096:
        raise bad_request("MESSAGE_TOO_LONG")
    text, entities = checked_text(text, entities)
    chat, message = _editable(world, bot, given)
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    return _edit(chat, message, given, {"text": text, "entities": entities})


async def edit_message_caption(world: World, bot: Bot, given: Json) -> Any:
    """editMessageCaption."""
    entities = value(given, "caption_entities", list) or []
    text, entities = checked_caption(str(given.get("caption", "")), entities)
    chat, message = _editable(world, bot, given)
    if "text" in message:
        raise bad_request("there is no caption in the message to edit")
    return _edit(chat, message, given, {"caption": text, "caption_entities": entities})


async def edit_message_reply_markup(world: World, bot: Bot, given: Json) -> Any:
    """editMessageReplyMarkup."""
    chat, message = _editable(world, bot, given)
    return _edit(chat, message, given, {})


def _editable(world: World, bot: Bot, given: Json) -> tuple[Chat, Json]:
    chat = writable_chat(world, bot, given)
    message = message_in(chat, given, "edit")
    if message.get("from", {}).get("id") != bot.id or "forward_origin" in message:
        raise bad_request("message can't be edited")
    return chat, message


def _edit(chat: Chat, message: Json, given: Json, fields: Json) -> Json:
    fields = fields | {"reply_markup": markup_in(given).get("reply_markup")}
    kept = {name: value for name, value in message.items() if name not in fields}
    changed = kept | {name: value for name, value in fields.items() if value}
    if changed == message:
        raise bad_request(NOT_MODIFIED)
    return chat.replace(changed | {"edit_date": now()})


async def delete_message(world: World, bot: Bot, given: Json) -> Any:
    """deleteMessage."""
    chat = writable_chat(world, bot, given)
    message = message_in(chat, given, "delete")
    _check_deletable(chat, bot, message)
    chat.remove(message["message_id"])
    return True


async def delete_messages(world: World, bot: Bot, given: Json) -> Any:
    """deleteMessages; those that are not there are skipped."""
    chat = writable_chat(world, bot, given)
    numbers = value(given, "message_ids", list)
    if not numbers:
        raise bad_request("message identifiers are not specified")
    messages = [chat.message(number) for number in numbers if chat.has(number)]
    for message in messages:
        _check_deletable(chat, bot, message)
    for message in messages:
        chat.remove(message["message_id"])
    return True


def _check_deletable(chat: Chat, bot: Bot, message: Json) -> None:
    own = message.get("from", {}).get("id") == bot.id
    may = own or chat.kind == "private" or chat.members.get(bot.id) in IN_CHARGE
    if not may or time.time() - message["date"] > DELETABLE_SECONDS:
        raise bad_request("message can't be deleted for everyone")


async def set_message_reaction(world: World, bot: Bot, given: Json) -> Any:
    """setMessageReaction; reactions of bots are told to nobody."""
    chat = visible_chat(world, bot, given)
    reaction = value(given, "reaction", list) or []
    message = message_in(chat, given, "react")
    chat.reactions.set(message["message_id"], bot.id, checked(reaction))
    chat.bell.ring()
    return True


async def answer_callback_query(world: World, bot: Bot, given: Json) -> Any:
    """answerCallbackQuery."""
    number = given.get("callback_query_id")
    if number in (None, ""):
        raise ApiFailure(400, "Bad Request: callback_query_id is empty")
    answer = {"text": str(given.get("text", "")), "show_alert": flag(given, "show_alert")}
    bot.presses_of_people.answer(str(number), answer)
    return True
