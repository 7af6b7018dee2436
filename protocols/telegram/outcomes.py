"""What became of a request, in the gateway's words.

A send has three outcomes: it is there, it certainly is not, or nobody knows. Only the connection
that could not be made, 429 and 5xx are certain enough to send again.
"""

from __future__ import annotations

from telegram.error import TelegramError

from gateway.vocabulary.errors import (
    CredentialsRefused,
    Delayed,
    DeliveryError,
    GatewayError,
    Moved,
    NotSent,
    Refused,
    Uncertain,
)
from protocols.telegram.calls import is_file_trouble
from protocols.telegram.places import key_with_chat
from protocols.telegram.request import ApiError, ConnectFailed

RETRY_SECONDS = 1.0
"""How long a 429 that does not say so lasts."""

CODES = (
    (403, "blocked by the user", "blocked"),
    (403, "was kicked", "kicked"),
    (403, "not a member", "kicked"),
    (403, "user is deactivated", "not_found"),
    (403, "", "forbidden"),
    (400, "not found", "not_found"),
    (400, "is too long", "too_long"),
    (400, "MESSAGE_TOO_LONG", "too_long"),
    (400, "MESSAGE_ID_INVALID", "not_found"),
    (400, "can't be edited", "too_old"),
    (400, "can't be deleted", "too_old"),
    (400, "REACTION", "unsupported"),
    (400, "rights", "forbidden"),
    (413, "", "too_long"),
)
"""Status, what the description holds, and the code that an application gets."""


DONE = {
    "editMessageText": "message is not modified",
    "editMessageCaption": "message is not modified",
    "deleteMessage": "message to delete not found",
    "answerCallbackQuery": "query is too old",
}
"""Refusals that say that there is nothing left to do."""

OTHER_EDITS = {
    "editMessageText": "there is no text in the message",
    "editMessageCaption": "there is no caption in the message",
}


def is_done(method: str, error: TelegramError) -> bool:
    """Whether a refusal is as good as a success."""
    return isinstance(error, ApiError) and DONE.get(method, "\0") in error.description


def is_other_edit(method: str, error: TelegramError) -> bool:
    """Whether a text was to be changed where there is a caption, or the other way round."""
    return isinstance(error, ApiError) and OTHER_EDITS.get(method, "\0") in error.description


def is_about_the_file(error: TelegramError) -> bool:
    """Whether Telegram does not take a file, so that another form of it may be tried."""
    return isinstance(error, ApiError) and (
        error.code == 413 or (error.code == 400 and is_file_trouble(error.description))
    )


def refusal_of_file(error: TelegramError) -> Refused:
    """What is told when no form of a file was taken."""
    too_large = isinstance(error, ApiError) and error.code == 413
    return Refused("too_large" if too_large else "refused", str(error))


def delivery_error_from(error: TelegramError, conversation: str) -> DeliveryError:
    """Translate what a send met with."""
    if isinstance(error, ConnectFailed):
        return NotSent(str(error))
    if not isinstance(error, ApiError):
        return Uncertain(str(error))
    if error.migrate_to_chat_id is not None:
        return Moved(key_with_chat(conversation, error.migrate_to_chat_id))
    if error.code == 429:
        return Delayed(str(error), seconds=float(error.retry_after or RETRY_SECONDS))
    # A gateway that gave up waiting (504) may have passed the request on.
    if error.code == 504:
        return Uncertain(str(error))
    if error.credentials or error.code >= 500 or not error.description:
        return NotSent(str(error))
    return Refused(code_from_error(error), error.description)


def code_from_error(error: ApiError) -> str:
    """The code of a refusal; ``bad_request`` if it is none of the known ones."""
    return next(
        (code for status, words, code in CODES if error.code == status and words in str(error)),
        "bad_request",
    )


def login_error_from(error: TelegramError) -> GatewayError:
    """Translate what a request for ourselves met with."""
    if isinstance(error, ApiError) and error.credentials:
        return CredentialsRefused(
            f"Telegram does not know this token ({error}). Get the right one from @BotFather"
        )
    return NotSent(f"Telegram cannot be reached: {error}")
