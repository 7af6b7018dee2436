"""Updates of the Bot API to arrivals. Nothing here performs I/O.

An update is read as the dict that its JSON is. One that cannot be read raises ``Unreadable``
and nothing else, so that it can be set aside while the others go on. ``calls`` is the way back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from gateway.delivery.server import Arrival
from gateway.vocabulary.events import Attachment, Event, Quoted
from gateway.vocabulary.spans import Styled, clean_styled, join, replace, without_spoilers
from gateway.vocabulary.text import clean
from protocols.telegram.attachments import attachments_from_message, field_of
from protocols.telegram.authors import (
    Identity,
    author_from_message,
    author_from_reaction,
    author_from_user,
    name_from_origin,
    party_from_origin,
)
from protocols.telegram.calls import calls_from_event
from protocols.telegram.places import (
    chat_from_payload,
    facts_from_chat,
    facts_from_key,
    key_from_chat,
    key_with_chat,
    place_from_key,
)
from protocols.telegram.reactions import emoji_from_types
from protocols.telegram.reading import Unreadable, integer, or_none, stored, string
from protocols.telegram.text import spans_from_entities

__all__ = [
    "ALLOWED_UPDATES",
    "Identity",
    "Unreadable",
    "arrivals_from_update",
    "author_from_user",
    "calls_from_event",
    "facts_from_key",
    "key_with_chat",
    "migration_from_update",
    "place_from_key",
    "stored",
    "text_from_command",
]

ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "message_reaction",
    "message_reaction_count",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "inline_query",
    "chat_join_request",
)
"""What we ask for. The Bot API drops every other kind when it happens, not when it is fetched."""

MESSAGES = {
    "message": "telegram.message",
    "channel_post": "telegram.message",
    "edited_message": "telegram.edit",
    "edited_channel_post": "telegram.edit",
}

PRESENT = frozenset({"creator", "administrator", "member", "restricted"})

QUOTED = 400
"""Code points that are told of a message that is answered."""

_COMMAND = re.compile(r"(/[A-Za-z0-9_]{1,64})@([A-Za-z0-9_]{1,64})(?!\S)")


def arrivals_from_update(update: Any, us: Identity) -> list[Arrival]:
    """Translate one update: one arrival, or one for each person of a joining crowd.

    Raises ``Unreadable`` and nothing else.
    """
    try:
        return _arrivals(update, us)
    except Unreadable:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise Unreadable(clean(f"{type(error).__name__}: {error}")) from error


def _arrivals(update: Any, us: Identity) -> list[Arrival]:
    delivery = str(integer(update["update_id"]))
    kind, payload = next(pair for pair in [*update.items(), ("", None)] if pair[0] != "update_id")
    chat = chat_from_payload(payload)
    conversation = key_from_chat(chat, payload, us)
    facts = facts_from_chat(chat, conversation, us)
    events = events_from_payload(kind, payload, conversation, us)
    events = events or [{"type": "telegram.update", "raw": stored(update)}]
    if kind in MESSAGES and "id" in events[0]:
        events[0]["raw"] = stored(update)
    # The others of a crowd need ids of their own: the inbox drops what it has seen.
    return [
        Arrival(conversation, facts, event, f"{delivery}.{number}" if number else delivery)
        for number, event in enumerate(events)
    ]


def events_from_payload(kind: str, payload: Any, conversation: str, us: Identity) -> list[Event]:
    """Translate the one thing that an update holds; empty if no common kind can say it."""
    match kind:
        case "message" | "channel_post" | "edited_message" | "edited_channel_post":
            attachments = attachments_from_message(payload, us)
            if attachments is not None:
                return [message_event(MESSAGES[kind], payload, attachments, us)]
            return notices_from_message(payload, us) if kind == "message" else []
        case "message_reaction":
            return [reaction_event(payload, us)]
        case "callback_query":
            return actions_from_query(payload, conversation, us)
        case "my_chat_member" | "chat_member":
            return notices_from_change(payload, us)
    return []


# Messages


def message_event(
    name: str, message: Mapping[str, Any], attachments: list[Attachment], us: Identity
) -> Event:
    """Translate a message with something in it; its caption is its text."""
    (text, spans), foreign = _without_our_name(styled_from_message(message), us.username)
    author = author_from_message(message, us)
    if origin := message.get("forward_origin"):
        text, spans = _forwarded((text, spans), origin, author["id"])
    event: Event = {
        "type": name,
        "id": str(integer(message["message_id"])),
        "text": text,
        "author": author,
        "attachments": attachments,
        "reply_to": _reply_to(message),
        "at": float(integer(message.get("edit_date") or message["date"])),
    }
    if spans:
        event["spans"] = spans
    if quoted := or_none(quoted_from_message, message, us):
        event["quoted"] = quoted
    if album := message.get("media_group_id"):
        event["album"] = clean(string(album))
    if foreign:
        event["foreign"] = True
    return event


def styled_from_message(message: Mapping[str, Any]) -> Styled:
    """The words of a message and how they are shown."""
    if "text" in message:
        words, entities = string(message["text"]), message.get("entities")
    else:
        words, entities = string(message.get("caption", "")), message.get("caption_entities")
    if not entities:
        return clean(words), []
    return clean_styled(words, spans_from_entities(words, entities))


def text_from_command(text: str, username: str) -> tuple[str, bool]:
    """Strip our name from ``/order@OurBot``; the second word is whether it names another bot."""
    if not text.startswith("/") or (found := _COMMAND.match(text)) is None:
        return text, False
    if found[2].lower() != username.lower():
        return text, bool(username)
    return found[1] + text[found.end() :], False


def _without_our_name(said: Styled, username: str) -> tuple[Styled, bool]:
    text, foreign = text_from_command(said[0], username)
    if not said[1] or not (name := len(said[0]) - len(text)):
        return (text, said[1]), foreign
    start = said[0].index("@")
    return replace(*said, start, start + name, ""), foreign


def _forwarded(said: Styled, origin: Mapping[str, Any], author: str) -> Styled:
    """The words with a line before them that says whose they are, unless they are the author's."""
    if f"telegram:{party_from_origin(origin).get('id')}" == author:
        return said
    line = f"Forwarded from {name_from_origin(origin)}"
    return join((f"{line}:\n" if said[0] else line, []), said)


