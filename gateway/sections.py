"""The tables that the gateway itself knows in its configuration; protocols bring their own.

A ``ValueError`` here is the second half of a sentence: the place and the key come before it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gateway.vocabulary.degrade import check_format
from gateway.vocabulary.ids import check_room_name, key_parts

_DATABASES = ("sqlite", "postgres", "postgresql")
_REDIS = ("redis", "rediss", "unix")
_IMPORTABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Section(BaseModel):
    """A table of the configuration: frozen, and its errors repeat no value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RoomSettings(Section):
    """``[rooms.NAME]``: who is in a room, what newcomers see and what is not told.

    ``history`` is for people in a browser, ``catch_up_hours`` and ``catch_up_messages`` bound what
    a member is shown that was away. ``directions`` is by member: ``in`` is heard and shown nothing,
    ``out`` is shown and not heard. What matches a regular expression of ``ignore_names`` (name,
    handle or id of the author) or ``ignore_texts`` is not told, nor are the kinds of ``untold``;
    ``joins`` tells who came and went. What ``in_words`` names is never shown natively in a member.
    """

    members: tuple[str, ...] = ()
    access: Literal["members", "link", "page", "open"] = "members"
    title: str = ""
    history: int = Field(default=50, ge=0, le=1000)
    catch_up_hours: float = Field(default=24, ge=0)
    catch_up_messages: int = Field(default=500, ge=0)
    format: str = "{name} ({network}): {text}"
    code: str = Field(default="", repr=False)
    directions: dict[str, Literal["both", "in", "out"]] = {}
    ignore_names: tuple[str, ...] = ()
    ignore_texts: tuple[str, ...] = ()
    joins: bool = False
    untold: tuple[Literal["edit", "delete", "reaction", "typing"], ...] = ()
    in_words: tuple[
        Literal["reply", "spans", "edit", "delete", "reaction", "file", "button"], ...
    ] = ()

    @field_validator("directions")
    @classmethod
    def _members(cls, directions: dict[str, str]) -> dict[str, str]:
        for member in directions:
            key_parts(member)
        return directions

    @field_validator("ignore_names", "ignore_texts")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return patterns

    @field_validator("members")
    @classmethod
    def _keys(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        for member in members:
            key_parts(member)
        return members

    @field_validator("format")
    @classmethod
    def _format(cls, form: str) -> str:
        return check_format(form)


class LayerSettings(Section):
    """``[channel_layers.ALIAS]``: another channel layer beside our own."""

    backend: str
    config: dict[str, Any] = Field(default={}, repr=False)


class MediaSettings(Section):
    """``[media]``: the files of messages."""

    directory: str = "media"
    max_megabytes: float = Field(default=20, gt=0)
    cache_megabytes: float = Field(default=1024, gt=0)
    keep_days: float = Field(default=30, gt=0)
    link_hours: float = Field(default=168, gt=0)
    allow_networks: tuple[str, ...] = ()

    @field_validator("allow_networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ipaddress.ip_network(network, strict=False)
        return networks


class Top(Section):
    """The keys at the top of the file."""

    protocols: tuple[str, ...] = ()
    bot: str = "consumers.chat:Lobby"
    application: str = "routing:application"
    database: str = Field(default="sqlite:///gateway.sqlite3", repr=False)
    redis: str = Field(default="", repr=False)
    secret_key: SecretStr = SecretStr("")
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    http: bool = False
    idle_seconds: float = Field(default=300, gt=0)
    retention_days: float = Field(default=30, gt=0)
    unknown: Literal["resend", "park"] = "resend"
    media: MediaSettings = MediaSettings()
    rooms: dict[str, RoomSettings] = {}
    channel_layers: dict[str, LayerSettings] = {}

    @field_validator("bot", "application")
    @classmethod
    def _importable(cls, name: str) -> str:
        if not _IMPORTABLE.fullmatch(name):
            raise ValueError("must be written module:Name")
        return name

    @field_validator("database")
    @classmethod
    def _database(cls, url: str) -> str:
        scheme = url.partition("://")[0]
        if scheme not in _DATABASES:
            raise ValueError("must be sqlite:///FILE or postgres://USER:PASSWORD@HOST/NAME")
        if scheme == "sqlite" and not sqlite_path(url):
            raise ValueError("must name a file: sqlite:///gateway.sqlite3")
        return url

    @field_validator("redis")
    @classmethod
    def _redis(cls, url: str) -> str:
        if url and url.partition("://")[0] not in _REDIS:
            raise ValueError("must be redis://HOST:PORT/NUMBER, or empty")
        return url

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be http://HOST or https://HOST, or empty")
        return url.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy, strict=False)
        return proxies

    @field_validator("rooms")
    @classmethod
    def _names(cls, rooms: dict[str, RoomSettings]) -> dict[str, RoomSettings]:
        for name in rooms:
            check_room_name(name)
        return rooms

    @field_validator("channel_layers")
    @classmethod
    def _not_ours(cls, layers: dict[str, LayerSettings]) -> dict[str, LayerSettings]:
        if "default" in layers:
            raise ValueError("the alias 'default' is the gateway's own; choose another")
        return layers


def sqlite_path(url: str) -> str:
    """``sqlite:///gateway.sqlite3`` is relative, ``sqlite:////var/lib/gateway.sqlite3`` is not."""
    found = re.fullmatch(r"sqlite:///([^?]+)(\?.*)?", url)
    return found[1] if found else ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
