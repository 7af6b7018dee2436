"""What a message says: its text and how it is shown, its files, what it answers.

Nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from gateway.vocabulary.events import Attachment, Event
from gateway.vocabulary.spans import Styled
from gateway.vocabulary.text import clean, clean_name
from protocols.xmpp.elements import (
    BODY,
    FALLBACK,
    MARKUP,
    OUT_OF_BAND,
    REPLY,
    SHARED,
    SPOILER,
    UNSTYLED,
    XHTML,
)
from protocols.xmpp.files import TELLING, attachments_from_stanza, location_from_text
from protocols.xmpp.identity import Identity, bare
from protocols.xmpp.occupants import Room
from protocols.xmpp.text import text_and_spans_from_body

QUOTED = 200
"""Code points that are kept of what a fallback quotes."""

_QUOTE_SIGN = re.compile(r"^(?:>\s?)+", re.MULTILINE)
_FOR_FILES = (OUT_OF_BAND[1:-1], SHARED[1:-1])
_FOR_REPLY = REPLY[1:].partition("}")[0]

_MORE = TELLING | {REPLY, MARKUP, XHTML, SPOILER}
"""What says that a message is more than its body."""

Range = tuple[int, int]


def contents_from_stanza(
    message: Element, parts: Mapping[str, Element], us: Identity, room: Room | None
) -> Event | None:
    """The part of an event that says something; None if nothing is said.

    ``parts`` are the children of the message by their tags.
    """
    body = parts[BODY].text or "" if BODY in parts else ""
    if parts.keys().isdisjoint(_MORE):  # most messages
        plain = text_and_spans_from_body(body, unstyled=UNSTYLED in parts)
        return _saying(plain, [], {"reply_to": None})
    attachments = attachments_from_stanza(message)
    reply = parts.get(REPLY)
    quotes, fallbacks = _fallbacks(message, body, reply is not None, bool(attachments))
    if _only_names_them(body, attachments):
        fallbacks = [(0, len(body))]
    quote = "".join(body[start:end] for start, end in quotes)
    styled = _styled(body, parts, fallbacks)
    return _saying(styled, attachments, _answered(reply, quote, us, room))


def _styled(body: str, parts: Mapping[str, Element], fallbacks: list[Range]) -> Styled:
    spoiler = parts.get(SPOILER)
    return text_and_spans_from_body(
        body,
        markup=parts.get(MARKUP),
        xhtml=parts.get(XHTML),
        unstyled=UNSTYLED in parts,
        spoiler=None if spoiler is None else spoiler.text or "",
        fallbacks=fallbacks,
    )


def _saying(styled: Styled, attachments: list[Attachment], answered: Event) -> Event | None:
    text, spans = styled
    place = location_from_text(text)
    if place is not None:
        text, spans, attachments = "", [], [*attachments, place]
    if not text and not attachments:
        return None
    said: Event = {"text": text, "attachments": attachments, **answered}
    return said | {"spans": spans} if spans else said


def _only_names_them(body: str, attachments: list[Attachment]) -> bool:
    """Whether a body is the URL of a file only: what clients show that know no files."""
    return bool(attachments) and body.strip() in {file.get("source") for file in attachments}


def _answered(reply: Element | None, quote: str, us: Identity, room: Room | None) -> Event:
    if reply is None or not reply.get("id"):
        return {"reply_to": None}
    words = " ".join(clean(_QUOTE_SIGN.sub("", quote)).split())[:QUOTED]
    if not words:
        return {"reply_to": reply.get("id")}
    name = _name_of_author(reply.get("to", ""), us, room)
    return {"reply_to": reply.get("id"), "quoted": {"author": name, "text": words}}


def _name_of_author(jid: str, us: Identity, room: Room | None) -> str:
    if room is not None:
        return clean_name(jid.partition("/")[2])
    return us.nick if bare(jid) == us.jid else clean_name(jid.partition("@")[0])


def _fallbacks(
    message: Element, body: str, replies: bool, files: bool
) -> tuple[list[Range], list[Range]]:
    """The ranges of a body that quote, and all that are for clients that know less (XEP-0428)."""
    quotes: list[Range] = []
    others: list[Range] = []
    for fallback in message.iterfind(f"{FALLBACK}fallback"):
        about = fallback.get("for")
        if replies and about == _FOR_REPLY:
            quotes += _ranges(fallback, body)
        elif files and about in _FOR_FILES:
            others += list(_ranges(fallback, body)) or [(0, len(body))]
    return quotes, _apart([*quotes, *others])


def _ranges(fallback: Element, body: str) -> Iterator[Range]:
    for found in fallback.iterfind(f"{FALLBACK}body"):
        start, end = found.get("start", "0"), found.get("end", "")
        are_numbers = start.isdecimal() and end.isdecimal() and len(start + end) < 16
        if are_numbers and int(start) < int(end) <= len(body):
            yield int(start), int(end)


def _apart(ranges: list[Range]) -> list[Range]:
    """Sorted, and those that overlap as one."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
