"""What a chat cannot show becomes what it can: once, here.

``extensions`` of a chat say what it can (``docs/specs/conversation.rst``). An event becomes
steps, each of which the chat can show; its server delivers them one by one.

A message may have several parts in a chat. The numbers of its parts say what they are, so that a
change of its text never touches a file: ``CAPTIONED``, if there is one, is the file that bears the
text (or its beginning); from 0 on they are pieces of text, from ``FILES`` on files without words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.vocabulary.events import Attachment, Event, Reacted, kind_of, prefix_of
from gateway.vocabulary.ids import protocol_of
from gateway.vocabulary.spans import Styled, join, part, split, without_styles
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

ACTION = "* {name} ({network}) {text}"
"""How it is shown if it began with ``/me`` (XEP-0245)."""

ME = "/me "

CHANGED = "(changed) "
"""What stands before a message that is said again because it cannot be changed."""

GONE = "(taken away)"
"""What stands in the place of a message that cannot be taken away, or under it."""

LINE = "~reactions"
"""What the id of a message is followed by in the name of the line under it."""

CAPTIONED = -1
"""The part that is a file and bears the text."""

FILES = 1_000
"""The first part that is a file without words."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One part of a message as a conversation knows it; its author's client calls it otherwise."""

    part: int
    native: str
    origin_id: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One event for a server; ``part`` is the number of the copy that it makes or is about."""

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

    @property
    def texts(self) -> list[Copy]:
        """The parts that bear the text."""
        return [copy for copy in self.copies if copy.part < FILES]


def steps_from_event(event: Event, chat: Chat) -> list[Step]:
    """The steps by which a chat shows an event; none if it has nothing to show for it."""
    match kind_of(event):
        case "message":
            return _message(event, chat)
        case "edit":
            return _edit(event, chat)
        case "delete":
            return _delete(event, chat)
        case "reaction":
            return _reaction(event, chat)
        case "answer":
            return _answer(event, chat)
    return [Step(event)]


# Messages


def _message(event: Event, chat: Chat) -> list[Step]:
    files, others = _files(event, chat)
    styled = _written(event, chat, others)
    limit = _limits(chat, "file").get("caption", 0)
    if files and limit and _measure(chat)(styled[0]) <= limit:
        first = {**_body(styled), "attachments": files[:1]}
        steps, files = [Step(first, CAPTIONED)], files[1:]
    else:
        steps = _texts(_pieces(styled, chat, empty=not files))
    _put_buttons(steps, event)
    steps += [
        Step({"text": "", "attachments": [file]}, FILES + number)
        for number, file in enumerate(files)
    ]
    return _whole(event, steps)


def _whole(event: Event, steps: Sequence[Step]) -> list[Step]:
    """Steps with all that the event has beside what they are composed of; the first answers."""
    composed = ("text", "spans", "attachments", "buttons")
    plain = {name: value for name, value in event.items() if name not in composed}
    later = plain | {"reply_to": None, "quoted": None}
    return [Step((later if n else plain) | step.event, step.part) for n, step in enumerate(steps)]


def _texts(pieces: Sequence[Styled], first: int = 0) -> list[Step]:
    return [Step(_body(piece), first + number) for number, piece in enumerate(pieces)]


def _put_buttons(steps: Sequence[Step], event: Event) -> None:
    if event.get("buttons") and steps:  # where they are a list, a number presses them
        steps[-1].event["buttons"] = event["buttons"]


def files_in_words(event: Event, chat: Chat) -> list[Attachment]:
    """The files of a message that a chat takes no file for, and that cannot be had by a link."""
    others = _files(event, chat)[1]
    return [one for one in others if one.get("source") and chat.link(one) is None]


def _files(event: Event, chat: Chat) -> tuple[list[Attachment], list[Attachment]]:
    """The attachments that go as files, and those that are said in words."""
    limit = _limits(chat, "file").get("max_size", math.inf) if chat.can("file") else -1
    files: list[Attachment] = []
    others: list[Attachment] = []
    for attachment in event.get("attachments") or ():
        fits = attachment.get("source") and attachment.get("size", 0) <= limit
        (files if fits else others).append(attachment)
    return files, others


def _limits(chat: Chat, name: str) -> Mapping[str, Any]:
    limits: Mapping[str, Any] = chat.extensions.get(name, {})
    return limits


def _measure(chat: Chat) -> Any:
    return MEASURES[_limits(chat, "message").get("unit", "codepoints")]


def _pieces(styled: Styled, chat: Chat, *, empty: bool = False) -> list[Styled]:
    """A text in messages; a chat without a limit shows an empty one, if ``empty``."""
    limits = _limits(chat, "message")
    if "max_text" not in limits:
        return [styled] if styled[0] or empty else []
    pieces = split(*styled, limits["max_text"], _measure(chat))
    return [piece for piece in pieces if piece[0].strip()]


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
    return without_styles(*said, _limits(chat, "spans").get("styles", ()))


def _lines(said: Styled, more: str) -> Styled:
    return join(said, (f"\n{more}" if said[0] else more, []))


def is_ours(event: Event) -> bool:
    """Whether our bot says something, and not somebody else through it."""
    origin = event.get("origin")
    return event.get("author") is None or (origin is not None and protocol_of(origin) == "room")


def _with_name(said: Styled, event: Event, form: str) -> Styled:
    """The text with the name of who said it, if that was somebody other than our bot."""
    if is_ours(event):
        return said
    if said[0].startswith(ME):
        form, said = ACTION, part(*said, len(ME), len(said[0]))
    network = protocol_of(event["origin"]) if event.get("origin") else "operator"
    name = name_in_text(event["author"]["name"])
    before, _, after = form.format(name=name, network=network, text="\0").partition("\0")
    return join((before, []), said, (after, []))


# What is about a message


def _about(event: Event, copy: Copy, body: Event) -> Step:
    """Something about one part of a message that is there."""
    names = {"id": copy.native, "origin_id": copy.origin_id}
    return Step(event | names | body, copy.part)


def _edit(event: Event, chat: Chat) -> list[Step]:
    """Change the texts that are there, say what is more, take away what is too many."""
    if not chat.copies:
        return []
    if not chat.can("edit"):
        return said_again(event, chat)
    copies, steps = chat.texts, _texts_of_edit(event, chat)
    changed = [_changed(event, copy, step) for copy, step in zip(copies, steps, strict=False)]
    first = {"reply_to": None, "quoted": None}
    more = _whole(_anew(event) | first, steps[len(copies) :])
    more = [Step(step.event, _next_text(chat) + n) for n, step in enumerate(more)]
    extra = copies[len(steps) :]
    return [*changed, *more, *(_taken_away(event, copy) for copy in extra if chat.can("delete"))]


def _texts_of_edit(event: Event, chat: Chat) -> list[Step]:
    """What the parts with text say after a change; a caption says as much of it as it can."""
    files, others = _files(event, chat)
    if not any(copy.part == CAPTIONED or copy.part >= FILES for copy in chat.copies):
        files, others = [], [*files, *others]  # they were said in words
    styled, caption = _written(event, chat, others), list[Styled]()
    if chat.texts and chat.texts[0].part == CAPTIONED:
        limit = _limits(chat, "file").get("caption", 0)
        caption = [next(split(*styled, limit, _measure(chat)), ("", []))]
        styled = part(*styled, len(caption[0][0]), len(styled[0]))
    steps = _texts([*caption, *_pieces(styled, chat)])
    if caption:
        steps[0].event["attachments"] = files[:1]
    _put_buttons(steps, event)
    return steps


def _changed(event: Event, copy: Copy, step: Step) -> Step:
    bare: Event = {"text": "", "spans": [], "attachments": [], "buttons": []}
    return _about(event, copy, bare | step.event)


def _next_text(chat: Chat) -> int:
    return max([copy.part for copy in chat.texts] or [-1]) + 1


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
    first = _next_text(chat)
    return [Step(step.event, step.part + first) for step in _message(again, chat)]


def _delete(event: Event, chat: Chat) -> list[Step]:
    """Take every part away, the latest first: the others may be too old for it."""
    if not chat.can("delete"):
        return gone(event, chat)
    return [_taken_away(event, copy) for copy in reversed(chat.copies)]


def _taken_away(event: Event, copy: Copy) -> Step:
    return _about(event, copy, {"type": f"{prefix_of(event)}.delete"})


def gone(event: Event, chat: Chat) -> list[Step]:
    """What stands in for a delete that a chat cannot do, or does no more."""
    prefix, said = prefix_of(event), {"text": GONE, "spans": [], "attachments": [], "buttons": []}
    if chat.can("edit"):
        return [_about(event, copy, said | {"type": f"{prefix}.edit"}) for copy in chat.texts]
    if not chat.copies:
        return []
    return [Step(_anew(event) | said | {"reply_to": chat.copies[0].native}, _next_text(chat))]


def without_file(step: Step, chat: Chat) -> list[Step]:
    """What stands in for a file that cannot be brought: its name, and a link if there is one."""
    event = step.event
    words = "\n".join(words_from_attachment(one, chat.link) for one in event["attachments"])
    text, spans = _lines((event.get("text", ""), event.get("spans") or []), words)
    said = {**event, "text": text, "spans": spans, "attachments": []}
    return [Step(said, 0 if step.part == CAPTIONED else step.part)]


def _answer(event: Event, chat: Chat) -> list[Step]:
    """What is shown to who pressed; where a number was the press, it is an answer to that."""
    if chat.can("button"):
        return [Step(event)]
    if not event.get("text"):
        return []
    body = {"text": event["text"], "reply_to": event["token"].rpartition("|")[2]}
    return _message({"type": f"{prefix_of(event)}.message", "ref": event["ref"]} | body, chat)


# Reactions


def _reaction(event: Event, chat: Chat) -> list[Step]:
    """Our bot shows what it can of all reactions; a line under the message says the rest."""
    if not chat.copies:
        return []
    if chat.can("author") and chat.can("reaction"):  # then everybody shows their own
        return [_reacted(event, chat, _shown(event.get("emoji", ()), chat.extensions["reaction"]))]
    others = _of_others(event, chat)
    wanted = [*event.get("emoji", ())] if "reactions" not in event else _by_number(others)
    shown = _shown(wanted, chat.extensions.get("reaction"))
    steps = []
    if chat.can("reaction"):
        steps.append(_reacted(event, chat, shown))
    return steps + _line(event, chat, [one for one in others if one["emoji"] not in shown])


def _reacted(event: Event, chat: Chat, emoji: Sequence[str]) -> Step:
    plain = {name: value for name, value in event.items() if name != "reactions"}
    return _about(plain, chat.copies[0], {"emoji": [*emoji]})


def reactions_in_words(event: Event, chat: Chat) -> list[Step]:
    """What stands in for reactions that a chat does not take."""
    return _line(event, chat, _of_others(event, chat))


def _of_others(event: Event, chat: Chat) -> list[Reacted]:
    return [one for one in event.get("reactions") or () if one["origin"] != chat.conversation]


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
    if chat.line and not text and chat.can("delete"):
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
        complete = "\0" in form.format(name="", network="", text="\0")
    except (LookupError, ValueError, AttributeError):
        complete = False
    if not complete:
        raise ValueError("takes {text}, {name} and {network}, and {text} must be in it")
    return form