def _answered(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The message that is answered.

    In a topic each message "answers" the service message that opened it, which nobody meant.
    """
    answered = message.get("reply_to_message")
    if not answered:
        return None
    number = integer(answered["message_id"])
    if message.get("is_topic_message") and number == message.get("message_thread_id"):
        return None
    return answered  # type: ignore[no-any-return]


def _reply_to(message: Mapping[str, Any]) -> str | None:
    answered = _answered(message)
    return None if answered is None else str(answered["message_id"])


def quoted_from_message(message: Mapping[str, Any], us: Identity) -> Quoted | None:
    """The beginning of what is answered, or the part that its author chose; of other chats too."""
    if (answered := _answered(message)) is not None:
        name = author_from_message(answered, us)["name"]
    elif answered := message.get("external_reply"):
        name = name_from_origin(answered["origin"])
    else:
        return None
    quote = message.get("quote") or {}
    words = without_spoilers(*styled_from_message(quote if quote.get("text") else answered))
    words = words or f"[{field_of(answered) or 'message'}]"
    return {"author": name, "text": clean(words)[:QUOTED]}


# What is done to messages


def reaction_event(reaction: Mapping[str, Any], us: Identity) -> Event:
    """Translate a MessageReactionUpdated: all that somebody shows now."""
    return {
        "type": "telegram.reaction",
        "id": str(integer(reaction["message_id"])),
        "author": author_from_reaction(reaction, us),
        "emoji": [clean(string(word)) for word in emoji_from_types(reaction["new_reaction"])],
        "at": float(integer(reaction["date"])),
    }


def actions_from_query(query: Mapping[str, Any], conversation: str, us: Identity) -> list[Event]:
    """Translate a press of one of our buttons; nothing if it is none of ours.

    The Bot API does not say when it was pressed, so that is when it came.
    """
    data, message = query.get("data"), query.get("message")
    if not message or not isinstance(data, str) or not (data.isascii() and data.isdecimal()):
        return []
    action: Event = {
        "type": "telegram.action",
        "id": str(integer(message["message_id"])),
        "button": data,
        "data": None,  # the ledger knows
        "author": author_from_user(query["from"], us),
        "token": f"{conversation}|{clean(string(query['id']))}",
        "at": time.time(),
    }
    return [action]


# Coming and going


def notices_from_message(message: Mapping[str, Any], us: Identity) -> list[Event]:
    """Translate who came and who went, as service messages tell it.

    Our own coming and going is told by ``my_chat_member`` too, and only there when we are thrown
    out; so it is left to that.
    """
    for kind, people in (
        ("telegram.join", message.get("new_chat_members")),
        (
            "telegram.leave",
            [message["left_chat_member"]] if "left_chat_member" in message else None,
        ),
    ):
        if people is not None:
            authors = (author_from_user(person, us) for person in people if person["id"] != us.id)
            return [{"type": kind, "author": author} for author in authors]
    return []


def notices_from_change(change: Mapping[str, Any], us: Identity) -> list[Event]:
    """Translate a change of membership; a mere change of rights gives nothing."""
    before, after = (_present(change[side]) for side in ("old_chat_member", "new_chat_member"))
    if before == after:
        return []
    author = author_from_user(change["new_chat_member"]["user"], us)
    return [{"type": "telegram.join" if after else "telegram.leave", "author": author}]


def _present(member: Mapping[str, Any]) -> bool:
    return member["status"] in PRESENT and member.get("is_member", True) is not False


def migration_from_update(update: Any, us: Identity) -> tuple[str, str] | None:
    """The old and the new key of a group that became a supergroup, if that is what it tells."""
    try:
        message = update["message"]
        new = message["migrate_to_chat_id"]
        old = f"telegram:{us.account}:{integer(message['chat']['id'])}"
        return old, key_with_chat(old, integer(new))
    except (LookupError, TypeError, ValueError):
        return None
