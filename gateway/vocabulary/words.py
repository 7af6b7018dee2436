"""What is not text, in words: for chats that cannot show it otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.vocabulary.events import Attachment, Button, Quoted, Reacted, Span
from gateway.vocabulary.spans import Styled, join
from gateway.vocabulary.text import clean_name

Link = Callable[[Attachment], str | None]
"""Says where the file of an attachment can be had, if it can."""

NAMES = 8
"""People who are named beside one reaction; the others are counted."""

_BRACKETS = str.maketrans("()\uff08\uff09\u207d\u207e\u208d\u208e\u2768\u2769", "[]" * 5)


def name_in_text(name: str) -> str:
    """A person's name as it stands before what they say.

    Round brackets become square ones: they hold the network, and nobody names a network by
    calling themselves ``Ada (telegram)``.
    """
    return clean_name(name).translate(_BRACKETS).strip() or "somebody"


def words_from_attachment(attachment: Attachment, link: Link) -> str:
    """One line for an attachment: what it is, and where it can be had."""
    kind = attachment["kind"]
    if kind == "location" and "latitude" in attachment and "longitude" in attachment:
        place = f"{attachment['latitude']:.6f},{attachment['longitude']:.6f}"
        return f"[{_named('location', attachment)}] geo:{place}"
    address = link(attachment) if attachment.get("source") else None
    words = f"[{_named(kind, attachment)}]"
    return f"{words} {address}" if address else words


def _named(kind: str, attachment: Attachment) -> str:
    said = attachment.get("text") or clean_name(attachment.get("name", ""))
    size = f", {_size(attachment['size'])}" if attachment.get("size") else ""
    return f"{kind}: {said}{size}" if said else f"{kind}{size}"


def _size(size: int) -> str:
    number = float(size)
    for unit in ("bytes", "kB", "MB"):
        if number < 1_000:
            return f"{number:.0f} {unit}"
        number /= 1_000
    return f"{number:.1f} GB"


def numbered_list(buttons: Sequence[Sequence[Button]]) -> str:
    """Buttons as lines: who writes the number has pressed."""
    flat = [button for row in buttons for button in row]
    return "\n".join(f"{number}. {_choice(button)}" for number, button in enumerate(flat, 1))


def _choice(button: Button) -> str:
    return f"{button['text']}: {button['url']}" if "url" in button else button["text"]


def quote(quoted: Quoted, limit: int = 80) -> Styled:
    """The line that stands above an answer, for chats that cannot point at what is answered."""
    said = quoted["text"] if len(quoted["text"]) <= limit else quoted["text"][: limit - 1] + "…"
    line = f"{name_in_text(quoted['author'])}: {' '.join(said.split())}"
    span: Span = {"style": "quote", "start": 0, "end": len(line)}
    return join((line, [span]), ("\n", []))


def line_of_reactions(reactions: Sequence[Reacted]) -> str:
    """Who reacted how, in one line."""
    people: dict[str, list[str]] = {}
    for reacted in reactions:
        people.setdefault(reacted["emoji"], []).append(name_in_text(reacted["name"]))
    return " · ".join(f"{emoji} {_people(names)}" for emoji, names in people.items())


def _people(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more
