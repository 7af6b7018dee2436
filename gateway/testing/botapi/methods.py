"""The methods of the Bot API that are simulated, by name.

Those by which a bot asks and sets its webhook are here; ``sending`` and ``changing`` have the
others.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from gateway.testing.botapi import changing, sending
from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.chats import IN_CHARGE, member_from
from gateway.testing.botapi.errors import ApiFailure, bad_request
from gateway.testing.botapi.files import PLACES
from gateway.testing.botapi.messages import Json
from gateway.testing.botapi.parameters import flag, value, visible_chat
from gateway.testing.botapi.sending import Method
from gateway.testing.botapi.world import World

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Where a webhook needs no TLS: the real server in local mode asks for none either."""

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


async def get_user_profile_photos(world: World, bot: Bot, given: Json) -> Any:
    """getUserProfilePhotos."""
    user = world.users.get(value(given, "user_id", int) or 0)
    if user is None:
        raise bad_request("user not found")
    start, limit = value(given, "offset", int) or 0, value(given, "limit", int) or 100
    return {"total_count": len(user.photos), "photos": user.photos[start : start + limit]}


async def get_chat_administrators(world: World, bot: Bot, given: Json) -> Any:
    """getChatAdministrators."""
    chat = visible_chat(world, bot, given)
    if chat.kind == "private":
        raise bad_request("there are no administrators in the private chat")
    people = {user.id: user for user in (*world.users.values(), *world.bots)}
    return [
        member_from(people[number], status)
        for number, status in chat.members.items()
        if status in IN_CHARGE
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
    return world.files.get(str(given.get("file_id")))


METHODS: dict[str, Method] = {
    method.__name__.replace("_", ""): method
    for method in (
        get_me,
        get_updates,
        sending.send_message,
        sending.send_media_group,
        sending.send_location,
        sending.send_contact,
        sending.send_poll,
        sending.send_chat_action,
        changing.edit_message_text,
        changing.edit_message_caption,
        changing.edit_message_reply_markup,
        changing.delete_message,
        changing.delete_messages,
        changing.set_message_reaction,
        changing.answer_callback_query,
        get_chat,
        get_chat_member,
        get_chat_administrators,
        get_user_profile_photos,
        set_webhook,
        delete_webhook,
        get_webhook_info,
        get_file,
    )
} | {f"send{kind.replace('_', '')}": sending.sends(kind) for kind in PLACES}
"""By their names in small letters: the Bot API does not mind the case."""


def method_named(name: str) -> Method:
    """The method of a name; raises the 404."""
    try:
        return METHODS[name.lower()]
    except KeyError:
        raise ApiFailure(404, "Not Found: method not found") from None
