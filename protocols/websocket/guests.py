"""Who is at the other end of a socket, and where it wants to go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from django.http import parse_cookie

from gateway.vocabulary.events import Author, Facts
from gateway.vocabulary.ids import check_room_name, key_parts
from gateway.vocabulary.nesting import STYLES
from gateway.vocabulary.text import clean_name
from protocols.websocket.said import MAX_TEXT, client_from_query
from protocols.websocket.visitors import COOKIE, name_of, new_visitor, visitor_from_cookie

_PATH = re.compile(r"/ws/(?:chat|rooms/(?P<room>[^/]+))/?")
_SEQ = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Guest:
    """A socket's person, and what its address asked for.

    ``room`` is None in a private chat with the bot; ``since`` is None for a newcomer.
    """

    visitor: str
    known: bool
    author: Author
    conversation: str
    room: str | None
    code: str | None
    client: str | None
    since: int | None
    epoch: str | None


def is_chat(path: str) -> bool:
    """Whether a path is one of the web platform's own."""
    return _PATH.fullmatch(path) is not None


def guest_from_scope(account: str, scope: dict[str, Any]) -> Guest:
    """Read a ``websocket`` scope; raises ``ValueError`` if its path names no possible room."""
    match = _PATH.fullmatch(scope["path"])
    if match is None:
        raise ValueError(f"{scope['path']!r} is no chat")
    room = match["room"]
    query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=16)
    known = visitor_from_cookie(cookies(scope).get(COOKIE))
    visitor = known or new_visitor()
    since = _first(query, "since")
    return Guest(
        visitor=visitor,
        known=known is not None,
        author=_author(account, visitor, scope.get("user"), _first(query, "name")),
        conversation=f"{account}:{check_room_name(room) if room else '~' + visitor}",
        room=room,
        code=_first(query, "code") or None,
        client=client_from_query(_first(query, "client")),
        since=int(since) if _SEQ.fullmatch(since) else None,
        epoch=_first(query, "epoch") or None,
    )


def author_from_scope(account: str, scope: dict[str, Any]) -> Author | None:
    """The visitor who makes a request; None if the browser never opened a chat here."""
    visitor = visitor_from_cookie(cookies(scope).get(COOKIE))
    return _author(account, visitor, scope.get("user"), "") if visitor else None


def cookies(scope: dict[str, Any]) -> dict[str, str]:
    """The cookies of a scope."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
    found: dict[str, str] = parse_cookie("; ".join(lines))
    return found


def facts_from_key(conversation: str) -> Facts:
    """What is known of a web chat from its key alone; raises ``ValueError`` if it is none."""
    key = key_parts(conversation)
    visitor = key.place[1:] if key.place.startswith("~") else None
    person = _author(f"{key.protocol}:{key.account}", visitor, None, "") if visitor else None
    return {
        "bot": {"id": "web", "name": "gateway"},
        "chat": {
            "id": key.place,
            "kind": "private" if person else "group",
            "title": person["name"] if person else key.place,
        },
        "thread": None,
        "user": person,
        "extensions": extensions(),
    }


def extensions() -> dict[str, dict[str, Any]]:
    """What a web chat can do; ``author``: it shows who spoke, so a text needs no name in front."""
    return {
        "message": {"max_text": MAX_TEXT, "unit": "codepoints"},
        "author": {},
        "spans": {"styles": list(STYLES)},
        "reply": {},
        "edit": {},
        "delete": {},
        "reaction": {"emoji": None, "most": None},
        "file": {"caption": MAX_TEXT},
        "button": {},
        "typing": {},
    }


def _author(account: str, visitor: str, user: Any, name: str) -> Author:
    signed_in = user is not None and user.is_authenticated
    chosen = clean_name(user.get_username() if signed_in else name)
    return {
        "id": f"user:{user.pk}" if signed_in else f"web:~{visitor}",
        "name": chosen or name_of(visitor),
        "handle": None,
        "kind": "person",
        "private": f"{account}:~{visitor}",
    }


def _first(query: dict[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]
