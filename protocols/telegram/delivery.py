"""Puts events on the wire, and says what became of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

from telegram.error import TelegramError

from gateway.delivery.server import Media
from gateway.vocabulary.errors import Delayed, MediaError, Refused, UnknownEvent
from gateway.vocabulary.events import Attachment, Event, kind_of
from gateway.vocabulary.text import clean_name
from protocols.telegram.attachments import MAX_PHOTO, MAX_UPLOAD
from protocols.telegram.calls import (
    FORMS,
    Call,
    Upload,
    calls_from_event,
    other_edit,
)
from protocols.telegram.files import Files
from protocols.telegram.outcomes import (
    delivery_error_from,
    is_about_the_file,
    is_done,
    is_other_edit,
    refusal_of_file,
)
from protocols.telegram.places import place_from_key

Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]


class Delivery:
    """The sends of one bot."""

    def __init__(self, ask: Ask, files: Files, media: Media) -> None:
        self._ask = ask
        self._files = files
        self._media = media
        self._flooded: dict[int, float] = {}

    async def deliver(self, conversation: str, event: Event) -> str | None:
        """Put one event on the wire; a message's native id is its message_id.

        Raises a ``DeliveryError``.
        """
        try:
            if kind_of(event) == "message" and event.get("attachments"):
                result = await self._send_file(conversation, event)
            else:
                [call] = calls_from_event(conversation, event)
                result = await self._send(conversation, call)
        except UnknownEvent as error:
            raise Refused("unsupported", str(error)) from None
        if kind_of(event) == "edit":
            return str(event["id"])
        return str(result["message_id"]) if isinstance(result, dict) else None

    async def _send(self, conversation: str, call: Call) -> Any:
        try:
            return await self._ask(*call)
        except TelegramError as error:
            if is_done(call[0], error):
                return None
            if not is_other_edit(call[0], error):
                raise self._outcome(error, conversation) from None
        try:
            return await self._ask(*other_edit(*call))
        except TelegramError as error:
            if is_done("editMessageText", error):
                return None
            raise self._outcome(error, conversation) from None

    async def _send_file(self, conversation: str, event: Event) -> Any:
        """Send a file as well as it goes: what Telegram does not take in one form goes in another.

        A file_id may be forgotten, and what is called a picture need not be one.
        """
        trouble: TelegramError | None = None
        for [call] in _forms(conversation, event):
            try:
                return await self._send_form(call)
            except TelegramError as error:
                if not is_about_the_file(error):
                    raise self._outcome(error, conversation) from None
                trouble = error
        assert trouble is not None
        raise refusal_of_file(trouble)

    async def _send_form(self, call: Call) -> Any:
        method, parameters = call
        name, upload = next(
            ((name, value) for name, value in parameters.items() if isinstance(value, Upload)),
            ("", None),
        )
        if upload is None:
            return await self._ask(method, parameters)
        path, size = await self._file(upload.attachment)
        others = {key: value for key, value in parameters.items() if key != name}
        if name == "photo" and size > MAX_PHOTO:
            method, name = "sendDocument", "document"
        about = name_and_type(upload.attachment)
        return await self._files.upload(method, others, name, path, about)

    async def _file(self, attachment: Attachment) -> tuple[Path, int]:
        try:
            path = await self._media.file(attachment)
            size = await asyncio.to_thread(os.path.getsize, path)
        except MediaError as error:
            raise error.of_delivery() from None
        except (ValueError, OSError):
            raise Refused("gone", "The file is there no more.") from None
        if size > MAX_UPLOAD:
            raise Refused("too_large", "Telegram takes files of at most 50 MB from a bot.")
        if not size:
            raise Refused("refused", "The file is empty.")
        return path, size

    def _outcome(self, error: TelegramError, conversation: str) -> Exception:
        outcome = delivery_error_from(error, conversation)
        if isinstance(outcome, Delayed):
            outcome.whole_account = self._flood(place_from_key(conversation)[0], outcome.seconds)
        return outcome

    def _flood(self, chat: int, seconds: float) -> bool:
        """Note a 429; whether it is the account's, not the chat's.

        The Bot API does not tell which. When it refuses two chats at the same time, it is the
        account's.
        """
        now = monotonic()
        self._flooded = {key: until for key, until in self._flooded.items() if until > now}
        self._flooded[chat] = now + seconds
        return len(self._flooded) > 1


def _forms(conversation: str, event: Event) -> list[list[Call]]:
    """The different ways to send the file of an event, the best one first."""
    forms: list[list[Call]] = []
    for form in FORMS:
        calls = calls_from_event(conversation, event, form)
        if calls not in forms:
            forms.append(calls)
    return forms


def name_and_type(attachment: Attachment) -> tuple[str, str]:
    """What Telegram is told of a file: its name on one line, and its type."""
    name = clean_name(attachment.get("name", "")).replace("/", "_").replace('"', "'")
    media_type = attachment.get("type", "")
    is_type = media_type.isascii() and media_type.isprintable() and media_type.count("/") == 1
    return name or attachment["kind"], media_type if is_type else "application/octet-stream"
