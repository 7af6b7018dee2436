"""Reading the Bot API's JSON: what is not as it should be is named, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson

from gateway.vocabulary.text import clean

DEEPEST = 64
"""Levels of nesting kept of a payload that has to be cleaned."""


Read = TypeVar("Read")


class Unreadable(ValueError):
    """An update that is not what the Bot API describes; the text says where."""


def integer(value: Any) -> int:
    """A whole number; raises ``Unreadable``."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise Unreadable(f"{type(value).__name__} where a whole number should be")
    return value


def string(value: Any) -> str:
    """A text; raises ``Unreadable``."""
    if not isinstance(value, str):
        raise Unreadable(f"{type(value).__name__} where text should be")
    return value


def or_none(read: Callable[..., Read], *given: Any) -> Read | None:
    """What reads well, or None: no message is set aside for what it has besides its words."""
    try:
        return read(*given)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


def known(given: Mapping[str, Any], **kinds: type) -> dict[str, Any]:
    """Those of the named fields that are there and are what they should be."""
    found = {name: given[name] for name in kinds if name in given}
    return {
        name: clean(value) if isinstance(value, str) else value
        for name, value in found.items()
        if type(value) is kinds[name] and value not in ("", 0)
    }


def stored(payload: Any) -> Any:
    """Return ``payload`` as any database can hold it; the same object if it needs nothing."""
    try:
        if b"\\u00" not in orjson.dumps(payload):
            return payload
    except TypeError:
        pass
    return _cleaned(payload, DEEPEST)


def _cleaned(value: Any, depth: int) -> Any:
    if depth == 0:
        return None
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(str(key)): _cleaned(item, depth - 1) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item, depth - 1) for item in value]
        case bool() | float() | None:
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
    return clean(str(value))
