"""The page that says what each network shows, and what stands there instead: made by trying it.

Nothing in it is written by hand: whether a chat can is in its extensions, and what is shown
instead is what ``degrade`` makes of a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from gateway.vocabulary.degrade import Chat, Copy, steps_from_event
from gateway.vocabulary.events import Event, kind_of
from gateway.vocabulary.nesting import STYLES

Extensions = Mapping[str, Mapping[str, Any]]

HERE, THERE = "network:default:1", "elsewhere:default:a"
ADA = {"id": "elsewhere:ada", "name": "Ada", "handle": None, "kind": "person", "private": None}
BUTTONS = [[{"text": "Tea", "data": "t"}, {"text": "Coffee", "data": "c"}]]
PHOTO = {"kind": "photo", "source": "x:y/z", "name": "cat.jpg", "size": 2_000_000}
PLACE = {"kind": "location", "latitude": 52.5, "longitude": 13.4}
POLL = {"kind": "poll", "text": "Tea? 1. Yes 2. No"}
QUOTED = {"author": "Bob", "text": "Tea?"}
REACTED = [{"emoji": "🫎", "author": "a", "name": "Ada", "origin": THERE}]
MANY = [*REACTED, {"emoji": "👍", "author": "b", "name": "Bob", "origin": THERE}]
COPY = [Copy(0, "7", None)]
SPANS: Mapping[str, Mapping[str, str]] = {"link": {"url": "https://example.org/"}}

TICK = "✓"
NAMES = {"pre": "Code block", "emoji": "Custom emoji"}

HEAD = """# What is shown where

Made from the code by `python tests/test_capabilities.py`. A chat says what it can
([extensions](specs/conversation.rst)). A tick: it is shown as what it is. Everything else is what
stands there instead; ⏎ is the end of a line. With `public_url`, a link to the file stands behind
its name.

"""


def page_from_extensions(
    networks: Mapping[str, Extensions], whole: Collection[str] = frozenset()
) -> str:
    """The page, with a column for each network; to those in ``whole`` events go as they are."""
    rows = [["", *networks], ["---"] * (len(networks) + 1)]
    for name, show in _rows():
        cells = [_cell(show(can), whole=network in whole) for network, can in networks.items()]
        rows.append([name, *cells])
    return HEAD + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cell(shown: str, *, whole: bool) -> str:
    return TICK if whole and not shown.startswith(TICK) else shown


def _rows() -> Iterator[tuple[str, Callable[[Extensions], str]]]:
    yield "Text", _text
    yield "Who says it", _said("author", {"text": "hi", "author": ADA, "origin": THERE})
    yield "`/me waves`", _said("", {"text": "/me waves", "author": ADA, "origin": THERE})
    for style in STYLES:
        yield NAMES.get(style, style.capitalize()), _style(style)
    yield "Answer", _said("reply", {"text": "Yes", "quoted": QUOTED, "reply_to": "7"})
    yield "Answer to what is not there", _said("", {"text": "Yes", "quoted": QUOTED})
    yield "Change", _about("edit", {"text": "hi"})
    yield "Taking away", _about("delete", {})
    yield "Reaction of one", _reactions(REACTED)
    yield "Different reactions", _reactions(MANY)
    yield "File", _file
    yield "File, with words", _said("file", {"text": "A cat", "attachments": [PHOTO]})
    yield "Place", _said("", {"attachments": [PLACE]})
    yield "Poll", _said("", {"attachments": [POLL]})
    yield "Buttons", _said("button", {"text": "What?", "buttons": BUTTONS})
    yield "Typing", lambda extensions: TICK if "typing" in extensions else "-"


def _text(extensions: Extensions) -> str:
    limits = extensions["message"]
    if "max_text" not in limits:
        return TICK
    unit = {"utf16": "UTF-16 units", "bytes": "bytes"}.get(limits.get("unit", ""), "characters")
    return f"{TICK} in parts of {limits['max_text']:,} {unit}"


def _file(extensions: Extensions) -> str:
    if "file" not in extensions:
        return _shown({"type": "x.message", "attachments": [PHOTO]}, extensions)
    most = extensions["file"].get("max_size")
    return TICK if most is None else f"{TICK} up to {most / 1_000_000:.0f} MB"


def _style(style: str) -> Callable[[Extensions], str]:
    span = {"style": style, "start": 2, "end": 6, **SPANS.get(style, {})}

    def show(extensions: Extensions) -> str:
        if style in extensions.get("spans", {}).get("styles", ()):
            return TICK
        return _shown({"type": "x.message", "text": "a word", "spans": [span]}, extensions)

    return show


def _said(extension: str, event: Event) -> Callable[[Extensions], str]:
    """A tick where it is shown as it is, else what is said."""

    def show(extensions: Extensions) -> str:
        said = _shown({"type": "x.message", "text": "", **event}, extensions)
        return (
            TICK if extension in extensions and "⏎" not in said and _as_it_is(event, said) else said
        )

    return show


def _as_it_is(event: Event, said: str) -> bool:
    return said == f"`{event.get('text', '')}`"


def _about(kind: str, body: Event) -> Callable[[Extensions], str]:
    def show(extensions: Extensions) -> str:
        if kind not in extensions:
            return _shown({"type": f"x.{kind}", "id": "7", **body}, extensions)
        seconds = extensions[kind].get("seconds")
        return TICK if seconds is None else f"{TICK} for {seconds / 3600:.0f} hours"

    return show


def _reactions(reactions: Sequence[Mapping[str, Any]]) -> Callable[[Extensions], str]:
    own = [reactions[0]["emoji"]]
    event = {"type": "x.reaction", "id": "7", "emoji": own, "reactions": reactions}
    return lambda extensions: _shown(event, extensions)


def _shown(event: Event, extensions: Extensions) -> str:
    """What a chat is told for a sample, in one line."""
    copies = COPY if "id" in event else ()
    steps = steps_from_event({"ref": "r", **event}, Chat(HERE, extensions, copies=copies))
    return "; ".join(filter(None, (_words(step.event) for step in steps))) or "-"


def _words(event: Event) -> str:
    if kind_of(event) == "reaction":
        return " ".join(event["emoji"])
    text = event.get("text", "").replace("\n", " ⏎ ")
    files = " ".join(f"[{one['kind']}]" for one in event.get("attachments") or ())
    return f"`{text}`" if not files else f"{files} `{text}`" if text else files
