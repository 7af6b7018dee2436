"""What a chat cannot show becomes what it can: once, here.

``extensions`` of a chat say what it can: ``{"message": {"max_text": 4096, "unit": "utf16"},
"author": {}, ...}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.vocabulary.events import Event
from gateway.vocabulary.ids import protocol_of
from gateway.vocabulary.text import MEASURES, clean_name, split

FORMAT = "{name} ({network}): {text}"
"""How a message of another network is shown where only the bot can speak."""


def parts_from_message(
    event: Event, extensions: Mapping[str, Any], form: str = FORMAT
) -> list[Event]:
    """The messages by which a chat shows a message: one, or as many as its limit asks for."""
    if "author" not in extensions:
        event = event | {"text": _with_name(event, form)}
    limits = extensions.get("message", {})
    if "max_text" not in limits:
        return [event]
    measure = MEASURES[limits.get("unit", "codepoints")]
    pieces = [piece for piece in split(event["text"], limits["max_text"], measure) if piece.strip()]
    return [event | {"text": piece} for piece in pieces]


def _with_name(event: Event, form: str) -> str:
    """The text with the name of who said it, if that was somebody other than our bot."""
    text = text_with_attachments(event)
    author, origin = event.get("author"), event.get("origin")
    if author is None or (origin is not None and protocol_of(origin) == "room"):
        return text
    return form.format(
        name=clean_name(author["name"]) or "somebody",
        network=protocol_of(origin) if origin else "operator",
        text=text,
    )


def text_with_attachments(event: Event) -> str:
    """The text, with a word in brackets for each thing that is not text."""
    words = " ".join(f"[{attachment['kind']}]" for attachment in event.get("attachments", ()))
    return " ".join(part for part in (words, event.get("text", "")) if part)


def check_format(form: str) -> str:
    """Return a format that may be used; raises ``ValueError`` naming what may stand in it."""
    try:
        shown = form.format(name="n", network="w", text="t\0")
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{form!r}: only {{name}}, {{network}} and {{text}} can be used"
        ) from error
    if "t\0" not in shown:
        raise ValueError(f"{form!r} does not contain {{text}}")
    return form
