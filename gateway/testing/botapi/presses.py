"""Buttons under messages, and who pressed them."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

from gateway.testing.botapi.bell import PATIENCE, Bell
from gateway.testing.botapi.errors import bad_request
from gateway.testing.botapi.messages import Json

MAX_DATA = 64
"""Bytes of callback_data."""
MAX_ANSWER = 200
"""Characters of what the person is shown."""

TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Press:
    """One press of one button; ``answer`` is what the bot answered, None until it does."""

    def __init__(self, number: str, bell: Bell) -> None:
        self.id = number
        self.at = time.monotonic()
        self.answer: Json | None = None
        self._bell = bell

    async def answered(self, seconds: float = PATIENCE) -> Json:
        """Wait for the bot's answer: ``text`` and the like."""
        await self._bell.until(lambda: self.answer is not None, seconds)
        assert self.answer is not None
        return self.answer


class Presses:
    """The callback queries of one bot; after ``lifetime`` seconds they are too old."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self._numbers = count(4_000_000_000_000_000_001)
        self._waiting: dict[str, Press] = {}
        self._bell = Bell()

    def new(self) -> Press:
        """A press that waits for its answer."""
        press = Press(str(next(self._numbers)), self._bell)
        self._waiting[press.id] = press
        return press

    def answer(self, number: str, answer: Json) -> None:
        """Carry out answerCallbackQuery; a second answer is taken and not shown."""
        press = self._waiting.get(number)
        if press is None or time.monotonic() > press.at + self.lifetime:
            raise bad_request(TOO_OLD)
        if len(str(answer.get("text", ""))) > MAX_ANSWER:
            raise bad_request("MESSAGE_TOO_LONG")
        if press.answer is None:
            press.answer = answer
        self._bell.ring()


def buttons_of(message: Json) -> list[Json]:
    """All buttons under a message, row after row."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


def button_named(message: Json, name: int | str) -> Json:
    """The button with this number or this text; raises ``LookupError``."""
    buttons = buttons_of(message)
    if isinstance(name, int):
        return buttons[name]
    found = [button for button in buttons if button["text"] == name]
    if not found:
        raise LookupError(f"no button {name!r} among {[button['text'] for button in buttons]}")
    return found[0]


def checked_markup(markup: Json) -> Json:
    """A reply_markup as it is kept; raises the 400s."""
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" must be an Array of Arrays')
    for button in (button for row in rows for button in row):
        _check_button(button)
    return markup


def _check_button(button: Any) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must have text")
    if not button["text"].strip():
        raise bad_request("BUTTON_TEXT_EMPTY")
    if url := button.get("url"):
        if not str(url).startswith(("http://", "https://", "tg://")):
            raise bad_request("BUTTON_URL_INVALID")
    elif data := button.get("callback_data"):
        if len(str(data).encode()) > MAX_DATA:
            raise bad_request("BUTTON_DATA_INVALID")
    else:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
