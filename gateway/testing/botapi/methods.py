"""The methods of the Bot API that are simulated.

Parameters come as JSON or as a form, so a number may be a text, and a list the JSON of one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.testing.botapi.errors import ApiFailure, bad_request
from gateway.testing.botapi.world import Bot, Chat, Json, World, member_from

MAX_TEXT = 4096
MAX_BYTES = 32768
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Where a webhook needs no TLS: the real server in local mode asks for none either."""

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

GIFTS = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)

GETTING_BY_HOOK = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the"
    " webhook first"
)

_SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")

Method = Callable[[World, Bot, Json], Awaitable[Any]]


async def get_me(world: World, bot: Bot, given: Json) -> Any:
    """getMe."""
    return bot.me()


async def get_updates(world: World, bot: Bot, given: Json) -> Any:
    """getUpdates."""
    if bot.hook.url:
        await bot.updates.refuse(GETTING_BY_HOOK)
    bot.updates.allow(value(given, "allowed_updates", list))
    return await bot.updates.poll(
        value(given, "offset", int) or 0,
        value(given, "limit", int) or 0,
        value(given, "timeout", int) or 0,
    )


async def send_message(world: World, bot: Bot, given: Json) -> Any:
    """sendMessage: text only; entities and markup are kept as they come."""
    text = checked_text(given)
    chat = writable_chat(world, bot, given)
    thread = value(given, "message_thread_id", int)
    if thread is not None and thread not in chat.topics:
        raise bad_request("message thread not found")
    answered = answered_message(chat, given)
    fields: Json = {"text": text}
    if entities := value(given, "entities", list):
        fields["entities"] = entities
    if markup := value(given, "reply_markup", dict):
        fields["reply_markup"] = markup
    return chat.post(bot, fields, reply_to=answered, thread=thread)


def checked_text(given: Json) -> str:
    """The text of a message; raises the 400s. Telegram strips white space at both ends."""
    text = str(given.get("text", ""))
    if not text:
        raise bad_request("message text is empty")
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise bad_request("text is too long")
    text = text.strip()
    if not text:
        raise bad_request("text must be non-empty")
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > MAX_TEXT:
        raise bad_request("message is too long")
    return text


def answered_message(chat: Chat, given: Json) -> int | None:
    """The message that is answered, by the new parameters or the old one."""
    reply = value(given, "reply_parameters", dict) or {}
    number: int | None = value(reply, "message_id", int) or value(given, "reply_to_message_id", int)
    if number is None or chat.has(number):
        return number
    if reply.get("allow_sending_without_reply") or flag(given, "allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


async def send_chat_action(world: World, bot: Bot, given: Json) -> Any:
    """sendChatAction."""
    chat = writable_chat(world, bot, given)
    if given.get("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.actions.append(str(given["action"]))
    chat.bell.ring()
    return True


async def get_chat(world: World, bot: Bot, given: Json) -> Any:
    """getChat."""
    chat = visible_chat(world, bot, given)
    return chat.as_dict() | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(GIFTS, False),
    }


async def get_chat_member(world: World, bot: Bot, given: Json) -> Any:
    """getChatMember."""
    chat = visible_chat(world, bot, given)
    number = value(given, "user_id", int)
    people = {user.id: user for user in (*world.users.values(), *world.bots)}
    if number not in people:
        raise bad_request("invalid user_id specified")
    default = "member" if people[number].is_bot else "left"
    return member_from(people[number], chat.members.get(number, default))


async def get_chat_administrators(world: World, bot: Bot, given: Json) -> Any:
    """getChatAdministrators."""
    chat = visible_chat(world, bot, given)
    if chat.kind == "private":
        raise bad_request("there are no administrators in the private chat")
    people = {user.id: user for user in (*world.users.values(), *world.bots)}
    return [
        member_from(people[number], status)
        for number, status in chat.members.items()
        if status in ("creator", "administrator")
    ]


async def set_webhook(world: World, bot: Bot, given: Json) -> Any:
    """setWebhook."""
    url, secret = str(given.get("url", "")), str(given.get("secret_token", ""))
    parts = urlsplit(url)
    if url and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    bot.updates.allow(value(given, "allowed_updates", list))
    if flag(given, "drop_pending_updates"):
        bot.updates.drop()
    await bot.hook.set(url, secret, value(given, "max_connections", int) or 40)
    return True


async def delete_webhook(world: World, bot: Bot, given: Json) -> Any:
    """deleteWebhook."""
    return await set_webhook(
        world, bot, {"drop_pending_updates": given.get("drop_pending_updates")}
    )


async def get_webhook_info(world: World, bot: Bot, given: Json) -> Any:
    """getWebhookInfo."""
    return bot.hook.info()


async def get_file(world: World, bot: Bot, given: Json) -> Any:
    """getFile."""
    found = world.files.get(str(given.get("file_id")))
    if found is None:
        raise bad_request("invalid file_id")
    return found[0]


METHODS: dict[str, Method] = {
    method.__name__.replace("_", ""): method
    for method in (
        get_me,
        get_updates,
        send_message,
        send_chat_action,
        get_chat,
        get_chat_member,
        get_chat_administrators,
        set_webhook,
        delete_webhook,
        get_webhook_info,
        get_file,
    )
}
"""By their names in small letters: the Bot API does not mind the case."""


def method_named(name: str) -> Method:
    """The method of a name; raises the 404."""
    try:
        return METHODS[name.lower()]
    except KeyError:
        raise ApiFailure(404, "Not Found: method not found") from None


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


def value(given: Json, name: str, kind: type) -> Any:
    """A parameter as what it should be, or None if it is missing; raises the 400."""
    found = given.get(name)
    if found is None or found == "":
        return None
    try:
        found = orjson.loads(found) if isinstance(found, str) and kind is not str else found
    except ValueError:
        found = None
    if not isinstance(found, kind):
        raise bad_request(f"can't parse {name}")
    return found


def flag(given: Json, name: str) -> bool:
    """A parameter that is true or not."""
    return str(given.get(name)).lower() in ("true", "1", "yes")
