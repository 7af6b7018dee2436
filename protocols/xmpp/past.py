"""What an archive holds, and where a reader of it stands (XEP-0313). Nothing here performs I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement

from protocols.xmpp.elements import CLIENT, DELAY, STANZA_ID
from protocols.xmpp.identity import bare
from protocols.xmpp.occupants import Occupant, Room, occupant_id

MAM = "urn:xmpp:mam:2"
RESULT = f"{{{MAM}}}result"
FIN = f"{{{MAM}}}fin"
RSM = "{http://jabber.org/protocol/rsm}"
FORM = "{jabber:x:data}"
FORWARDED = "{urn:xmpp:forward:0}forwarded"
PAGE = 100
"""Messages asked for at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far an archive has been read: the last message's id (empty: none), and when it came."""

    id: str
    at: float


@dataclass(frozen=True, slots=True)
class Result:
    """One message of an archive, under the id and the time that the archive gave it."""

    id: str
    at: float
    message: Element


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive messages of an archive, oldest first."""

    results: tuple[Result, ...]
    last: str | None
    """What to ask on from."""
    complete: bool
    """Whether this was all that the archive has."""


def note_from_place(place: Place | None) -> str:
    """A place, as it is kept in the ledger; empty: none any more."""
    return json.dumps([place.id, place.at]) if place is not None else ""


def place_from_note(note: str | None) -> Place | None:
    """Read it back; None if nothing was kept."""
    if not note:
        return None
    identity, at = json.loads(note)
    return Place(str(identity), float(at))


def query(
    name: str,
    *,
    after: str | None,
    start: float | None = None,
    end: float | None = None,
    newest: bool = False,
) -> Element:
    """Ask for a page after an id, between two times, or (``newest``) for the last message alone."""
    asked = Element(f"{{{MAM}}}query", {"queryid": name})
    if start is not None or end is not None:
        form = SubElement(asked, f"{FORM}x", {"type": "submit"})
        _field(form, "FORM_TYPE", MAM)
        for name_of_time, time in (("start", start), ("end", end)):
            if time is not None:
                _field(form, name_of_time, _stamp(time))
    pages = SubElement(asked, f"{RSM}set")
    SubElement(pages, f"{RSM}max").text = "1" if newest else str(PAGE)
    if newest:
        SubElement(pages, f"{RSM}before")
    elif after is not None:
        SubElement(pages, f"{RSM}after").text = after
    return asked


def _stamp(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _field(form: Element, name: str, value: str) -> None:
    field = SubElement(form, f"{FORM}field", {"var": name})
    SubElement(field, f"{FORM}value").text = value


def page_from_fin(fin: Element | None, results: tuple[Result, ...]) -> Page:
    """What the archive said when it had shown everything that was asked for."""
    complete = fin is None or fin.get("complete") in ("true", "1")
    last = fin.findtext(f"{RSM}set/{RSM}last") if fin is not None else None
    last = last or (results[-1].id if results else None)
    return Page(results, last, complete or last is None)


def result_from_stanza(archive: str, message: Element, now: float) -> Result | None:
    """Read one result; None if it holds no message (a room may keep presences too).

    Whatever the message says of its id in this archive is replaced by what the archive says.
    """
    result = message.find(RESULT)
    forwarded = result.find(FORWARDED) if result is not None else None
    said = forwarded.find(f"{CLIENT}message") if forwarded is not None else None
    if result is None or forwarded is None or said is None or not result.get("id"):
        return None
    for given in [given for given in said.iterfind(STANZA_ID) if given.get("by") == archive]:
        said.remove(given)
    SubElement(said, STANZA_ID, {"by": archive, "id": result.get("id", "")})
    delay = forwarded.find(DELAY)
    if delay is not None and said.find(DELAY) is None:
        said.insert(0, delay)
    return Result(result.get("id", ""), _time(delay, now), said)


def _time(delay: Element | None, now: float) -> float:
    try:
        return datetime.fromisoformat(
            delay.get("stamp", "") if delay is not None else ""
        ).timestamp()
    except (ValueError, OverflowError):
        return now


def room_as_of(room: Room, message: Element) -> Room:
    """The room as one of its past messages tells it: a nick may be somebody else's by now.

    Who spoke is known by the occupant-id alone; the real JID only while that person is there.
    """
    nick = message.get("from", "").partition("/")[2]
    said = occupant_id(message, room)
    person = next((p for p in room.occupants.values() if p.id and p.id == said), None)
    speaker = Occupant(nick, said, person.real if person is not None else None)
    return replace(room, occupants={nick: speaker} if nick else {}, words={})


def said_by_us(message: Element, room: Room) -> bool:
    """Whether a past message of a room is ours.

    By the occupant-id. Our name counts too, because a room that was made anew gives new ids;
    unless the id is that of somebody else who is there.
    """
    said, nick = occupant_id(message, room), message.get("from", "").partition("/")[2]
    ours = room.occupants.get(room.nick)
    if said and ours is not None and ours.id == said:
        return True
    return nick == room.nick and not (said and any(p.id == said for p in room.others()))


def from_room(message: Element, room: Room) -> bool:
    """Whether the room itself, or somebody in it, said this there."""
    return message.get("type") == "groupchat" and bare(message.get("from", "")) == room.jid
