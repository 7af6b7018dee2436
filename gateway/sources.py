"""Where the values of the configuration come from: file, ``.env``, environment, flags.

Each source gives *settings*: a path (``("telegram", "shop", "token")``), a value and the place it
was found. ``Collected`` lays one source over another and remembers the place of every value, so
that an error and ``gateway config show`` can name it. (pydantic-settings reads the same sources,
but knows neither places nor accounts, and costs 0.2 s to import.)
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.vocabulary.errors import ConfigurationError

ROOT = "GATEWAY_"
FROM_FILE = "_FILE"

# Kubernetes and old Docker links put these into every container beside a service named "gateway".
_OF_THE_CLUSTER = re.compile(r"GATEWAY_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)\w*)?)")
_TABLE_LINE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY_LINE = re.compile(r"^\s*([A-Za-z0-9_.\-\"' ]+?)\s*=")

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One value, its path in the configuration and where it was found."""

    path: Place
    value: Any = field(repr=False)
    origin: str


@dataclass(slots=True)
class Collected:
    """The values of all sources, as nested tables, and the origin of each."""

    values: dict[str, Any] = field(default_factory=dict, repr=False)
    origins: dict[Place, str] = field(default_factory=dict)

    def lay(self, settings: Iterable[Setting]) -> None:
        """Put the settings of a later source over what is there."""
        for setting in settings:
            self._put(setting)

    def _put(self, setting: Setting) -> None:
        table = self.values
        path: Place = ()
        for part in setting.path[:-1]:
            path = (*path, _present(table, part))
            inner = table.get(path[-1])
            if not isinstance(inner, dict):
                inner = table[path[-1]] = {}
            table = inner
        name = _present(table, setting.path[-1])
        self.origins[(*path, name)] = setting.origin
        if setting.value != {} or not isinstance(table.get(name), dict):
            table[name] = setting.value

    def drop(self, name: str) -> None:
        """Forget a value of the top, if it is there."""
        self.values.pop(name, None)
        self.origins.pop((name,), None)

    def origin(self, path: Place) -> str:
        """Where a value was found, or the nearest table around it; ``"default"`` if nowhere."""
        for length in range(len(path), 0, -1):
            if origin := self.origins.get(path[:length]):
                return origin
        inside = (origin for place, origin in self.origins.items() if place[: len(path)] == path)
        return next(inside, "default")


def _present(table: Mapping[str, Any], name: str) -> str:
    """The name as the table has it: variables know no small letters and no hyphens."""
    if name in table:
        return name
    wanted = _folded(name)
    return next((there for there in table if _folded(there) == wanted), name)


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def settings_from_file(file: Path) -> Iterator[Setting]:
    """The settings of a TOML file; raises ``ConfigurationError`` if it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{file} cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from None
    lines = _lines(text)
    for path, value in _parts(tables, ()):
        line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
        yield Setting(path, value, f"{file.name}:{line}" if line else file.name)


def _parts(table: Mapping[str, Any], path: Place) -> Iterator[tuple[Place, Any]]:
    """Everything in a table: tables as empty ones, then what is in them."""
    for name, value in table.items():
        inner = value if isinstance(value, dict) else None
        yield (*path, name), value if inner is None else {}
        yield from _parts(inner or {}, (*path, name))


def _lines(text: str) -> dict[Place, int]:
    """The line of each table and key; tomllib does not tell, and a wrong guess harms nobody."""
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE_LINE.match(line):
            table = _cut(found[1])
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
        elif found := _KEY_LINE.match(line):
            lines.setdefault((*table, *_cut(found[1])), number)
    return lines


def _cut(dotted: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def settings_from_dotenv(file: Path) -> Iterator[Setting]:
    """The settings of a ``.env`` file; other variables in it are not ours."""
    from dotenv import dotenv_values

    variables = {name: value or "" for name, value in dotenv_values(file).items()}
    texts = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    lines = {text.partition("=")[0].removeprefix("export ").strip(): n for n, text in texts}
    for setting in settings_from_environment(variables):
        origin = f"{file.name}:{lines.get(setting.origin, 1)} {setting.origin}"
        yield Setting(setting.path, setting.value, origin)


def settings_from_environment(variables: Mapping[str, str]) -> Iterator[Setting]:
    """The settings among variables: ``GATEWAY_<SECTION>__<KEY>``, and ``..._FILE`` naming a file.

    Raises ``ConfigurationError`` if such a file cannot be read, or if both forms are given.
    """
    for name, value in variables.items():
        if not name.startswith(ROOT) or _OF_THE_CLUSTER.fullmatch(name):
            continue
        key = name.removesuffix(FROM_FILE)
        if key != name and key in variables:
            raise ConfigurationError(f"{key} and {name} are both set; unset one of them")
        found = value if key == name else _content(name, Path(value))
        yield Setting(tuple(key[len(ROOT) :].lower().split("__")), found, name)


def _content(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{name} names {file}, which cannot be read: {reason}") from None


def spelled(path: Place, origin: str) -> str:
    """A path as one would write it at this origin: a variable's name, or dotted."""
    if ROOT in origin:
        return ROOT + "__".join(path).upper().replace("-", "_")
    return ".".join(path)


def place(origin: str) -> str:
    """An origin for an error that names the variable anyway: ``.env:3`` or the environment."""
    before, variable, _ = origin.partition(ROOT)
    return before.strip() or "environment" if variable else origin


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    folded = {_folded(one): one for one in known}
    begun = [one for one in folded if one.startswith(_folded(name))]
    if len(begun) == 1:
        return folded[begun[0]]
    found = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listed(text: str) -> Any:
    """A list written in one string: JSON, or words between commas."""
    if text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [word.strip() for word in text.split(",") if word.strip()]
