"""Updates of the Bot API to arrivals, and events to calls. Nothing here performs I/O.

An update is read as the dict that its JSON is. One that cannot be read raises ``Unreadable``
and nothing else, so that it can be set aside while the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.delivery.server import Arrival
from gateway.vocabulary.errors import UnknownEvent
from gateway.vocabulary.events import Author, Bot, Chat, Event, Facts, kind_of
from gateway.vocabulary.ids import key_parts
from gateway.vocabulary.text import clean, clean_name

MAX_TEXT = 4096
"""UTF-16 code units of one message (Bot API, sendMessage)."""

ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "my_chat_member",
    "callback_query",
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

# An animation comes with a document and a venue with a location, for old clients: the first
# that is there says what the message is.
MEDIA = (
    "photo",
    "animation",
    "venue",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "video_note",
    "story",
    "paid_media",
    "contact",
    "location",
    "poll",
    "dice",
    "game",
)

CHAT_KINDS = {
    "private": "private",
    "group": "group",
    "supergroup": "group",
    "channel": "channel",
}

PRESENT = frozenset({"creator", "administrator", "member", "restricted"})

DEEPEST = 64
"""Levels of nesting kept of a payload that has to be cleaned."""

_COMMAND = re.compile(r"(/[A-Za-z0-9_]{1,64})@([A-Za-z0-9_]{1,64})(?!\S)")


class Unreadable(ValueError):
    """An update that is not what the Bot API describes; the text says where."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: the account's name in the configuration, and the bot as getMe tells it."""

    account: str
    id: int
    name: str = ""
    username: str = ""

    @property
    def bot(self) -> Bot:
        """The bot as a scope shows it."""
        return {"id": f"telegram:{self.id}", "name": self.name or self.username}


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
    delivery = str(_integer(update["update_id"]))
    kind, payload = next(pair for pair in [*update.items(), ("", None)] if pair[0] != "update_id")
    chat = chat_from_payload(payload)
    conversation = key_from_chat(chat, payload, us)
    facts = facts_from_chat(chat, conversation, us)
    events = events_from_payload(kind, payload, update, us)
    # The others of a crowd need ids of their own: the inbox drops what it has seen.
    return [
        Arrival(conversation, facts, event, f"{delivery}.{number}" if number else delivery)
        for number, event in enumerate(events)
    ]


def events_from_payload(kind: str, payload: Any, update: Any, us: Identity) -> list[Event]:
    """Translate the one thing that an update holds; never empty."""
    if kind in MESSAGES and (attachments := _attachments(payload)) is not None:
        return [message_event(MESSAGES[kind], payload, attachments, update, us)]
    if kind == "message":
        events = notices_from_message(payload, us)
    elif kind in ("my_chat_member", "chat_member"):
        events = notices_from_change(payload, us)
    else:
        events = []
    return events or [{"type": "telegram.update", "raw": stored(update)}]


def message_event(
    name: str, message: Any, attachments: list[dict[str, str]], update: Any, us: Identity
) -> Event:
    """Translate a message with something in it; its caption is its text."""
    words = message["text"] if "text" in message else message.get("caption", "")
    text, foreign = text_from_command(clean(_string(words)), us.username)
    event: Event = {
        "type": name,
        "id": str(_integer(message["message_id"])),
        "text": text,
        "author": author_from_message(message, us),
        "attachments": attachments,
        "reply_to": _reply_to(message),
        "at": float(_integer(message.get("edit_date") or message["date"])),
        "raw": stored(update),
    }
    if foreign:
        event["foreign"] = True
    return event


def _attachments(message: Mapping[str, Any]) -> list[dict[str, str]] | None:
    """What a message carries besides words; None if it carries neither: a service message."""
    if "text" in message:
        return []
    for kind in MEDIA:
        if kind in message:
            return [{"kind": kind}]
    return [] if "caption" in message else None


def text_from_command(text: str, username: str) -> tuple[str, bool]:
    """Strip our name from ``/order@OurBot``; the second word is whether it names another bot."""
    if not text.startswith("/") or (found := _COMMAND.match(text)) is None:
        return text, False
    if found[2].lower() != username.lower():
        return text, bool(username)
    return found[1] + text[found.end() :], False


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


def author_from_message(message: Mapping[str, Any], us: Identity) -> Author:
    """Who said it: the chat in whose name it was said, else the person, else the chat itself.

    ``from`` of what a channel or an anonymous administrator says is a stand-in (777000,
    GroupAnonymousBot), so ``sender_chat`` goes first.
    """
    if speaker := message.get("sender_chat"):
        return author_from_chat(speaker)
    if speaker := message.get("from"):
        return author_from_user(speaker, us)
    return author_from_chat(message["chat"])


def author_from_user(user: Mapping[str, Any], us: Identity) -> Author:
    """Translate a User."""
    number = _integer(user["id"])
    is_bot = user.get("is_bot") is True
    return {
        "id": f"telegram:{number}",
        "name": _name(user) or str(number),
        "handle": _handle(user),
        "kind": "bot" if is_bot else "person",
        "private": None if is_bot else f"telegram:{us.account}:{number}",
    }


def author_from_chat(chat: Mapping[str, Any]) -> Author:
    """Translate a chat that speaks."""
    number = _integer(chat["id"])
    return {
        "id": f"telegram:{number}",
        "name": _name(chat) or str(number),
        "handle": _handle(chat),
        "kind": "chat",
        "private": None,
    }


def _name(party: Mapping[str, Any]) -> str:
    words = (party.get("title"), party.get("first_name"), party.get("last_name"))
    name = " ".join(_string(word) for word in words if word)
    return clean_name(name) or _handle(party) or ""


