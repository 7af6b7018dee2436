"""A room on a stage: what people do in one member, and what is then seen in another one.

A screen is what people see in the end, one line for each message:

    @ helo <bold>you</bold>      said by Alice elsewhere; styles as tags
    ↳1 @ yes                     an answer to the first line
    @ look  {👍}                  with reactions
    @ look  [photo cat.jpg]      with a file
    Tea?  (Yes|No)               with buttons
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from consumers.base import ChatConsumer
from gateway.vocabulary.errors import Refused
from gateway.vocabulary.events import Author, Event, Span, kind_of
from gateway.vocabulary.ids import account_of, protocol_of
from house import House

TELEGRAM = "telegram:default:-5"
SECOND = "telegram:default:-6"
XMPP = "xmpp:default:lobby@conference.example.org"
WEB = "web:default:lobby"
MEMBERS = (TELEGRAM, SECOND, XMPP, WEB)
HERE = (TELEGRAM, XMPP, WEB)
"""Where something is done; the second group of Telegram only looks on."""

END = "that is all"


def person(name: str) -> Author:
    """Somebody whom every network may have."""
    key = f"person:{name.lower()}"
    return {"id": key, "name": name, "handle": None, "kind": "person", "private": None}


EVE, BOB = person("Eve"), person("Bob")


@dataclass(slots=True)
class Shown:
    """One message on a screen."""

    text: str
    spans: Sequence[Span] = ()
    reply: str | None = None
    files: Sequence[Any] = ()
    buttons: Sequence[Any] = ()
    reactions: list[str] = field(default_factory=list)

    def change(self, event: Event) -> None:
        """Say something else; files stay."""
        self.text, self.spans = event["text"], event.get("spans") or ()
        self.buttons = event.get("buttons") or ()


class Screen:
    """What a conversation shows after all that was delivered to it."""

    def __init__(self, house: House, conversation: str) -> None:
        self.shown: dict[str, Shown] = {}
        self._web = protocol_of(conversation) == "web"
        for number, (where, event) in enumerate(house.server(conversation).delivered, 1):
            if where == conversation:
                self._take(event, str(event["id"]) if self._web else f"n{number}")

    def _take(self, event: Event, own: str) -> None:
        match kind_of(event):
            case "message":
                self.shown[own] = Shown(
                    event["text"],
                    event.get("spans") or (),
                    event.get("reply_to"),
                    event.get("attachments") or (),
                    event.get("buttons") or (),
                )
            case "edit" if event["id"] in self.shown:
                self.shown[event["id"]].change(event)
            case "delete":
                self.shown.pop(event["id"], None)
            case "reaction" if event["id"] in self.shown:
                all_of_them = [one["emoji"] for one in event.get("reactions", ())]
                emoji = all_of_them if self._web else event["emoji"]
                self.shown[event["id"]].reactions = list(dict.fromkeys(emoji))

    def lines(self) -> list[str]:
        """The screen, line by line."""
        places = {native: place for place, native in enumerate(self.shown, 1)}
        return [self._line(shown, places) for shown in self.shown.values()]

    def _line(self, shown: Shown, places: dict[str, int]) -> str:
        answer = f"↳{places.get(shown.reply, '?')} " if shown.reply else ""
        files = "".join(f"  [{one['kind']} {one.get('name', '')}]" for one in shown.files)
        flat = [button["text"] for row in shown.buttons for button in row]
        buttons = f"  ({'|'.join(flat)})" if flat else ""
        emoji = f"  {{{' '.join(shown.reactions)}}}" if shown.reactions else ""
        return (answer + tagged(shown.text, shown.spans).rstrip() + files + buttons + emoji).strip()


def tagged(text: str, spans: Sequence[Span]) -> str:
    """A text with its styles as tags."""
    marks = [(span["start"], 1, -span["end"], f"<{span['style']}>") for span in spans]
    marks += [(span["end"], 0, -span["start"], f"</{span['style']}>") for span in spans]
    for place, _, _, mark in sorted(marks, reverse=True):
        text = text[:place] + mark + text[place:]
    return text


class Stage:
    """The member of a room where something is done, and those where it is seen."""

    def __init__(self, house: House, here: str) -> None:
        self.house, self.here = house, here
        house.remembers = True
        self.others = [member for member in MEMBERS if member != here]
        self.said: list[str] = []
        """The native ids of what was said here."""
        self._ends = 0

    def name(self, number: int | str) -> str:
        """What a message is called here: the first, second, or by its own name."""
        return self.said[number - 1] if isinstance(number, int) else number

    async def does(self, kind: str, where: str = "", **body: Any) -> Any:
        """Somebody does something; what arrived."""
        where = where or self.here
        if "attachments" in body:
            body["attachments"] = [_of_here(one, where) for one in body["attachments"]]
        arrival = self.house.arrival(where, body.pop("text", ""), **body)
        arrival.event["type"] = f"{protocol_of(where)}.{kind}"
        await self.house.server(where).port.accept([arrival])
        return arrival

    async def says(self, text: str, where: str = "", **body: Any) -> str:
        """Somebody says something; its native id."""
        where = where or self.here
        if (answered := body.get("reply_to")) is not None:
            body["reply_to"] = self.name(answered)
        arrival = await self.does("message", where, text=text, **body)
        if protocol_of(where) == "web":
            sql = "SELECT MAX(seq) FROM gateway_entry WHERE stream = %s"
            return str((await self.house.rows(sql, where))[0][0])
        return str(arrival.event["id"])

    async def seen(self) -> dict[str, list[str]]:
        """What is seen in the others in the end."""
        self._ends += 1
        end = f"{END} {self._ends}"
        await self.says(end, author=BOB)
        return {there: await self._seen(there, end) for there in self.others}

    async def _seen(self, there: str, end: str) -> list[str]:
        server = self.house.server(there)
        await server.until(lambda: any(end in text for text in server.texts(there)))
        lines = [line for line in self.screen(there) if END not in line]
        return [line.replace(f"Alice ({protocol_of(self.here)}):", "@") for line in lines]

    async def caught_up(self) -> None:
        """Wait until the others were shown all that was said."""
        for there in self.others:
            await self.house.shows(there, len(self.said))

    def screen(self, where: str) -> list[str]:
        """What is on a screen now."""
        return Screen(self.house, where).lines()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true."""
        await self.house.until(condition)


