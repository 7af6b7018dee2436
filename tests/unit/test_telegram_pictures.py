"""What people look like, from the answers of getUserProfilePhotos."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.vocabulary.errors import MediaError
from protocols.telegram.authors import Identity
from protocols.telegram.pictures import Pictures, attachment_from_photos, size_from_photo
from protocols.telegram.request import ApiError

US = Identity("default", 99)


def sized(*sides: int) -> list[dict[str, Any]]:
    return [
        {"file_id": f"F{side}", "width": side, "height": side, "file_size": side} for side in sides
    ]


class Telegram:
    """Answers, or refuses, and counts."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.pictures = Pictures(self.ask, US)

    async def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self.asked.append((method, parameters))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("sides", "taken"),
    [((160, 320, 640), 160), ((640, 95, 96), 96), ((40, 90), 90), ((500,), 500)],
)
def test_the_smallest_size_that_is_large_enough_is_taken(sides: Any, taken: int) -> None:
    assert size_from_photo(sized(*sides))["width"] == taken


def test_a_picture_is_a_file_of_the_bot() -> None:
    found = attachment_from_photos({"total_count": 1, "photos": [sized(160)]}, US)
    assert found is not None
    assert (found["source"], found["size"]) == ("telegram:default/F160", 160)


def test_who_has_no_picture_has_none() -> None:
    assert attachment_from_photos({"total_count": 0, "photos": []}, US) is None


@pytest.mark.parametrize(
    "answer", [None, {}, [], {"photos": 5}, {"photos": [[]]}, {"photos": [[{"width": "wide"}]]}]
)
def test_an_answer_that_says_nothing_is_no_picture(answer: Any) -> None:
    with pytest.raises(MediaError):
        attachment_from_photos(answer, US)


async def test_the_newest_one_is_asked_for_by_the_number() -> None:
    telegram = Telegram({"photos": [sized(160)]})
    assert await telegram.pictures.of("telegram:42") is not None
    assert telegram.asked == [("getUserProfilePhotos", {"user_id": 42, "limit": 1})]


@pytest.mark.parametrize("author", ["telegram:-42", "telegram:", "xmpp:a@b", "42"])
async def test_nobody_else_is_asked_about(author: str) -> None:
    telegram = Telegram({"photos": [sized(160)]})
    assert await telegram.pictures.of(author) is None
    assert telegram.asked == []


async def test_after_a_flood_nobody_is_asked_about_for_as_long_as_telegram_says() -> None:
    telegram = Telegram(ApiError(429, {"parameters": {"retry_after": 60}}))
    for author in ("telegram:1", "telegram:2"):
        with pytest.raises(MediaError):
            await telegram.pictures.of(author)
    assert len(telegram.asked) == 1


async def test_a_refusal_is_about_one_person_only() -> None:
    telegram = Telegram(ApiError(400, {"description": "Bad Request: user not found"}))
    for author in ("telegram:1", "telegram:2"):
        with pytest.raises(MediaError):
            await telegram.pictures.of(author)
    assert len(telegram.asked) == 2
