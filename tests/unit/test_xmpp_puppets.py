"""Puppets in rooms, with a stream that only writes down."""

from __future__ import annotations

import asyncio
from hashlib import sha1
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from gateway.testing.port import MemoryPort
from gateway.vocabulary.errors import MediaError, NotSent, Refused
from protocols.xmpp.component.pictures import WAITING, Pictures
from protocols.xmpp.component.puppets import NOTE, Puppets
from protocols.xmpp.rooms import Rooms
from protocols.xmpp.settings import Bound

ROOM = "lobby@conference.example.org"
ADA: Any = {
    "id": "telegram:1",
    "name": "Ada",
    "handle": None,
    "kind": "person",
    "private": None,
}
JID = r"telegram\3a1@bridge.example.org/gateway"


class Stage:
    """Stands for the link and the stream: a room that answers as a test wants."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.answers: list[str] = []
        self.puppets = self.make()

    def make(self, port: MemoryPort | None = None, most: int = 2) -> Puppets:
        self.port = port or MemoryPort("xmpp:default")
        rooms = Rooms("Robo", SimpleNamespace(), Bound())  # type: ignore[arg-type]
        rooms.add(ROOM).entered.set()
        link: Any = self
        self.pictures = Pictures(self.port)
        self.puppets = Puppets(
            "bridge.example.org", self.port, link, rooms, self.pictures, most=most, hours=24
        )
        return self.puppets

    def ready(self) -> Stage:
        return self

    online = ready

    def say(self, text: str) -> None:
        self.said.append(text)
        if "type='unavailable'" not in text and self.answers:
            asyncio.get_running_loop().call_soon(self.show, self.answers.pop(0), self.nick)

    @property
    def nick(self) -> str:
        return self.said[-1].partition(f"{ROOM}/")[2].partition("'")[0]

    def show(self, condition: str, nick: str, codes: tuple[str, ...] = ("110",)) -> None:
        status = "".join(f"<status code='{code}'/>" for code in codes)
        inside = (
            f"<x xmlns='http://jabber.org/protocol/muc#user'>{status}"
            f"<item role='{'visitor' if condition == 'mute' else 'participant'}'/></x>"
        )
        kind = {"": "", "mute": "", "unavailable": "type='unavailable'"}.get(
            condition, "type='error'"
        )
        if "error" in kind:
            namespace = "urn:ietf:params:xml:ns:xmpp-stanzas"
            inside = f"<error type='cancel'><{condition} xmlns='{namespace}'/></error>"
        head = f"<presence xmlns='jabber:client' from='{ROOM}/{nick}' to='{JID}' {kind}>"
        self.puppets.presence(fromstring(f"{head}{inside}</presence>"))

    async def speaker(self, author: Any = ADA) -> Any:
        return await self.puppets.speaker(ROOM, author, "telegram:default")


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_a_puppet_enters_under_the_name_of_its_person(stage: Stage) -> None:
    stage.answers = [""]
    puppet = await stage.speaker()
    assert (puppet.jid, puppet.nick) == (JID, "Ada")


async def test_who_is_in_does_not_enter_again(stage: Stage) -> None:
    stage.answers = [""]
    assert await stage.speaker() is await stage.speaker()
    assert len(stage.said) == 1


async def test_a_taken_name_gets_the_network_and_then_a_number(stage: Stage) -> None:
    stage.answers = ["conflict", "conflict", ""]
    assert (await stage.speaker()).nick == "Ada (telegram) 2"


async def test_a_room_may_change_the_nick(stage: Stage) -> None:
    task = asyncio.create_task(stage.speaker())
    await asyncio.sleep(0)
    stage.show("", "ada", ("110", "210"))
    assert (await task).nick == "ada"


async def test_a_room_for_members_is_spoken_in_by_the_bot(stage: Stage) -> None:
    stage.answers = ["registration-required"]
    assert await stage.speaker() is None
    assert await stage.speaker() is None
    assert len(stage.said) == 1, "the room is not asked each time"


async def test_a_room_that_only_lets_listen_is_spoken_in_by_the_bot(stage: Stage) -> None:
    stage.answers = ["mute"]
    assert await stage.speaker() is None


async def test_whom_a_room_has_banned_nobody_speaks_for(stage: Stage) -> None:
    stage.answers = ["forbidden"]
    for _ in range(2):
        with pytest.raises(Refused, match="banned"):
            await stage.speaker()


async def test_whom_a_moderator_kicks_is_not_heard_for_a_while(stage: Stage) -> None:
    stage.answers = [""]
    await stage.speaker()
    stage.show("unavailable", "Ada", ("110", "307"))
    with pytest.raises(Refused, match="kicked"):
        await stage.speaker()


async def test_whom_a_fault_puts_out_comes_back_at_once(stage: Stage) -> None:
    stage.answers = ["", ""]
    await stage.speaker()
    stage.show("unavailable", "Ada", ("110", "307", "333"))
    assert (await stage.speaker()).joined


async def test_beyond_the_bound_there_is_no_puppet(stage: Stage) -> None:
    stage.make(most=1)
    stage.answers = [""]
    assert await stage.speaker() is not None
    assert await stage.speaker(ADA | {"id": "telegram:2"}) is None


async def test_a_lost_connection_is_no_refusal(stage: Stage) -> None:
    task = asyncio.create_task(stage.speaker())
    await asyncio.sleep(0)
    stage.puppets.lose()
    with pytest.raises(NotSent):
        await task
    stage.answers = [""]
    assert (await stage.speaker()).joined


async def test_another_process_knows_who_was_where(stage: Stage) -> None:
    stage.answers = ["conflict", ""]
    await stage.speaker()
    await stage.puppets.remember()
    again = stage.make(stage.port)
    await again.recall()
    stage.answers = [""]
    await again.return_to(ROOM)
    assert again.of(ROOM)[0].nick == "Ada (telegram)"
    assert again.of(ROOM)[0].joined


async def test_nothing_is_written_while_nothing_changes(stage: Stage) -> None:
    stage.answers = [""]
    await stage.speaker()
    await stage.puppets.remember()
    del stage.port.notes[NOTE]
    await stage.speaker()
    await stage.puppets.remember()
    assert NOTE not in stage.port.notes


async def test_an_absent_ledger_ends_nothing(stage: Stage) -> None:
    stage.answers = [""]
    await stage.speaker()
    stage.port.away = True
    await stage.puppets.remember()


async def test_who_left_is_known_until_the_room_has_shown_it(stage: Stage) -> None:
    stage.answers = [""]
    await stage.speaker()
    stage.puppets.leave(ROOM)
    gone = fromstring(f"<presence from='{ROOM}/Ada' type='unavailable'/>")
    assert [stage.puppets.shown(gone), stage.puppets.shown(gone)] == [True, False]


async def test_we_speak_for_nobody_where_we_are_not_ourselves(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.component.puppets.ENTER_SECONDS", 0.01)
    with pytest.raises(NotSent, match="not in elsewhere@"):
        await stage.puppets.speaker("elsewhere@example.org", ADA, "telegram:default")


# Pictures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
UPDATE = "<x xmlns='vcard-temp:x:update'><photo>"


@pytest.fixture
async def asking(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("protocols.xmpp.component.pictures.PAUSE", 0)
    task = asyncio.create_task(stage.pictures.run())
    yield stage.pictures
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def told(stage: Stage, count: int) -> str:
    """What was said last, of so much in all."""
    async with asyncio.timeout(20):
        while len(stage.said) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return stage.said[-1]


def picture(stage: Stage, tmp_path: Path, content: bytes = PNG) -> None:
    file = tmp_path / f"{len(content)}.png"
    file.write_bytes(content)
    stage.port.media.files[f"telegram:default/{len(content)}"] = file
    stage.port.pictures[ADA["id"]] = {
        "kind": "photo",
        "source": f"telegram:default/{len(content)}",
    }


async def test_a_picture_is_shown_after_the_person_came_in(
    stage: Stage, asking: Pictures, tmp_path: Path
) -> None:
    picture(stage, tmp_path)
    stage.answers = [""]
    await stage.speaker()
    assert UPDATE not in stage.said[0]
    assert f"{UPDATE}{sha1(PNG).hexdigest()}</photo>" in await told(stage, 2)


async def test_that_there_is_no_picture_is_shown_too(stage: Stage, asking: Pictures) -> None:
    stage.answers = [""]
    await stage.speaker()
    assert f"{UPDATE}</photo>" in await told(stage, 2)


async def test_who_comes_back_shows_the_picture_at_once(
    stage: Stage, asking: Pictures, tmp_path: Path
) -> None:
    picture(stage, tmp_path)
    stage.answers = [""]
    await stage.speaker()
    await told(stage, 2)
    stage.puppets.lose()
    stage.answers = [""]
    await stage.speaker()
    assert UPDATE in stage.said[2]
    assert len(stage.said) == 3


async def test_a_person_is_asked_about_once_a_day(
    stage: Stage, asking: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.answers = [""]
    await stage.speaker()
    await told(stage, 2)
    picture(stage, tmp_path)
    await stage.speaker()
    assert asking._questions.empty()
    monkeypatch.setattr("protocols.xmpp.component.pictures.DAY", 0)
    await stage.speaker()
    assert sha1(PNG).hexdigest() in await told(stage, 3)


@pytest.mark.parametrize("content", [b"no picture", PNG + bytes(40_000)])
async def test_what_cannot_be_shown_is_not_shown(
    stage: Stage, asking: Pictures, tmp_path: Path, content: bytes
) -> None:
    picture(stage, tmp_path, content)
    await asyncio.wait_for(_asked(asking, ADA["id"]), 5)
    assert asking.update(ADA["id"]) == ""


async def test_a_network_that_does_not_say_is_no_trouble(stage: Stage, asking: Pictures) -> None:
    stage.port.pictures[ADA["id"]] = MediaError("gone", "The network is away.")
    await asyncio.wait_for(_asked(asking, ADA["id"]), 5)
    stage.port.pictures["telegram:2"] = None
    await asyncio.wait_for(_asked(asking, "telegram:2"), 5)
    assert (asking.update(ADA["id"]), asking.update("telegram:2") != "") == ("", True)


async def _asked(pictures: Pictures, author: str) -> None:
    """Wait until it was asked about somebody, and about one person more."""
    done = asyncio.Event()
    pictures.changed = lambda author: done.set() if author == "operator" else None
    pictures._looks.pop("operator", None)
    pictures.want(author, "telegram:default")
    pictures.want("operator", "")
    await done.wait()


async def test_few_people_wait_to_be_asked_about(stage: Stage) -> None:
    for number in range(WAITING + 10):
        stage.pictures.want(f"telegram:{number}", "telegram:default")
    assert stage.pictures._questions.qsize() == WAITING


async def test_the_pictures_of_those_who_spoke_last_are_kept(
    stage: Stage, asking: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocols.xmpp.component.pictures.KEPT", 2)
    for number in range(3):
        await asyncio.wait_for(_asked(asking, f"telegram:{number}"), 5)
    assert asking.update("telegram:0") == ""
    assert UPDATE in asking.update("telegram:2")


async def test_a_repeated_look_is_not_taken_for_another_nick(
    stage: Stage, asking: Pictures
) -> None:
    stage.answers = [""]
    await stage.speaker()
    await told(stage, 2)
    renaming = asyncio.create_task(stage.speaker(ADA | {"name": "Countess"}))
    await told(stage, 3)
    stage.show("", "Ada")
    stage.show("", "Countess")
    assert (await renaming).nick == "Countess"


async def test_a_picture_that_comes_amid_a_new_name_is_shown_under_it(
    stage: Stage, asking: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.answers = [""]
    await stage.speaker()
    await told(stage, 2)
    renaming = asyncio.create_task(stage.speaker(ADA | {"name": "Countess"}))
    await told(stage, 3)
    monkeypatch.setattr("protocols.xmpp.component.pictures.DAY", 0)
    picture(stage, tmp_path)
    await asyncio.wait_for(_asked(asking, ADA["id"]), 5)
    stage.puppets._show(ADA["id"])
    assert len(stage.said) == 3
    stage.show("", "Countess")
    await renaming
    assert f"to='{ROOM}/Countess'" in stage.said[3]
    assert sha1(PNG).hexdigest() in stage.said[3]


async def test_another_process_asks_for_the_picture_too(stage: Stage) -> None:
    stage.answers = [""]
    await stage.speaker()
    await stage.puppets.remember()
    again = stage.make(stage.port)
    await again.recall()
    stage.answers = [""]
    await again.return_to(ROOM)
    assert stage.pictures._questions.get_nowait() == (ADA["id"], "telegram:default")


async def test_a_person_is_found_by_either_jid(stage: Stage) -> None:
    stage.answers = [""]
    puppet = await stage.speaker()
    bare = JID.partition("/")[0]
    found = [stage.puppets.behind(jid, room) for jid in (JID, bare) for room in (ROOM, "a@b")]
    assert found == [puppet] * 4
    assert stage.puppets.behind("other@bridge.example.org", ROOM) is None
