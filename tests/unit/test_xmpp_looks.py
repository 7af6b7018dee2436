"""vCards and what presences bear of pictures."""

from __future__ import annotations

import base64
import hashlib
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.component.looks import (
    MOST,
    Picture,
    card_from_person,
    picture_from_content,
    update_from_picture,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
V = "{vcard-temp}"


def test_a_card_holds_the_bytes_of_the_picture() -> None:
    photo = fromstring(card_from_person("Tom", "Tom", Picture("image/png", PNG))).find(f"{V}PHOTO")
    assert photo is not None
    assert photo.findtext(f"{V}TYPE") == "image/png"
    assert base64.b64decode(photo.findtext(f"{V}BINVAL") or "") == PNG


def test_the_card_of_who_has_no_picture_has_none() -> None:
    assert fromstring(card_from_person("Tom", "Tom", None)).find(f"{V}PHOTO") is None


@given(st.text())
def test_any_name_stands_in_a_card(name: str) -> None:
    card = fromstring(card_from_person(f"a{name}z", "nick", None))
    assert (card.findtext(f"{V}FN") or "")[0] == "a"
    assert card.findtext(f"{V}NICKNAME") == "nick"


def test_a_presence_bears_the_hash_of_the_bytes() -> None:
    update = fromstring(update_from_picture(Picture("image/png", PNG)))
    assert update.findtext("{vcard-temp:x:update}photo") == hashlib.sha1(PNG).hexdigest()


def test_a_presence_says_that_there_is_no_picture() -> None:
    assert fromstring(update_from_picture(None)).findtext("{vcard-temp:x:update}photo") == ""


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(100), "image/jpeg"),
        (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(100), "image/webp"),
    ],
)
def test_the_content_says_what_a_picture_is(content: bytes, kind: str) -> None:
    assert picture_from_content(content).type == kind


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"%PDF-1.4", PNG + bytes(MOST)])
def test_what_is_no_picture_or_too_large_is_not_taken(content: bytes) -> None:
    with pytest.raises(ValueError, match="picture"):
        picture_from_content(content)
