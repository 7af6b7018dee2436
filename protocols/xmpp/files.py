"""The files and places that a message points at. Nothing here performs I/O.

Whoever sends a message may say anything of a file; what it is its content will tell.
"""

from __future__ import annotations

import math
import mimetypes
import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from gateway.media.kinds import kind_of_type, plain_type
from gateway.media.names import clean_file_name
from gateway.vocabulary.events import Attachment
from protocols.xmpp.elements import (
    GEOLOC,
    JINGLE_FILE,
    MEDIA_SHARING,
    METADATA,
    OUT_OF_BAND,
    REFERENCE,
    SHARED,
    URL_DATA,
)

MOST = 20
"""Attachments of one message."""
LONGEST_URL = 2048

_DIGITS = re.compile(r"[0-9]{1,15}")
_GEO = re.compile(r"geo:(-?[0-9.]{1,24}),(-?[0-9.]{1,24})(?:[,;][!-~]*)?", re.ASCII)
_NUMBERS: tuple[Literal["size", "width", "height"], ...] = ("size", "width", "height")
_WORDS = ("name", "media-type", "length", *_NUMBERS)

TELLING = frozenset((f"{OUT_OF_BAND}x", f"{SHARED}file-sharing", REFERENCE, f"{GEOLOC}geoloc"))
"""The elements by which a message points at something."""


def attachments_from_stanza(message: Element) -> list[Attachment]:
    """Files by XEP-0066, XEP-0447 and XEP-0385, and a place by XEP-0080; each file once."""
    found: dict[str, Attachment] = {}
    for attachment in (*_plain(message), *_referenced(message), *_shared(message)):
        found[attachment["source"]] = attachment  # the one that tells most comes last
    places = (_from_geoloc(place) for place in message.iterfind(f"{GEOLOC}geoloc"))
    return [*found.values(), *(place for place in places if place is not None)][:MOST]


def location_from_text(text: str) -> Attachment | None:
    """A body that is a place and nothing else (RFC 5870), as clients send where somebody is."""
    found = _GEO.fullmatch(text.strip()) if text.startswith("geo:") else None
    return _location(found[1], found[2]) if found is not None else None


def _plain(message: Element) -> Iterator[Attachment]:
    for element in message.iterfind(f"{OUT_OF_BAND}x"):
        url = (element.findtext(f"{OUT_OF_BAND}url") or "").strip()
        if _fetchable(url):
            yield _attachment(url, {})


def _shared(message: Element) -> Iterator[Attachment]:
    for sharing in message.iterfind(f"{SHARED}file-sharing"):
        file = sharing.find(f"{METADATA}file")
        for source in sharing.iterfind(f"{SHARED}sources/{URL_DATA}"):
            if _fetchable(url := source.get("target", "")):
                yield _attachment(url, _told(file, METADATA))
                break


def _referenced(message: Element) -> Iterator[Attachment]:
    for sharing in message.iterfind(f"{REFERENCE}/{MEDIA_SHARING}media-sharing"):
        file = sharing.find(f"{JINGLE_FILE}file")
        for source in sharing.iterfind(f"{MEDIA_SHARING}sources/{REFERENCE}"):
            if _fetchable(url := source.get("uri", "")):
                yield _attachment(url, _told(file, JINGLE_FILE))
                break


def _told(file: Element | None, namespace: str) -> dict[str, str | None]:
    return {} if file is None else {word: file.findtext(f"{namespace}{word}") for word in _WORDS}


def _fetchable(url: str) -> bool:
    if not url.startswith("https://") or len(url) > LONGEST_URL or not url.isprintable():
        return False
    try:
        return bool(urlsplit(url).hostname) and " " not in url
    except ValueError:
        return False


def _attachment(url: str, told: dict[str, str | None]) -> Attachment:
    name = clean_file_name(told.get("name") or unquote(urlsplit(url).path), "file")
    kind = plain_type(told.get("media-type")) or plain_type(mimetypes.guess_type(name)[0])
    found: Attachment = {"kind": kind_of_type(kind), "source": url, "name": name}
    if kind:
        found["type"] = kind
    for word in _NUMBERS:
        if _DIGITS.fullmatch(number := (told.get(word) or "").strip()):
            found[word] = int(number)
    if _DIGITS.fullmatch(length := (told.get("length") or "").strip()):
        found["duration"] = int(length) / 1000  # XEP-0446 counts milliseconds
    return found


def _from_geoloc(place: Element) -> Attachment | None:
    return _location(place.findtext(f"{GEOLOC}lat") or "", place.findtext(f"{GEOLOC}lon") or "")


def _location(latitude: str, longitude: str) -> Attachment | None:
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return None
    if not (math.isfinite(north) and abs(north) <= 90 and abs(east) <= 180):
        return None
    return {"kind": "location", "latitude": north, "longitude": east}
