"""The emoji that a bot can react with."""

from __future__ import annotations

from collections.abc import Iterable

EMOJI = (
    *"👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡",
    "❤\u200d🔥",
    "👨\u200d💻",
    "🤷\u200d♂",
    "🤷\u200d♀",
)
"""Bot API 9, ReactionTypeEmoji, without variation selectors."""

MOST = 1
"""Reactions of a bot to one message (Bot API, setMessageReaction)."""

_SELECTOR = "\ufe0f"
_SELECTED = ("❤\ufe0f", "🕊\ufe0f", "⚡\ufe0f", "✍\ufe0f", "☃\ufe0f", "❤\ufe0f\u200d🔥")
_SHRUGS = ("🤷\u200d♂\ufe0f", "🤷\u200d♀\ufe0f")

SHOWN = (*EMOJI, *_SELECTED, *_SHRUGS)
"""The same with the spellings that other networks use: for ``extensions``."""

_KNOWN = frozenset(EMOJI)
_COLOURED = {word.replace(_SELECTOR, ""): word for word in (*_SELECTED, *_SHRUGS)}


def types_from_emoji(emoji: Iterable[str]) -> list[dict[str, str]]:
    """ReactionTypes of what a bot can show; the rest is left out."""
    bare = (word.replace(_SELECTOR, "") for word in emoji)
    return [{"type": "emoji", "emoji": word} for word in bare if word in _KNOWN][:MOST]


def emoji_from_types(types: Iterable[dict[str, str]]) -> list[str]:
    """The emoji among ReactionTypes; custom and paid ones are no text.

    They are spelt as on other networks: a bare heart is another reaction there, and black.
    """
    found = (kind["emoji"] for kind in types if kind["type"] == "emoji")
    return [_COLOURED.get(word, word) for word in found]
