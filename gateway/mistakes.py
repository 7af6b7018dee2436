"""Mistakes in the configuration, as sentences: where it stands, what is wrong, what was meant."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway import registry
from gateway.sections import LayerSettings, MediaSettings, RoomSettings, Top
from gateway.sources import Collected, Place, listed, nearest, place, spelled
from gateway.vocabulary.errors import ConfigurationError

SHARED = frozenset({"public_url", "trusted_proxies"})
"""Keys of the top that a protocol's section may declare: it is given the value of the top."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the configuration and the keys that it may have."""

    path: Place
    values: Any
    known: tuple[str, ...]


def section_keys(protocol: str) -> tuple[str, ...]:
    """The keys of a protocol's section."""
    fields = registry.settings_class(protocol).model_fields
    return tuple(key for key in fields if key not in SHARED)


def section_parts(
    protocol: str, section: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A section's own keys, and its subtables that are more accounts."""
    keys = section_keys(protocol)
    more = {
        key: value for key, value in section.items() if isinstance(value, dict) and key not in keys
    }
    return {key: value for key, value in section.items() if key not in more}, more


def refuse_unknown(collected: Collected) -> None:
    """Raise ``ConfigurationError`` with a line for each key that nobody knows."""
    sections = registry.names()
    everywhere = (*Top.model_fields, *sections)
    problems = [
        _unknown((key,), everywhere, collected) for key in collected.values if key not in everywhere
    ]
    for table in _tables(collected.values, sections):
        problems += _unknown_in(table, collected)
    if problems:
        raise ConfigurationError("\n".join(problems))


def _unknown_in(table: Table, collected: Collected) -> Iterator[str]:
    if not isinstance(table.values, dict):
        origin = collected.origin(table.path)
        yield f"{place(origin)}: {spelled(table.path, origin)} is a table, not a value"
        return
    for key in table.values:
        if key not in table.known:
            yield _unknown((*table.path, key), table.known, collected)


def _tables(values: Mapping[str, Any], sections: tuple[str, ...]) -> Iterator[Table]:
    """Every table below the top that the configuration has."""
    yield Table(("media",), values.get("media", {}), tuple(MediaSettings.model_fields))
    for key, model in (("rooms", RoomSettings), ("channel_layers", LayerSettings)):
        known = tuple(model.model_fields)
        yield from _inner_tables(key, values.get(key, {}), known)
    for protocol in sections:
        section = values.get(protocol, {})
        if not isinstance(section, dict):
            yield Table((protocol,), section, ())
            continue
        own, more = section_parts(protocol, section)
        yield Table((protocol,), own, section_keys(protocol))
        yield from _inner_tables(protocol, more, section_keys(protocol))


def _inner_tables(key: str, tables: Any, known: tuple[str, ...]) -> Iterator[Table]:
    if not isinstance(tables, dict):
        yield Table((key,), tables, ())
        return
    for name, table in tables.items():
        yield Table((key, name), table, known)


def _unknown(path: Place, known: tuple[str, ...], collected: Collected) -> str:
    origin = collected.origin(path)
    hint = _hint(path, known, origin)
    return f"{place(origin)}: there is no key {spelled(path, origin)}; {hint}"


def _hint(path: Place, known: tuple[str, ...], origin: str) -> str:
    if guess := nearest(path[-1], known):
        return f"did you mean {spelled((*path[:-1], guess), origin)}?"
    if path[-1] in Top.model_fields:
        return "it belongs at the top of the file, before the first [section]"
    homes = [name for name in registry.names() if path[-1] in section_keys(name)]
    if len(path) == 1 and homes:
        return f"it belongs in [{homes[0]}]"
    return f"known here are {', '.join(known)}"


def validated(
    model: type[Model], values: Mapping[str, Any], path: Place, collected: Collected
) -> Model:
    """The model of these values; raises ``ConfigurationError`` with a line for each wrong key."""
    try:
        return model.model_validate(_decoded(model, values))
    except ValidationError as error:
        # The original error may repeat a secret, so nothing of it is chained.
        found = error.errors(include_url=False, include_input=False)
    reasons: dict[Place, list[str]] = {}
    for one in found:
        reasons.setdefault((*path, *_keys_of(one["loc"], values)), []).append(_reason(one["msg"]))
    raise ConfigurationError(
        "\n".join(_line(at, reasons[at], collected) for at in reasons if not _within(at, reasons))
    )


def _within(path: Place, paths: Iterable[Place]) -> bool:
    """Whether another path goes on from this one, and so says more exactly what is wrong."""
    return any(len(other) > len(path) > 0 and other[: len(path)] == path for other in paths)


def _line(path: Place, reasons: list[str], collected: Collected) -> str:
    origin = collected.origin(path)
    return f"{place(origin)}: {spelled(path, origin)}: {', or '.join(reasons)}"


def _keys_of(location: tuple[int | str, ...], values: Any) -> Iterator[str]:
    """The keys in a pydantic location, which also names list indexes and members of unions."""
    for part in location:
        if isinstance(values, dict) and part in values:
            values = values[part]
            yield str(part)


def _reason(message: str) -> str:
    said = message.removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _decoded(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with lists that came as one string (from a variable or a flag) taken apart."""
    return {key: _decoded_one(model, key, value) for key, value in values.items()}


def _decoded_one(model: type[BaseModel], key: str, value: Any) -> Any:
    annotation = model.model_fields[key].annotation
    if isinstance(value, str) and typing.get_origin(annotation) in (tuple, list, frozenset, set):
        return listed(value)
    if isinstance(value, dict) and isinstance(annotation, type(BaseModel)):
        return _decoded(annotation, value)
    return value