def _handle(party: Mapping[str, Any]) -> str | None:
    return clean(_string(party["username"])) if party.get("username") else None


def _reply_to(message: Mapping[str, Any]) -> str | None:
    """The message that is answered.

    In a topic each message "answers" the service message that opened it, which nobody meant.
    """
    if not (answered := message.get("reply_to_message")):
        return None
    number = _integer(answered["message_id"])
    if message.get("is_topic_message") and number == message.get("message_thread_id"):
        return None
    return str(number)


def chat_from_payload(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The chat that an update is about; what has none is about the private chat of its person."""
    if chat := payload.get("chat") or (payload.get("message") or {}).get("chat"):
        return chat  # type: ignore[no-any-return]
    if user := payload.get("from") or payload.get("user"):
        return {**user, "type": "private"}
    raise Unreadable("the update is about no chat")


def key_from_chat(chat: Mapping[str, Any], payload: Mapping[str, Any], us: Identity) -> str:
    """The conversation: a forum's topics are conversations of their own."""
    key = f"telegram:{us.account}:{_integer(chat['id'])}"
    message = payload.get("message") or payload
    if message.get("is_topic_message") is True:
        return f"{key}:{_integer(message['message_thread_id'])}"
    return key


def facts_from_chat(chat: Mapping[str, Any], conversation: str, us: Identity) -> Facts:
    """Translate a Chat to what the gateway knows of the conversation."""
    number = _integer(chat["id"])
    kind = CHAT_KINDS[_string(chat["type"])]
    title = _name(chat)
    return _facts(
        {"id": str(number), "kind": kind, "title": title},  # type: ignore[typeddict-item]
        place_from_key(conversation)[1],
        author_from_user(chat, us) if kind == "private" else None,
        us,
    )


def facts_from_key(conversation: str, us: Identity) -> Facts:
    """What the key alone tells; raises ``ValueError`` if it is no key of ours."""
    number, thread = place_from_key(conversation)
    user = author_from_user({"id": number}, us) if number > 0 else None
    kind = "private" if number > 0 else "group"
    chat: Chat = {"id": str(number), "kind": kind, "title": ""}  # type: ignore[typeddict-item]
    return _facts(chat, thread, user, us)


def _facts(chat: Chat, thread: int | None, user: Author | None, us: Identity) -> Facts:
    return {
        "bot": us.bot,
        "chat": chat,
        "thread": None if thread is None else str(thread),
        "user": user,
        "extensions": {
            "message": {"max_text": MAX_TEXT, "unit": "utf16"},
            "reply": {},
            "typing": {},
        },
    }


def place_from_key(conversation: str) -> tuple[int, int | None]:
    """The chat and the topic of a conversation; raises ``ValueError`` if it is no key of ours."""
    key = key_parts(conversation)
    chat, _, thread = key.place.partition(":")
    try:
        place = int(chat), int(thread) if thread else None
    except ValueError:
        place = 0, None
    if key.protocol != "telegram" or not place[0]:
        raise ValueError(
            f"{conversation!r} is not a Telegram conversation (telegram:account:chat[:thread])"
        )
    return place


def key_with_chat(conversation: str, chat: int) -> str:
    """The key of the same conversation after its group became the supergroup ``chat``."""
    return f"telegram:{key_parts(conversation).account}:{chat}"


def migration_from_update(update: Any, us: Identity) -> tuple[str, str] | None:
    """The old and the new key of a group that became a supergroup, if that is what it tells."""
    try:
        message = update["message"]
        new = message["migrate_to_chat_id"]
        old = f"telegram:{us.account}:{_integer(message['chat']['id'])}"
        return old, key_with_chat(old, _integer(new))
    except (LookupError, TypeError, ValueError):
        return None


def calls_from_event(conversation: str, event: Event) -> list[tuple[str, dict[str, Any]]]:
    """The methods of the Bot API, with their parameters, that put an event on the wire.

    Never a ``parse_mode``: what people write is not markup. Raises ``UnknownEvent``.
    """
    chat, thread = place_from_key(conversation)
    parameters: dict[str, Any] = {"chat_id": chat}
    if thread is not None:
        parameters["message_thread_id"] = thread
    match kind_of(event):
        case "message":
            return [("sendMessage", parameters | _message_parameters(event))]
        case "typing":
            return [("sendChatAction", parameters | {"action": "typing"})]
    raise UnknownEvent(f"{event['type']!r} cannot be sent to Telegram; message and typing can")


def _message_parameters(event: Event) -> dict[str, Any]:
    parameters: dict[str, Any] = {"text": event["text"]}
    answered = event.get("reply_to")
    # An id that is none of Telegram's must not keep the answer from being sent.
    if isinstance(answered, str) and answered.isdecimal():
        parameters["reply_parameters"] = {
            "message_id": int(answered),
            "allow_sending_without_reply": True,
        }
    return parameters


def stored(payload: Any) -> Any:
    """Return ``payload`` as any database can hold it; the same object if it needs nothing."""
    try:
        if b"\\u00" not in orjson.dumps(payload):
            return payload
    except TypeError:
        pass
    return _cleaned(payload, DEEPEST)


def _cleaned(value: Any, depth: int) -> Any:
    if depth == 0:
        return None
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(str(key)): _cleaned(item, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item, depth - 1) for item in value]
        case bool() | float() | None:
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
    return clean(str(value))


def _integer(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise Unreadable(f"{type(value).__name__} where a whole number should be")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{type(value).__name__} where text should be")
    return value
