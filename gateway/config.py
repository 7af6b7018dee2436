"""The configuration, typed: the top of ``gateway.toml``, the rooms, a section for each protocol.

``load`` reads file < ``.env`` < environment < flags (see ``gateway.sources``), refuses what it
does not know with the nearest right name, and returns a ``Config`` that cannot change. Each
protocol brings the class of its section; the section's own keys are the account ``default``,
its subtables are more accounts.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from pydantic import Field

from gateway import registry
from gateway.mistakes import SHARED, refuse_unknown, section_parts, validated
from gateway.sections import RoomSettings, Section, Top, is_loopback, sqlite_path
from gateway.sources import (
    Collected,
    Place,
    Setting,
    nearest,
    settings_from_dotenv,
    settings_from_environment,
    settings_from_file,
)
from gateway.vocabulary.errors import ConfigurationError, StartError
from gateway.vocabulary.ids import key_parts

__all__ = ["Config", "RoomSettings", "Section", "load", "secret_key"]

FILE = "gateway.toml"
DEFAULT_ACCOUNT = "default"
DEFAULT_ROOM = "lobby"

FLAGS = {"protocols": "protocols", "bot": "bot", "app": "application"}
"""Flags for keys of the top; ``host`` and ``port`` are those of our own platform."""

_ACCOUNT = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Config(Top):
    """Everything that was configured, complete: defaults filled in, paths absolute."""

    accounts: dict[str, dict[str, Any]]
    """The settings of each account, by protocol (its flag name) and account name."""
    directory: Path
    """Where the state lives: beside the embedded database."""
    origins: Mapping[Place, str] = Field(repr=False)
    """Where each value was found; what is not here is a default."""

    @property
    def socket(self) -> Path:
        """The control socket, through which verbs speak to the running gateway."""
        return self.directory / "gateway.sock"

    @property
    def media_directory(self) -> Path:
        """Where the files of messages are kept."""
        return self.directory / self.media.directory

    @property
    def secret_file(self) -> Path:
        """Where a secret key that was made at first start is kept."""
        return self.directory / "gateway.secret"


def load(
    file: Path | None = None,
    flags: Mapping[str, Any] = MappingProxyType({}),
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Config:
    """Read the configuration; raises ``ConfigurationError``, one line for each thing wrong.

    ``file`` is an explicit ``--config``; without it ``gateway.toml`` of the directory is read if
    it is there. ``flags`` are keyed as ``FLAGS``, ``host`` and ``port``; None is not given.
    """
    directory = (directory or Path.cwd()).absolute()
    found = _found_file(file, directory)
    base = found.parent if found else directory
    collected = _collected(found, base, flags, os.environ if environment is None else environment)
    return _config(collected, base)


def _found_file(file: Path | None, directory: Path) -> Path | None:
    if file is None:
        return directory / FILE if (directory / FILE).is_file() else None
    if not (directory / file).is_file():
        raise ConfigurationError(f"there is no file {file} (given by --config)")
    return (directory / file).absolute()


def _collected(
    file: Path | None, base: Path, flags: Mapping[str, Any], environment: Mapping[str, str]
) -> Collected:
    collected = Collected()
    for source in _sources(file, base, flags, environment):
        settings = list(source)
        given = {setting.path[0] for setting in settings}
        # A later source that names only a bot means that bot, and not an earlier application.
        if len(chosen := given & {"bot", "application"}) == 1:
            collected.drop(*({"bot", "application"} - chosen))
        collected.lay(settings)
    return collected


def _sources(
    file: Path | None, base: Path, flags: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[Iterator[Setting]]:
    if file:
        yield settings_from_file(file)
    if (base / ".env").is_file():
        yield settings_from_dotenv(base / ".env")
    yield settings_from_environment(environment)
    yield _settings_from_flags(flags)


def _settings_from_flags(flags: Mapping[str, Any]) -> Iterator[Setting]:
    for flag, value in flags.items():
        if value is None:
            continue
        if flag in FLAGS:
            yield Setting((FLAGS[flag],), value, f"--{flag}")
        elif own := registry.own_platform():
            yield Setting((own, flag), value, f"--{flag}")


def _config(collected: Collected, base: Path) -> Config:
    refuse_unknown(collected)
    written = {key: collected.values[key] for key in Top.model_fields if key in collected.values}
    top = validated(Top, written, (), collected)
    accounts = {name: _accounts(name, top, collected) for name in registry.names()}
    whole = {name: getattr(top, name) for name in Top.model_fields}
    whole["protocols"] = _protocols(top, accounts, collected)
    whole["rooms"] = _rooms(top, accounts, collected)
    whole["database"], state = _placed(top.database, base)
    return Config(**whole, accounts=accounts, directory=state, origins=collected.origins)


def _accounts(name: str, top: Top, collected: Collected) -> dict[str, Any]:
    """The accounts of a protocol: ``default`` is there unless only others are named."""
    model = registry.settings_class(name)
    shared = {key: getattr(top, key) for key in SHARED if key in model.model_fields}
    own, more = section_parts(name, collected.values.get(name, {}))
    tables = {DEFAULT_ACCOUNT: own, **more} if own or not more else more
    accounts = {}
    for account, table in tables.items():
        path = (name,) if table is own else (name, account)
        _check_account_name(account, collected.origin(path))
        accounts[account] = validated(model, {**table, **shared}, path, collected)
    return accounts


def _check_account_name(account: str, origin: str) -> None:
    if not _ACCOUNT.fullmatch(account):
        raise ConfigurationError(
            f"{origin}: {account!r} cannot be an account's name:"
            " 1 to 64 of ASCII letters, digits, '-', '_' and '.'"
        )


def _protocols(top: Top, accounts: Mapping[str, Any], collected: Collected) -> tuple[str, ...]:
    """The chosen protocols; by default each that has all it needs."""
    if ("protocols",) not in collected.origins:
        return tuple(name for name in accounts if _any_configured(accounts[name]))
    for name in top.protocols:
        if name not in accounts:
            guess = nearest(name, accounts)
            hint = f"did you mean {guess}?" if guess else f"known are {', '.join(accounts)}"
            raise ConfigurationError(
                f"{collected.origin(('protocols',))}: there is no protocol {name!r}; {hint}"
            )
    if not top.protocols:
        raise ConfigurationError(
            f"{collected.origin(('protocols',))}: protocols is empty;"
            f" choose from {', '.join(accounts)}"
        )
    return tuple(dict.fromkeys(top.protocols))


def _any_configured(accounts: Mapping[str, Any]) -> bool:
    return any(settings.configured for settings in accounts.values())


def _rooms(top: Top, accounts: Mapping[str, Any], collected: Collected) -> dict[str, RoomSettings]:
    rooms = dict(top.rooms)
    lobby = rooms.setdefault(DEFAULT_ROOM, RoomSettings())
    if "access" not in lobby.model_fields_set and _only_this_machine(accounts):
        rooms[DEFAULT_ROOM] = lobby.model_copy(update={"access": "page"})
    homes: dict[str, str] = {}
    for name, room in rooms.items():
        for member in room.members:
            _check_member(member, accounts, collected.origin(("rooms", name, "members")))
            if homes.setdefault(member, name) != name:
                raise ConfigurationError(
                    f"{collected.origin(('rooms', name, 'members'))}: {member} is a member of"
                    f" {homes[member]} too; a conversation is in at most one room"
                )
    return rooms


def _check_member(member: str, accounts: Mapping[str, Any], origin: str) -> None:
    protocol, account, _ = key_parts(member)
    scopes = {registry.scope_of(name): name for name in accounts}
    if protocol not in scopes:
        guess = nearest(protocol, scopes)
        hint = f"did you mean {guess}:?" if guess else f"keys begin with {', '.join(scopes)}"
        raise ConfigurationError(f"{origin}: {member} is of no known platform; {hint}")
    known = accounts[scopes[protocol]]
    if account not in known:
        raise ConfigurationError(
            f"{origin}: {member} names an account that is not configured;"
            f" [{scopes[protocol]}] has {', '.join(known)}"
        )


def _only_this_machine(accounts: Mapping[str, Any]) -> bool:
    """Whether our own platform listens on loopback addresses only."""
    own = registry.own_platform()
    return all(is_loopback(settings.host) for settings in accounts.get(own or "", {}).values())


def _placed(url: str, base: Path) -> tuple[str, Path]:
    """The database's URL with an absolute path, and the directory of the state."""
    if not url.startswith("sqlite:"):
        return url, base
    path, _, options = url.partition("?")
    file = base / unquote(sqlite_path(path))
    placed = f"sqlite:///{file}" + (f"?{options}" if options else "")
    return placed, file.parent


def secret_key(config: Config) -> str:
    """The key that signs cookies: the configured one, or one that is made once and kept (0600).

    Several processes may start at once: the first to link its file wins, all read the same.
    Raises ``StartError`` if it can be neither read nor written.
    """
    if configured := config.secret_key.get_secret_value():
        return configured
    file = config.secret_file
    try:
        if not file.exists():
            _make_secret(file)
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StartError(f"the secret key {file} cannot be kept: {error.strerror}") from error


def _make_secret(file: Path) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(48) + "\n")
            stream.flush()
            os.fsync(descriptor)
        os.link(draft, file)
    except FileExistsError:
        pass  # Another process was first; its key is the key.
    finally:
        draft.unlink()
