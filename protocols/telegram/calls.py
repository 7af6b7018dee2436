"""Events to calls of the Bot API. Nothing here performs I/O.

Never a ``parse_mode``: what people write is not markup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from gateway.vocabulary.errors import Refused, UnknownEvent
from gateway.vocabulary.events import Attachment, Button, Event, kind_of
from gateway.vocabulary.ids import key_parts
from protocols.telegram.attachments import kind_for_upload, measures_of, own_file_id
from protocols.telegram.places import place_from_key
from protocols.telegram.reactions import types_from_emoji
from protocols.telegram.text import entities_from_spans

Call = tuple[str, dict[str, Any]]
"""A method and its parameters; one of these may be an ``Upload``."""

Form = Literal["known", "upload", "document"]
FORMS: tuple[Form, ...] = ("known", "upload", "document")
"""How a file is sent: by its file_id, if it is Telegram's own, else as what it is, else plainly."""

MAX_ANSWER = 200
"""Characters that are shown to who pressed a button (Bot API, answerCallbackQuery)."""

ROW = 8
"""Buttons side by side."""

_FILE_TROUBLE = re.compile(r"file|image|photo|voice|video|audio|sticker|media|document", re.I)
_LINK = re.compile(r"(?:https?|tg)://.", re.I)


@dataclass(frozen=True, slots=True)
class Upload:
    """Stands in parameters for a file that is to be sent along."""

    attachment: Attachment


def calls_from_event(conversation: str, event: Event, form: Form = "known") -> list[Call]:
    """The methods of the Bot API, with their parameters, that put an event on the wire.

    Raises ``UnknownEvent``, or ``Refused`` if it is about a message that cannot be Telegram's.
    """
    match kind_of(event):
        case "message":
            return [_message(conversation, event, form)]
        case "edit":
            return [_edit(_target(conversation, event), event)]
        case "delete":
            return [("deleteMessage", _target(conversation, event))]
        case "reaction":
            shown = {"reaction": types_from_emoji(event.get("emoji", ()))}
            return [("setMessageReaction", _target(conversation, event) | shown)]
        case "answer":
            return [_answer(event)]
        case "typing":
            return [("sendChatAction", _place(conversation) | {"action": "typing"})]
    raise UnknownEvent(f"{event['type']!r} cannot be sent to Telegram")


def _place(conversation: str) -> dict[str, Any]:
    chat, thread = place_from_key(conversation)
    return {"chat_id": chat} if thread is None else {"chat_id": chat, "message_thread_id": thread}


def _target(conversation: str, event: Event) -> dict[str, Any]:
    number = message_id(event.get("id"))
    if number is None:
        raise Refused("not_found", f"{event.get('id')!r:.40} is no message of Telegram")
    return {"chat_id": place_from_key(conversation)[0], "message_id": number}


def message_id(native: Any) -> int | None:
    """The message_id that a native id is, if it is one of Telegram's."""
    is_number = isinstance(native, str) and native.isascii() and native.isdecimal()
    return int(native) if is_number and len(native) < 16 else None


# What is said


def _message(conversation: str, event: Event, form: Form) -> Call:
    parameters = _place(conversation) | _reply(event) | _markup(event)
    if attachments := event.get("attachments"):
        method, about = _file(attachments[0], key_parts(conversation).account, event, form)
        return method, parameters | about
    return "sendMessage", parameters | _words(event, "text", "entities")


def _words(event: Event, name: str, entities: str) -> dict[str, Any]:
    text = event.get("text", "")
    words: dict[str, Any] = {name: text}
    if spans := event.get("spans"):
        words[entities] = entities_from_spans(text, spans)
    return words


def _reply(event: Event) -> dict[str, Any]:
    # An id that is none of Telegram's must not keep the answer from being sent.
    number = message_id(event.get("reply_to"))
    if number is None:
        return {}
    return {"reply_parameters": {"message_id": number, "allow_sending_without_reply": True}}


def _markup(event: Event) -> dict[str, Any]:
    rows: list[list[dict[str, str]]] = []
    number = 0
    for row in event.get("buttons") or ():
        buttons = [_button(button, number + place) for place, button in enumerate(row)]
        number += len(row)
        rows += [buttons[start : start + ROW] for start in range(0, len(buttons), ROW)]
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _button(button: Button, number: int) -> dict[str, str]:
    """What it means stays in the ledger: callback_data holds 64 bytes, and people can forge it."""
    if _LINK.match(button.get("url", "")):
        return {"text": button["text"], "url": button["url"]}
    return {"text": button["text"], "callback_data": str(number)}


# Files


def _file(attachment: Attachment, account: str, event: Event, form: Form) -> Call:
    captioned = bool(event.get("text"))
    file_id = own_file_id(attachment.get("source", ""), account) if form == "known" else None
    if form == "document":
        kind = "document"
    elif file_id is not None and not (captioned and attachment["kind"] == "sticker"):
        kind = attachment["kind"]
    else:
        file_id, kind = None, kind_for_upload(attachment, captioned=captioned)
    parameters: dict[str, Any] = {kind: Upload(attachment) if file_id is None else file_id}
    if file_id is None:
        parameters |= measures_of(kind, attachment)
    if kind == "document":
        parameters["disable_content_type_detection"] = True
    if captioned:
        parameters |= _words(event, "caption", "caption_entities")
    return f"send{kind.title()}", parameters


def is_file_trouble(description: str) -> bool:
    """Whether a refusal is about the file, so that another form of it may be taken."""
    return _FILE_TROUBLE.search(description) is not None


# What is changed


def _edit(target: dict[str, Any], event: Event) -> Call:
    if event.get("attachments"):
        words = _words(event, "caption", "caption_entities")
        return "editMessageCaption", target | words | _markup(event)
    return "editMessageText", target | _words(event, "text", "entities") | _markup(event)


_OTHERWISE = {
    "editMessageText": ("editMessageCaption", {"text": "caption", "entities": "caption_entities"}),
    "editMessageCaption": ("editMessageText", {"caption": "text", "caption_entities": "entities"}),
}


def other_edit(method: str, parameters: dict[str, Any]) -> Call:
    """The same change of a message that turned out to have a caption, or to have none."""
    other, names = _OTHERWISE[method]
    return other, {names.get(name, name): value for name, value in parameters.items()}


def _answer(event: Event) -> Call:
    parameters: dict[str, Any] = {"callback_query_id": query_id(event["token"])}
    if text := event.get("text"):
        parameters["text"] = text[:MAX_ANSWER]
    return "answerCallbackQuery", parameters


def query_id(token: str) -> str:
    """The callback query that a token names."""
    return token.rpartition("|")[2]
