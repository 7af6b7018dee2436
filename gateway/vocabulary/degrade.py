"""What a chat cannot show becomes what it can: once, here.

``extensions`` of a chat say what it can (``docs/specs/conversation.rst``). An event becomes
steps, each of which the chat can show; its server delivers them one by one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.vocabulary.events import Attachment, Event, Reacted, kind_of, prefix_of
from gateway.vocabulary.ids import protocol_of
from gateway.vocabulary.spans import Styled, join, split, without_styles
from gateway.vocabulary.text import MEASURES
from gateway.vocabulary.words import (
    Link,
    line_of_reactions,
    name_in_text,
    numbered_list,
    quote,
    words_from_attachment,
)

FORMAT = "{name} ({network}): {text}"
"""How a message of another network is shown where only the bot can speak."""

CHANGED = "(changed) "
"""What stands before a message that is said again because it cannot be changed."""

LINE = "~reactions"
"""What the id of a message is followed by in the name of the line under it."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One part of a message as a conversation knows it; its author's client calls it otherwise."""

    part: int
    native: str
    origin_id: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One event for a server; ``part`` is the place of the copy that it makes or is about."""

    event: Event
    part: int = 0


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation in which something is shown, and what is known of the message there."""

    conversation: str
    extensions: Mapping[str, Any]
    form: str = FORMAT
    copies: Sequence[Copy] = ()
    line: Sequence[Copy] = ()
    """The line of reactions under the message."""
    link: Link = lambda _: None

    def can(self, name: str) -> bool:
        """Whether the chat has an extension."""
        return name in self.extensions


def steps_from_event(event: Event, chat: Chat) -> list[Step]:
    """The steps by which a chat shows an event; none if it has nothing to show for it."""
    match kind_of(event):
        case "message":
            return _message(event, chat)
        case "edit":
            return _edit(event, chat)
        case "delete":
            return [_about(event, copy, {}) for copy in chat.copies] if chat.can("delete") else []
        case "reaction":
            return _reaction(event, chat)
    return [Step(event)]


# Messages


def _message(event: Event, chat: Chat) -> list[Step]:
    files, others = _files(event, chat)
    text, spans = _written(event, chat, others)
    bodies = _bodies(chat, (text, spans), files)
    if event.get("buttons") and bodies:  # where they are a list, a number presses them
        bodies[-1]["buttons"] = event["buttons"]
    for body in bodies[1:]:
        body["reply_to"] = body["quoted"] = None
    plain = {name: value for name, value in event.items() if name not in _COMPOSED}
    return [Step(plain | body, part) for part, body in enumerate(bodies)]


_COMPOSED = ("text", "spans", "attachments", "buttons")


def _files(event: Event, chat: Chat) -> tuple[list[Attachment], list[Attachment]]:
    """The attachments that go as files, and those that are said in words."""
    limit = chat.extensions["file"].get("max_size", math.inf) if chat.can("file") else -1
    files: list[Attachment] = []
    others: list[Attachment] = []
    for attachment in event.get("attachments") or ():
        fits = attachment.get("source") and attachment.get("size", 0) <= limit
        (files if fits else others).append(attachment)
    return files, others


def _bodies(chat: Chat, styled: Styled, files: Sequence[Attachment]) -> list[Event]:
    """What each part says: a short text goes with the first file, a longer one before it."""
    limits = chat.extensions.get("message", {})
    measure = MEASURES[limits.get("unit", "codepoints")]
    caption = chat.extensions.get("file", {}).get("caption", 0)
    bodies: list[Event] = []
    if files and measure(styled[0]) <= caption:
        first, files = files[0], files[1:]
        bodies.append(_body(styled) | {"attachments": [first]})
    elif "max_text" in limits:
        pieces = split(*styled, limits["max_text"], measure)
        bodies += [_body(piece) for piece in pieces if piece[0].strip()]
    elif styled[0] or not files:
        bodies.append(_body(styled))
    return [*bodies, *({"text": "", "attachments": [file]} for file in files)]


def _body(styled: Styled) -> Event:
    text, spans = styled
    return {"text": text, "spans": spans} if spans else {"text": text}


def _written(event: Event, chat: Chat, others: Sequence[Attachment]) -> Styled:
    """All that is said in words, in the styles that the chat has."""
    said: Styled = event.get("text", ""), event.get("spans") or []
    if others:
        said = _lines(said, "\n".join(words_from_attachment(one, chat.link) for one in others))
    if event.get("buttons") and not chat.can("button"):
        said = _lines(said, numbered_list(event["buttons"]))
    if not chat.can("author"):
        said = _with_name(said, event, chat.form)
    if event.get("quoted") and not (chat.can("reply") and event.get("reply_to")):
        said = join(quote(event["quoted"]), said)
    if not said[1]:
        return said
    return without_styles(*said, chat.extensions.get("spans", {}).get("styles", ()))