def _of_here(attachment: dict[str, Any], where: str) -> dict[str, Any]:
    """An attachment whose file is one of the account where it was sent."""
    source = attachment.get("source", "").replace("HERE", account_of(where))
    return attachment | ({"source": source} if source else {})


Act = Callable[[Stage], Awaitable[Any]]


def says(text: str = "", **body: Any) -> Act:
    """Somebody (Alice, if nobody is named) says something here."""

    async def act(stage: Stage) -> None:
        stage.said.append(await stage.says(text, **body))

    return act


def edits(number: int | str, text: str, **body: Any) -> Act:
    """Somebody changes what was said."""
    return lambda stage: stage.does("edit", id=stage.name(number), text=text, **body)


def deletes(number: int | str, **body: Any) -> Act:
    """Somebody takes away what was said."""
    return lambda stage: stage.does("delete", id=stage.name(number), **body)


def reacts(number: int | str, *emoji: str, **body: Any) -> Act:
    """Somebody shows reactions, and no others, on what was said."""
    return lambda stage: stage.does("reaction", id=stage.name(number), emoji=[*emoji], **body)


def joins(**body: Any) -> Act:
    """Somebody comes."""
    return lambda stage: stage.does("join", **body)


def leaves(**body: Any) -> Act:
    """Somebody goes."""
    return lambda stage: stage.does("leave", **body)


def refuses(kind: str, code: str, *, number: int = 1, file: bool = False) -> Act:
    """The networks refuse the n-th delivery of a kind (with a file, if ``file``)."""

    async def act(stage: Stage) -> None:
        await stage.caught_up()  # who is shown a message late is shown what it is by then
        count: Counter[str] = Counter()

        def refusal(where: str, event: Event) -> Exception | None:
            if where == stage.here or kind_of(event) != kind:
                return None
            if file and not event.get("attachments"):
                return None
            count[where] += 1
            return Refused(code, code.replace("_", " ")) if count[where] == number else None

        for server in stage.house.servers.values():
            server.refuses = refusal

    return act


class Silent(ChatConsumer):
    """Relays, and says nothing."""


async def open_room(house: House, application: Any = Silent, **manners: Any) -> House:
    """A gateway with one room of all members."""
    house.room("lobby", *(member for member in MEMBERS if member != WEB), **manners)
    await house.start(application.as_asgi())
    for member in MEMBERS:
        house.watch(member)
    return house


async def perform(stage: Stage, acts: Sequence[Act]) -> None:
    """One act after the other."""
    for act in acts:
        await act(stage)
        await asyncio.sleep(0)
