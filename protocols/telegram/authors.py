"""Who speaks, on Telegram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.vocabulary.events import Author, Bot
from gateway.vocabulary.text import clean, clean_name
from protocols.telegram.reading import integer, string


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: the account's name in the configuration, and the bot as getMe tells it."""

    account: str
    id: int
    name: str = ""
    username: str = ""

    @property
    def bot(self) -> Bot:
        """The bot as a scope shows it."""
        return {"id": f"telegram:{self.id}", "name": self.name or self.username}


def author_from_message(message: Mapping[str, Any], us: Identity) -> Author:
    """Who said it: the chat in whose name it was said, else the person, else the chat itself.

    ``from`` of what a channel or an anonymous administrator says is a stand-in (777000,
    GroupAnonymousBot), so ``sender_chat`` goes first.
    """
    if speaker := message.get("sender_chat"):
        return author_from_chat(speaker)
    if speaker := message.get("from"):
        return author_from_user(speaker, us)
    return author_from_chat(message["chat"])


def author_from_reaction(reaction: Mapping[str, Any], us: Identity) -> Author:
    """Who reacts: a person, or the chat in whose name an anonymous one does."""
    if chat := reaction.get("actor_chat"):
        return author_from_chat(chat)
    return author_from_user(reaction["user"], us)


def author_from_user(user: Mapping[str, Any], us: Identity) -> Author:
    """Translate a User."""
    number = integer(user["id"])
    is_bot = user.get("is_bot") is True
    return {
        "id": f"telegram:{number}",
        "name": name_from(user) or str(number),
        "handle": _handle(user),
        "kind": "bot" if is_bot else "person",
        "private": None if is_bot else f"telegram:{us.account}:{number}",
    }


def author_from_chat(chat: Mapping[str, Any]) -> Author:
    """Translate a chat that speaks."""
    number = integer(chat["id"])
    return {
        "id": f"telegram:{number}",
        "name": name_from(chat) or str(number),
        "handle": _handle(chat),
        "kind": "chat",
        "private": None,
    }


def name_from(party: Mapping[str, Any]) -> str:
    """What a User or a Chat is called; ``""`` if it has no readable name."""
    words = (party.get("title"), party.get("first_name"), party.get("last_name"))
    name = " ".join(string(word) for word in words if word)
    return clean_name(name) or _handle(party) or ""


def _handle(party: Mapping[str, Any]) -> str | None:
    return clean(string(party["username"])) if party.get("username") else None


def party_from_origin(origin: Mapping[str, Any]) -> Mapping[str, Any]:
    """The User or Chat that a forwarded message comes from; a shy person is a name only."""
    for field in ("sender_user", "sender_chat", "chat"):
        if party := origin.get(field):
            return party  # type: ignore[no-any-return]
    return {"first_name": origin["sender_user_name"]}


def name_from_origin(origin: Mapping[str, Any]) -> str:
    """What to call who a forwarded message comes from."""
    return name_from(party_from_origin(origin)) or "somebody"