def _lines(said: Styled, more: str) -> Styled:
    return join(said, (f"\n{more}" if said[0] else more, []))


def _with_name(said: Styled, event: Event, form: str) -> Styled:
    """The text with the name of who said it, if that was somebody other than our bot."""
    author, origin = event.get("author"), event.get("origin")
    if author is None or (origin is not None and protocol_of(origin) == "room"):
        return said
    network = protocol_of(origin) if origin else "operator"
    name = name_in_text(author["name"])
    before, _, after = form.format(name=name, network=network, text="\0").partition("\0")
    return join((before, []), said, (after, []))


# What is about a message


def _about(event: Event, copy: Copy, body: Event) -> Step:
    """Something about one part of a message that is there."""
    names = {"id": copy.native, "origin_id": copy.origin_id}
    return Step(event | names | body, copy.part)


def _edit(event: Event, chat: Chat) -> list[Step]:
    """Change the parts that are there, say what is more, take away what is too many."""
    if not chat.copies:
        return []
    if not chat.can("edit"):
        return said_again(event, chat)
    parts = _message(_anew(event), chat)
    steps = []
    for copy, part in zip(chat.copies, parts, strict=False):
        body = {"text": "", "spans": [], "attachments": [], "buttons": []}
        body |= {name: part.event[name] for name in body if name in part.event}
        if body["text"] or not body["attachments"]:  # a file without words does not change
            steps.append(_about(event, copy, body))
    steps += parts[len(chat.copies) :]
    if chat.can("delete"):
        kind = {"type": f"{prefix_of(event)}.delete"}
        steps += [_about(event, copy, kind) for copy in chat.copies[len(parts) :]]
    return steps


def _anew(event: Event) -> Event:
    """A change as the message that it makes; what is sent of it is a part of the same message."""
    return event | {"type": f"{prefix_of(event)}.message", "message": event["id"]}


def said_again(event: Event, chat: Chat) -> list[Step]:
    """What stands in for a change that a chat cannot show, or shows no more: a new message."""
    text, spans = join((CHANGED, []), (event.get("text", ""), event.get("spans") or []))
    again = _anew(event) | {"text": text, "spans": spans}
    if chat.copies:
        again |= {"reply_to": chat.copies[0].native}
    again.pop("attachments", None)
    first = len(chat.copies)
    return [Step(step.event, step.part + first) for step in _message(again, chat)]


def without_file(step: Step, chat: Chat) -> list[Step]:
    """What stands in for a file that cannot be brought: its name, and a link if there is one."""
    event = step.event
    words = "\n".join(words_from_attachment(one, chat.link) for one in event["attachments"])
    text, spans = _lines((event.get("text", ""), event.get("spans") or []), words)
    return [Step({**event, "text": text, "spans": spans, "attachments": []}, step.part)]


# Reactions


def _reaction(event: Event, chat: Chat) -> list[Step]:
    """Our bot shows what it can of all reactions; a line under the message says the rest."""
    if not chat.copies:
        return []
    others = [one for one in event.get("reactions") or () if one["origin"] != chat.conversation]
    wanted = [*event.get("emoji", ())] if "reactions" not in event else _by_number(others)
    shown = _shown(wanted, chat.extensions.get("reaction"))
    steps = []
    if chat.can("reaction"):
        plain = {name: value for name, value in event.items() if name != "reactions"}
        steps.append(_about(plain, chat.copies[0], {"emoji": shown}))
    return steps + _line(event, chat, [] if shown else others)


def _by_number(reactions: Sequence[Reacted]) -> list[str]:
    return [emoji for emoji, _ in Counter(one["emoji"] for one in reactions).most_common()]


def _shown(wanted: Sequence[str], extension: Mapping[str, Any] | None) -> list[str]:
    if extension is None:
        return []
    known = extension.get("emoji")
    can = [emoji for emoji in wanted if known is None or emoji in known]
    return can[: extension.get("most") or len(can)]


def _line(event: Event, chat: Chat, reactions: Sequence[Reacted]) -> list[Step]:
    text, prefix = line_of_reactions(reactions), prefix_of(event)
    body: Event = {"ref": event["ref"], "message": f"{event['id']}{LINE}", "text": text}
    if chat.line and not text:
        kind = "delete"
    elif chat.line and chat.can("edit"):
        kind = "edit"
    elif text:
        return [Step(body | {"type": f"{prefix}.message", "reply_to": chat.copies[0].native})]
    else:
        return []
    return [_about(body | {"type": f"{prefix}.{kind}"}, chat.line[0], {})]


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
