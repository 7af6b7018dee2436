"""What an application remembers of a conversation while no instance of it lives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

_ABSENT = object()


class Session(MutableMapping[str, Any]):
    """A dictionary of JSON values, kept with the handled mark of the event that changed it.

    Each event in hand has an overlay of its own; a failed try's is thrown away. A value that can
    be changed in place is copied when it is read, so that such a change belongs to the event too.
    """

    __slots__ = ("_event", "_kept", "_overlays")

    def __init__(self, kept: dict[str, Any], event: Callable[[], str | None]) -> None:
        self._kept = kept
        self._event = event
        self._overlays: dict[str | None, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> Any:
        overlay = self._overlays.get(self._event())
        value = overlay.get(name, _ABSENT) if overlay else _ABSENT
        if value is _ABSENT:
            value = self._kept.get(name, _ABSENT)
            if isinstance(value, list | dict):
                value = self._overlay()[name] = copy.deepcopy(value)
        if value is _ABSENT or value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._overlay()[name] = value

    def __delitem__(self, name: str) -> None:
        self[name]
        self._overlay()[name] = None

    def __iter__(self) -> Iterator[str]:
        seen = self._kept | self._overlays.get(self._event(), {})
        return iter([name for name, value in seen.items() if value is not None])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _overlay(self) -> dict[str, Any]:
        return self._overlays.setdefault(self._event(), {})

    def take(self, event: str | None) -> dict[str, Any]:
        """What an event changed, now part of what is kept; None takes a key away."""
        overlay = self._overlays.pop(event, None) if self._overlays else None
        if not overlay:
            return {}
        changed = {name: value for name, value in overlay.items() if self._kept.get(name) != value}
        self._kept.update(changed)
        return changed
