"""One message as HTML: a bubble with all that hangs on it, or a line about who came and went."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.testing.botapi.contents import contents_from_message, summary_of, text_of
from gateway.testing.botapi.formatting import html_from_text, link
from gateway.testing.botapi.messages import Json
from gateway.testing.botapi.presses import buttons_of

if TYPE_CHECKING:
    from gateway.testing.botapi.chats import Chat

COLOURS = 7
"""Of names; the style sheet has as many."""

NOTHING = SafeString("")


def html_from_message(chat: Chat, message: Json, viewer: int | None, *, first: bool) -> SafeString:
    """A message as ``viewer`` sees it; the ``first`` of several in a row has the name."""
    if service := service_line(message):
        return format_html('<p class="service">{}</p>', service)
    author = author_of(message)
    own = author["id"] == viewer
    named = first and not own and chat.kind != "private"
    parts = [
        _name(author) if named else NOTHING,
        _topic(chat, message),
        _forwarded(message),
        _quoted(chat, message),
        contents_from_message(chat.world.files, message),
        format_html('<div class="text">{}</div>', text) if (text := text_of(message)) else NOTHING,
        _foot(chat, message),
    ]
    side = "own" if own else f"colour{author['id'] % COLOURS}"
    bubble = format_html_join("", "{}", ((part,) for part in parts))
    markup = '<article class="{}"><div class="bubble">{}</div>{}</article>'
    return format_html(markup, side, bubble, _keyboard(message))


def author_of(message: Json) -> Json:
    """Who is named over a message: a person, a bot, a group or a channel."""
    author: Json = message.get("sender_chat") or message.get("from") or message["chat"]
    return author


def name_of(author: Json) -> str:
    """The name of a User or a Chat."""
    names = (author.get("first_name", ""), author.get("last_name", ""))
    return str(author.get("title") or " ".join(filter(None, names)))


def service_line(message: Json) -> str:
    """What is told of somebody or of the chat; empty for what is said."""
    who = name_of(author_of(message))
    if members := message.get("new_chat_members"):
        names = ", ".join(name_of(member) for member in members)
        return f"{names} joined the group" if names == who else f"{who} added {names}"
    if gone := message.get("left_chat_member"):
        return f"{name_of(gone)} left the group"
    if topic := message.get("forum_topic_created"):
        return f"Topic “{topic['name']}” was opened"
    if "migrate_to_chat_id" in message or "migrate_from_chat_id" in message:
        return "The group became a supergroup"
    return ""


def _name(author: Json) -> SafeString:
    tag = SafeString(" <small>bot</small>") if author.get("is_bot") else NOTHING
    return format_html('<div class="name">{}{}</div>', name_of(author), tag)


def _topic(chat: Chat, message: Json) -> SafeString:
    name = chat.topics.get(message.get("message_thread_id", 0))
    return format_html('<div class="topic"># {}</div>', name) if name else NOTHING


def _forwarded(message: Json) -> SafeString:
    origin = message.get("forward_origin")
    if origin is None:
        return NOTHING
    source = origin.get("sender_user") or origin.get("sender_chat") or origin.get("chat")
    name = name_of(source) if source else origin.get("sender_user_name", "")
    return format_html('<div class="forwarded">Forwarded from <b>{}</b></div>', name)


def _quoted(chat: Chat, message: Json) -> SafeString:
    """What it answers, as that is now; of what was said elsewhere only what came along."""
    if outer := message.get("external_reply"):
        return _quote(outer.get("chat", {}), message, summary_of(outer))
    answered = message.get("reply_to_message", {})
    if not answered or "forum_topic_created" in answered:
        return NOTHING
    if not chat.has(answered["message_id"]):
        return format_html('<div class="quoted">{}</div>', "Deleted message")
    answered = chat.message(answered["message_id"])
    return _quote(author_of(answered), message, summary_of(answered))


def _quote(author: Json, message: Json, summary: SafeString) -> SafeString:
    if quote := message.get("quote"):  # a part of it
        summary = html_from_text(quote["text"], quote.get("entities", ()))
    markup = '<div class="quoted colour{}"><b>{}</b><div>{}</div></div>'
    return format_html(markup, author.get("id", 0) % COLOURS, name_of(author), summary)


def _foot(chat: Chat, message: Json) -> SafeString:
    clock = time.strftime("%H:%M", time.localtime(message["date"]))
    when = f"edited {clock}" if "edit_date" in message else clock
    shown = chat.reactions.to(message["message_id"])
    counted = Counter(emoji or "✦" for emojis in shown.values() for emoji in emojis)
    pill = '<span class="reaction">{} <b>{}</b></span>'
    reactions = format_html_join("", pill, counted.items())
    return format_html('<div class="foot">{}<time>{}</time></div>', reactions, when)


def _keyboard(message: Json) -> SafeString:
    if not buttons_of(message):
        return NOTHING
    rows = message["reply_markup"]["inline_keyboard"]
    shown = ((format_html_join("", "{}", ((_key(key),) for key in row)),) for row in rows)
    keys = format_html_join("", '<div class="row">{}</div>', shown)
    return format_html('<div class="keyboard">{}</div>', keys)


def _key(button: Json) -> SafeString:
    shown = link(button["url"], f"{button['text']} ↗") if button.get("url") else button["text"]
    return format_html('<span class="key">{}</span>', shown)
