"""What is done in one network, as it is seen in the others: each case for each pair of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.vocabulary.ids import protocol_of
from gateway.vocabulary.nesting import STYLES
from house import House
from stage import (
    EVE,
    HERE,
    Act,
    Stage,
    deletes,
    edits,
    joins,
    leaves,
    open_room,
    perform,
    person,
    reacts,
    refuses,
    says,
)

Lines = Sequence[str]
LONG = "All work and no play makes Jack a dull boy. " * 120
SHORT = "short"
CAT = {
    "kind": "photo",
    "source": "HERE/aaaaaaaaaaaaaaaaaaaaa1",
    "name": "cat.jpg",
    "type": "image/jpeg",
}
LINK = {"url": "https://example.org/"}


@dataclass(frozen=True)
class Case:
    """What is done, and what is seen: everywhere, or by network."""

    name: str
    acts: Sequence[Act]
    seen: Lines | Mapping[str, Lines]

    def expected(self, there: str) -> list[str]:
        """What is seen there."""
        lines = self.seen
        if isinstance(lines, Mapping):
            lines = lines.get(protocol_of(there), lines.get("", ()))
        own = there.startswith("web:")
        return [line.replace("@ ", "").removeprefix("@") if own else line for line in lines]


def span(style: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    """A span."""
    return {"style": style, "start": start, "end": end, **more}


def styled(style: str) -> Case:
    """A word in a style."""
    shown: Lines = [f"@ a <{style}>word</{style}> b"]
    said = says("a word b", spans=[span(style, 2, 6, **(LINK if style == "link" else {}))])
    in_text = {"spoiler": "@ a ████ b", "link": "@ a word (https://example.org/) b"}
    bare = [in_text.get(style, "@ a word b")]
    can = style in ("bold", "italic", "strike", "code", "pre", "quote")
    return Case(style, [said], shown if can else {"": shown, "xmpp": bare})


def pieces(text: str, *limits: int) -> list[str]:
    """A text in words, cut where each piece would be longer than its limit."""
    found, words = [""], text.split(" ")
    for word in words:
        limit = limits[min(len(found), len(limits)) - 1]
        if len(found[-1] + word) > limit:
            found.append("")
        found[-1] += f"{word} "
    return [piece.strip() for piece in found if piece.strip()]


PLAIN = [
    Case("plain", [says("hello")], ["@ hello"]),
    Case("in order", [says("one"), says("two"), says("three")], ["@ one", "@ two", "@ three"]),
    Case("markup is text", [says("<b>&amp; *x* _y_ {name}")], ["@ <b>&amp; *x* _y_ {name}"]),
    Case("nothing at all", [says("")], {"": ["@"], "web": [""]}),
    *[styled(style) for style in STYLES],
    Case(
        "one style in another, behind an emoji",
        [says("😀 abc", spans=[span("bold", 2, 5), span("italic", 3, 5)])],
        ["@ 😀 <bold>a<italic>bc</italic></bold>"],
    ),
    Case(
        "an action",
        [says("/me waves")],
        {
            "telegram": ["* Alice (NET) waves"],
            "xmpp": ["* Alice (NET) waves"],
            "web": ["/me waves"],
        },
    ),
    Case("what was forwarded", [says("Forwarded from Zed:\nhi")], ["@ Forwarded from Zed:\nhi"]),
]

NAMES = [
    Case("a name like a network", [says("hi", author=person("Al (web)"))], ["Al [web] (NET): hi"]),
    Case("a name that turns about", [says("hi", author=person("A\u202el"))], ["A l (NET): hi"]),
    Case("a name of two lines", [says("hi", author=person("A\nl"))], ["A l (NET): hi"]),
    Case("a name of format", [says("hi", author=person("{text}"))], ["{text} (NET): hi"]),
    Case("no name", [says("hi", author=person(" "))], ["somebody (NET): hi"]),
]

EDITS = [
    Case("edit", [says("helo"), edits(1, "hello")], ["@ hello"]),
    Case(
        "edit with a style",
        [says("helo"), edits(1, "hello", spans=[span("bold", 0, 5)])],
        ["@ <bold>hello</bold>"],
    ),
    Case("edit twice", [says("a"), edits(1, "b"), edits(1, "c")], ["@ c"]),
    Case("edit of the first of two", [says("a"), says("b"), edits(1, "c")], ["@ c", "@ b"]),
    Case(
        "edit by the name that the author's client gave",
        [says("helo", origin_id="o1"), edits("o1", "hello", origin_id="o1")],
        ["@ hello"],
    ),
    Case("edit by somebody else", [says("mine"), edits(1, "hers", author=EVE)], ["@ mine"]),
    Case(
        "edit by somebody else by the client's name",
        [says("mine", origin_id="o1"), edits("o1", "hers", origin_id="o1", author=EVE)],
        ["@ mine"],
    ),
    Case(
        "a name that somebody else gave again",
        [
            says("mine", origin_id="o1"),
            says("hers", origin_id="o1", author=EVE),
            edits("o1", "changed", origin_id="o1", author=EVE),
        ],
        ["@ mine", "Eve (NET): changed"],
    ),
    Case(
        "a name given twice is that of the later",
        [
            says("a", origin_id="o1"),
            says("b", origin_id="o1"),
            edits("o1", "c", origin_id="o1"),
        ],
        ["@ a", "@ c"],
    ),
    Case("edit of nothing that is known", [says("a"), edits("99", "b")], ["@ a"]),
    Case(
        "edit that comes too late",
        [says("helo"), refuses("edit", "too_old"), edits(1, "hello")],
        {"": ["@ helo", "↳1 @ (changed) hello"], "web": ["hello"]},
    ),
    Case(
        "edit of an answer",
        [says("tea?"), says("yess", reply_to=1), edits(2, "yes")],
        ["@ tea?", "↳1 @ yes"],
    ),
    Case(
        "edit of an answer to what is not there",
        [says("yess", reply_to="77", quoted={"author": "Zed", "text": "tea?"}), edits(1, "yes")],
        {
            "": ["<quote>Zed: tea?</quote>\n@ yes"],
            "web": ["yes"],
        },
    ),
]

LENGTHS = [
    Case(
        "a text of 5,000 characters",
        [says(LONG)],
        {
            "": [f"@ {LONG}"],
            "telegram": [f"@ {LONG}"],
        },
    ),
]

DELETES = [
    Case("delete", [says("oops"), deletes(1)], []),
    Case(
        "delete by the client's name",
        [says("oops", origin_id="o"), deletes("o", origin_id="o")],
        [],
    ),
    Case("delete by somebody else", [says("mine"), deletes(1, author=EVE)], ["@ mine"]),
    Case("delete by a moderator", [says("spam"), deletes(1, author=EVE, moderated=True)], []),
    Case("delete twice", [says("oops"), says("b"), deletes(1), deletes(1)], ["@ b"]),
    Case("edit after delete", [says("oops"), deletes(1), edits(1, "again")], []),
    Case(
        "delete that comes too late",
        [says("oops"), refuses("delete", "too_old"), deletes(1)],
        {"": ["(taken away)"], "web": []},
    ),
]

ANSWERS = [
    Case("answer", [says("tea?"), says("yes", reply_to=1)], ["@ tea?", "↳1 @ yes"]),
    Case(
        "answer to an answer",
        [says("a"), says("b", reply_to=1), says("c", reply_to=2)],
        ["@ a", "↳1 @ b", "↳2 @ c"],
    ),
    Case("answer to what nobody knows", [says("yes", reply_to="77")], ["@ yes"]),
    Case(
        "answer to what was deleted",
        [says("tea?"), deletes(1), says("yes", reply_to=1)],
        ["@ yes"],
    ),
]

REACTIONS = [
    Case("reaction", [says("a"), reacts(1, "👍")], ["@ a  {👍}"]),
    Case("reaction that changes", [says("a"), reacts(1, "👍"), reacts(1, "🔥")], ["@ a  {🔥}"]),
    Case("reaction taken back", [says("a"), reacts(1, "👍"), reacts(1)], ["@ a"]),
    Case(
        "two people, one reaction",
        [says("a"), reacts(1, "👍"), reacts(1, "👍", author=EVE)],
        ["@ a  {👍}"],
    ),
    Case(
        "two people, one takes it back",
        [says("a"), reacts(1, "👍"), reacts(1, "👍", author=EVE), reacts(1)],
        ["@ a  {👍}"],
    ),
    Case(
        "two reactions",
        [says("a"), reacts(1, "👍"), reacts(1, "🔥", author=EVE)],
        {"": ["@ a  {👍 🔥}"], "telegram": ["@ a  {👍}", "↳1 🔥 Eve"]},
    ),
    Case(
        "reactions that Telegram has not",
        [says("a"), reacts(1, "🫎"), reacts(1, "🫎", "🐡", author=EVE)],
        {"": ["@ a  {🫎 🐡}"], "telegram": ["@ a", "↳1 🫎 Alice, Eve · 🐡 Eve"]},
    ),
    Case(
        "the line goes and comes again",
        [says("a"), reacts(1, "🫎"), reacts(1), reacts(1, "🐡"), reacts(1, "🐙")],
        {"": ["@ a  {🐙}"], "telegram": ["@ a", "↳1 🐙 Alice"]},
    ),
    Case(
        "reaction to what was deleted",
        [says("a"), deletes(1), reacts(1, "👍")],
        [],
    ),
    Case("reaction to what nobody knows", [says("a"), reacts("77", "👍")], ["@ a"]),
    Case(
        "a reaction that is refused is said",
        [says("a"), refuses("reaction", "bad_request"), reacts(1, "👍")],
        {"": ["@ a", "↳1 👍 Alice"], "web": ["a  {👍}"]},
    ),
]

PLACE = {"kind": "location", "latitude": 52.5, "longitude": 13.4}
POLL = {"kind": "poll", "text": "Tea? 1. Yes 2. No"}
CONTACT = {"kind": "contact", "text": "Zed +49 30 1"}
VOICE = {"kind": "voice", "source": "HERE/aaaaaaaaaaaaaaaaaaaaa2", "duration": 3.0}
STICKER = {"kind": "sticker", "source": "HERE/aaaaaaaaaaaaaaaaaaaaa3", "text": "😀"}
DOCUMENT = {
    "kind": "document",
    "source": "HERE/aaaaaaaaaaaaaaaaaaaaa4",
    "name": "a.pdf",
    "size": 2_000_000,
}
HUGE = DOCUMENT | {"size": 900_000_000}


def file(attachment: dict[str, Any], shown: str) -> Case:
    """A file without words."""
    name = f"{attachment['kind']}"
    lines = {"": [f"@  [{shown}]"], "xmpp": ["@", f"[{shown}]"], "web": [f"[{shown}]"]}
    return Case(name, [says(attachments=[attachment])], lines)


def in_words(attachment: dict[str, Any], words: str) -> Case:
    """What is no file is said in words, or shown by the page."""
    web = [f"[{attachment['kind']} {attachment.get('name', '')}]"]
    lines = {"": [f"@ {words}"], "web": web}
    return Case(f"{attachment['kind']} in words", [says(attachments=[attachment])], lines)


FILES = [
    file(CAT, "photo cat.jpg"),
    file(DOCUMENT, "document a.pdf"),
    file(VOICE, "voice "),
    file(STICKER, "sticker "),
    in_words(PLACE, "[location] geo:52.500000,13.400000"),
    in_words(POLL, "[poll: Tea? 1. Yes 2. No]"),
    in_words(CONTACT, "[contact: Zed +49 30 1]"),
    in_words(HUGE, "[document: a.pdf, 900 MB]"),
    Case(
        "photo with words",
        [says("a cat", attachments=[CAT])],
        {
            "": ["@ a cat  [photo cat.jpg]"],
            "xmpp": ["@ a cat", "[photo cat.jpg]"],
        },
    ),
    Case(
        "edit of the words of a photo",
        [says("a cta", attachments=[CAT]), edits(1, "a cat", attachments=[CAT])],
        {
            "": ["@ a cat  [photo cat.jpg]"],
            "xmpp": ["@ a cat", "[photo cat.jpg]"],
        },
    ),
    Case(
        "edit of the words of a photo by a client that does not name it",
        [says("a cta", attachments=[CAT]), edits(1, "a cat")],
        {
            "": ["@ a cat  [photo cat.jpg]"],
            "xmpp": ["@ a cat", "[photo cat.jpg]"],
        },
    ),
    Case(
        "words added to a photo",
        [says("", attachments=[CAT]), edits(1, "a cat", attachments=[CAT])],
        {
            "": ["@ a cat  [photo cat.jpg]"],
            "xmpp": ["@ a cat", "[photo cat.jpg]"],
        },
    ),
    Case(
        "delete of a photo with words",
        [says("a cat", attachments=[CAT]), deletes(1)],
        [],
    ),
    Case(
        "an album",
        [says("cats", attachments=[CAT], album="7"), says("", attachments=[CAT], album="7")],
        {
            "": ["@ cats  [photo cat.jpg]", "@  [photo cat.jpg]"],
            "xmpp": ["@ cats", "[photo cat.jpg]", "@", "[photo cat.jpg]"],
            "web": ["cats  [photo cat.jpg]", "[photo cat.jpg]"],
        },
    ),
    Case(
        "a file that cannot be brought",
        [refuses("message", "gone", file=True), says("a cat", attachments=[CAT])],
        {
            "": ["@ a cat\n[photo: cat.jpg]"],
            "xmpp": ["@ a cat", "[photo: cat.jpg]"],
            "web": ["a cat  [photo cat.jpg]"],
        },
    ),
    Case(
        "the second of two files cannot be brought",
        [
            refuses("message", "gone", file=True, number=2),
            says("cats", attachments=[CAT, DOCUMENT, CAT]),
        ],
        {
            "": ["@ cats  [photo cat.jpg]", "[document: a.pdf, 2 MB]", "[photo cat.jpg]"],
            "xmpp": ["@ cats", "[photo cat.jpg]", "[document: a.pdf, 2 MB]", "[photo cat.jpg]"],
            "web": ["cats  [photo cat.jpg]  [document a.pdf]  [photo cat.jpg]"],
        },
    ),
]

MANNERS = [
    Case("what another gateway brought", [says("x", bridged=True), says("y")], ["@ y"]),
    Case("its edit", [says("x", bridged=True), edits(1, "z", bridged=True), says("y")], ["@ y"]),
    Case("its reaction", [says("x"), reacts(1, "👍", bridged=True)], ["@ x"]),
    Case("joins are not told", [joins(author=EVE), leaves(author=EVE), says("y")], ["@ y"]),
]

CASES = [*PLAIN, *NAMES, *EDITS, *DELETES, *ANSWERS, *REACTIONS, *FILES, *MANNERS]


def names(value: object) -> str:
    """How a parameter is called in the name of a test."""
    if isinstance(value, Case):
        return value.name
    return protocol_of(str(value))


def expected(case: Case, here: str, there: str) -> list[str]:
    """What is seen there; the web shows the author beside the text."""
    network = protocol_of(here)
    lines = [line.replace("NET", network) for line in case.expected(there)]
    if protocol_of(there) == "web":
        lines = [line.partition(f" ({network}): ")[2] or line for line in lines]
    return [line.strip() for line in lines]


@pytest.mark.parametrize("here", HERE, ids=names)
@pytest.mark.parametrize("case", CASES, ids=names)
async def test_what_is_seen_elsewhere_of(house: House, case: Case, here: str) -> None:
    stage = Stage(await open_room(house), here)
    await perform(stage, case.acts)
    seen = await stage.seen()
    assert seen == {there: expected(case, here, there) for there in stage.others}
