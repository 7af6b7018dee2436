"""The chats of Telegram as conversations: their keys, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.vocabulary.events import Author, Chat, Facts
from gateway.vocabulary.ids import key_parts
from gateway.vocabulary.nesting import STYLES
from protocols.telegram.attachments import MAX_CAPTION, MAX_UPLOAD
from protocols.telegram.authors import Identity, author_from_user, name_from
from protocols.telegram.reactions import MOST, SHOWN
from protocols.telegram.reading import Unreadable, integer, string

MAX_TEXT = 4096
"""UTF-16 code units of one message (Bot API, sendMessage)."""

DELETE_SECONDS = 48 * 3600
"""How long a bot can take a message away (Bot API, deleteMessage)."""

CHAT_KINDS = {
    "private": "private",
    "group": "group",
    "supergroup": "group",
    "channel": "channel",
}


EXTENSIONS: dict[str, dict[str, Any]] = {
    "message": {"max_text": MAX_TEXT, "unit": "utf16"},
    "reply": {},
    "spans": {"styles": list(STYLES)},
    "edit": {},
    "delete": {"seconds": DELETE_SECONDS},
    "reaction": {"emoji": list(SHOWN), "most": MOST},
    "file": {"max_size": MAX_UPLOAD, "caption": MAX_CAPTION},
    "button": {},
    "typing": {},
}
"""What every chat of Telegram can do, for a bot; one for all of them, as there may be many."""


def chat_from_payload(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The chat that an update is about; what has none is about the private chat of its person."""
    if chat := payload.get("chat") or (payload.get("message") or {}).get("chat"):
        return chat  # type: ignore[no-any-return]
    if user := payload.get("from") or payload.get("user"):
        return {**user, "type": "private"}
    raise Unreadable("the update is about no chat")


def key_from_chat(chat: Mapping[str, Any], payload: Mapping[str, Any], us: Identity) -> str:
    """The conversation: a forum's topics are conversations of their own."""
    key = f"telegram:{us.account}:{integer(chat['id'])}"
    message = payload.get("message") or payload
    if message.get("is_topic_message") is True:
        return f"{key}:{integer(message['message_thread_id'])}"
    return key


def facts_from_chat(chat: Mapping[str, Any], conversation: str, us: Identity) -> Facts:
    """Translate a Chat to what the gateway knows of the conversation."""
    number = integer(chat["id"])
    kind = CHAT_KINDS[string(chat["type"])]
    title = name_from(chat)
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
        "extensions": EXTENSIONS,
    }


@lru_cache(maxsize=1024)  # asked several times of each event
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
