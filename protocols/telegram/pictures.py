"""What people look like (Bot API, getUserProfilePhotos)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from telegram.error import TelegramError

from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment
from protocols.telegram.attachments import attachment_from_file
from protocols.telegram.authors import Identity
from protocols.telegram.files import media_error_from
from protocols.telegram.reading import integer
from protocols.telegram.request import ApiError

ENOUGH = 96
"""Pixels of the shorter side; of the sizes of a picture that have them the smallest is taken."""

Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]


class Pictures:
    """Asks for people's pictures, unless Telegram has asked to be spared."""

    def __init__(self, ask: Ask, us: Identity) -> None:
        self._ask = ask
        self._us = us
        self._again_at = 0.0

    async def of(self, author: str) -> Attachment | None:
        """The newest picture of a person; raises ``MediaError``. Chats are asked about nothing."""
        number = author.removeprefix("telegram:")
        if number == author or not number.isdecimal():
            return None
        if time.monotonic() < self._again_at:
            raise MediaError("gone", "Telegram wants to be asked later.", again=True)
        try:
            about = {"user_id": int(number), "limit": 1}
            found = await self._ask("getUserProfilePhotos", about)
        except TelegramError as error:
            if isinstance(error, ApiError):
                self._again_at = time.monotonic() + (error.retry_after or 0)
            raise media_error_from(error) from None
        return attachment_from_photos(found, self._us)


def attachment_from_photos(found: Any, us: Identity) -> Attachment | None:
    """Translate UserProfilePhotos, the newest of which comes first; raises ``MediaError``."""
    try:
        photos = found["photos"]
        return attachment_from_file("photo", size_from_photo(photos[0]), us) if photos else None
    except (AttributeError, LookupError, TypeError, ValueError):
        raise MediaError("gone", "Telegram does not say what the picture is.") from None


def size_from_photo(sizes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The smallest size of a picture that is large enough, else the largest."""

    def side(size: Mapping[str, Any]) -> int:
        return min(integer(size["width"]), integer(size["height"]))

    enough = [size for size in sizes if side(size) >= ENOUGH]
    return min(enough, key=side) if enough else max(sizes, key=side)
