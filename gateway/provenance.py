"""What is configured, where each value came from, and which of it nobody may read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

from gateway.config import DEFAULT_ACCOUNT, Config
from gateway.mistakes import SHARED
from gateway.redaction import MASK
from gateway.sections import Top
from gateway.sources import Place

_ADDRESSES = ("database", "redis")
_CODES = ("code",)
_TABLES = ("rooms", "channel_layers")
_SECTIONS = ("media",)


@dataclass(frozen=True, slots=True)
class Row:
    """One key of the configuration, its value with secrets masked, and where it was found."""

    key: str
    value: Any
    origin: str


def rows(config: Config) -> Iterator[Row]:
    """Every key that has a meaning here, in the order of the documentation."""
    for key in Top.model_fields:
        if key not in (*_SECTIONS, *_TABLES):
            yield _row(config, (key,), getattr(config, key))
    for key in _SECTIONS:
        yield from _rows_of(config, (key,), getattr(config, key))
    for protocol, accounts in config.accounts.items():
        for account, settings in accounts.items():
            path = (protocol,) if account == DEFAULT_ACCOUNT else (protocol, account)
            yield from _rows_of(config, path, settings)
    for table in _TABLES:
        for name, settings in getattr(config, table).items():
            yield from _rows_of(config, (table, name), settings)


def _rows_of(config: Config, path: Place, settings: BaseModel) -> Iterator[Row]:
    for key in type(settings).model_fields:
        if key not in SHARED:
            yield _row(config, (*path, key), getattr(settings, key))


def _row(config: Config, path: Place, value: Any) -> Row:
    inside = (origin for place, origin in config.origins.items() if place[: len(path)] == path)
    return Row(".".join(path), _shown(path[-1], value), next(inside, "default"))


def _shown(key: str, value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if key in _CODES and value:
        return MASK
    if key in _ADDRESSES:
        return _without_password(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value) if isinstance(value, Path) else value


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", f":{MASK}@") if password else url


def secrets(config: Config) -> frozenset[str]:
    """Every secret that the configuration holds, for the logs to leave out."""
    found = {config.secret_key.get_secret_value(), *(room.code for room in config.rooms.values())}
    for url in (config.database, config.redis):
        password = urlsplit(url).password or ""
        found |= {password, unquote(password)}
    for accounts in config.accounts.values():
        for settings in accounts.values():
            found |= set(_secrets_in(settings))
    return frozenset(found - {""})


def _secrets_in(settings: BaseModel) -> Iterator[str]:
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secrets_in(value)
