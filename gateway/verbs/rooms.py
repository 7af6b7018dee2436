"""``gateway rooms``: everything is asked of the running gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.config import load
from gateway.control import ask
from gateway.verbs.output import print_json, print_line


def list_rooms(file: Path | None, *, json: bool) -> None:
    """Print the rooms and their members."""
    rooms = _ask(file, "rooms")
    if json:
        print_json(rooms)
        return
    for room in rooms:
        print_line(f"{room['name']}  {room.get('access', '')}".rstrip())
        for member in room.get("members", ()):
            print_line(f"  {member}")


def create(file: Path | None, name: str, access: str) -> None:
    """Create a room."""
    _ask(file, "create_room", name=name, access=access)
    print_line(f"{name} is there; access: {access}")


def link(file: Path | None, room: str, conversation: str) -> None:
    """Make a conversation a member of a room."""
    _ask(file, "link", room=room, conversation=conversation)
    print_line(f"{conversation} is in {room}")


def unlink(file: Path | None, conversation: str) -> None:
    """Take a conversation out of its room."""
    _ask(file, "unlink", conversation=conversation)
    print_line(f"{conversation} is in no room")


def invite(file: Path | None, room: str) -> None:
    """Print an invitation."""
    print_line(str(_ask(file, "invite", room=room)))


def _ask(file: Path | None, verb: str, **arguments: Any) -> Any:
    return ask(load(file).socket, verb, **arguments)
