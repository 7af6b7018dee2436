"""Who reacts how to the messages of a chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gateway.testing.botapi.errors import bad_request
from gateway.testing.botapi.messages import Json, now

EMOJI = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒"
    "💘🙉🦄😘💊🙊😎👾🤷😡"
) | {"❤\u200d🔥", "👨\u200d💻", "🤷\u200d♂", "🤷\u200d♀"}
"""What can be a reaction (Bot API, ReactionTypeEmoji), without variation selectors."""

MOST_OF_A_BOT = 1


def checked(reaction: Iterable[Any]) -> list[Json]:
    """What a bot wants to show; raises the 400s."""
    types = list(reaction)
    if not all(isinstance(kind, dict) for kind in types):
        raise bad_request("can't parse reaction types: expected an Object")
    if len(types) > MOST_OF_A_BOT:
        raise bad_request("REACTIONS_TOO_MANY")
    if not all(_known(kind) for kind in types):
        raise bad_request("REACTION_INVALID")
    return types


def _known(kind: Json) -> bool:
    return kind.get("type") == "emoji" and str(kind.get("emoji")).replace("\ufe0f", "") in EMOJI


def types_from_words(words: Iterable[str | Json]) -> list[Json]:
    """ReactionTypes from emoji; what is one already stays."""
    return [{"type": "emoji", "emoji": word} if isinstance(word, str) else word for word in words]


class Reactions:
    """What is shown under the messages of one chat, by message and by who shows it."""

    def __init__(self) -> None:
        self._shown: dict[int, dict[int, list[Json]]] = {}

    def set(self, message: int, actor: int, types: list[Json]) -> list[Json]:
        """Show this from now on; returns what was shown before."""
        shown = self._shown.setdefault(message, {})
        before = shown.pop(actor, [])
        if types:
            shown[actor] = types
        return before

    def to(self, message: int) -> dict[int, list[str]]:
        """The emoji shown under a message, by who shows them."""
        shown = self._shown.get(message, {})
        return {actor: [kind.get("emoji", "") for kind in shown[actor]] for actor in shown}

    def counted(self, chat: Json, message: int) -> Json:
        """A MessageReactionCountUpdated, as channels get it."""
        found = Counter(
            (kind["type"], kind.get("emoji", ""))
            for types in self._shown.get(message, {}).values()
            for kind in types
        )
        counts = [
            {"type": {"type": kind, "emoji": emoji}, "total_count": total}
            for (kind, emoji), total in found.items()
        ]
        return {"chat": chat, "message_id": message, "date": now(), "reactions": counts}


def change_of(chat: Json, message: int, actor: Json, before: list[Json], after: list[Json]) -> Json:
    """A MessageReactionUpdated; ``actor`` is ``{"user": ...}`` or ``{"actor_chat": ...}``."""
    change: Json = {"chat": chat, "message_id": message, "date": now(), **actor}
    return change | {"old_reaction": before, "new_reaction": after}
