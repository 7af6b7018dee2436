"""The ``[xmpp]`` section of the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

# RFC 7622, without its tables: what a server would refuse is told by the server.
_LOCAL = re.compile(r"[^\s\"&'/:<>@]{1,256}")
_DOMAIN = re.compile(r"[^\s\"&'/<>@]{1,256}")
_RESOURCE = re.compile(r"[^\x00-\x1f\x7f]{1,256}")

DEFAULT_RESOURCE = "gateway"
"""Always the same, so that two gateways on one account notice each other (conflict)."""
COMPONENT_BOT = "bot"
"""The name of the bot itself within the domain of a component."""
COMPONENT_DEFAULTS = {"host": "localhost", "port": 5347, "tls": "off"}
"""What a component has otherwise: XEP-0114 knows neither SRV records nor STARTTLS."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much of an archive's past is taken: so many seconds back, and so many messages."""

    seconds: float = 86_400.0
    messages: int = 2_000


class Settings(BaseModel):
    """One account."""

    # The input stays out of error texts: it may hold the password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    scope: ClassVar[str] = "xmpp"
    title: ClassVar[str] = "XMPP"
    missing: ClassVar[str] = (
        "no account. Set [xmpp] jid and password, or GATEWAY_XMPP__JID and GATEWAY_XMPP__PASSWORD"
    )
    """What to do when the account is not configured."""

    mode: Literal["client", "component"] = "client"
    """Whether we are one account, or a domain where everybody from elsewhere has their own JID."""
    jid: str = ""
    """``bot@example.org``, or ``bot@example.org/resource`` for a resource of one's own.

    Of a component its domain: ``bridge.example.org``.
    """
    password: SecretStr = SecretStr("")
    """Of a component its secret."""
    host: str = ""
    """Where the server is; if empty, the domain's SRV records say, or it is this machine."""
    port: int = Field(5222, ge=1, le=65535)
    """Used with ``host`` only; 5347 for a component."""
    tls: Literal["starttls", "direct", "off"] = "starttls"
    """``off`` sends everything, the password too, as anybody on the way can read it."""
    tls_ca: Path | None = None
    """A file of certificates to trust in addition to the system's."""
    nick: str = ""
    """The name in rooms; if empty, the part of the JID before the ``@``."""
    catch_up_hours: float = Field(24, ge=0)
    """How far back archives are read after a gap, the account's and those of rooms.

    Not that of ``[rooms.NAME]``: that bounds what one member of a room is shown of what the others
    said; this is what of one network's past is taken in at all, for bots outside of rooms too.
    """
    catch_up_messages: int = Field(2000, ge=0, le=10_000)
    """How many messages of each archive are taken, the newest; they are in memory until then."""
    puppets: int = Field(100, ge=0, le=1000)
    """How many people a component brings into one room; the bot speaks for the others."""
    puppet_hours: float = Field(24, gt=0)
    """After how long a silence such a person leaves the room."""

    @property
    def configured(self) -> bool:
        """Whether there is an account."""
        return bool(self.jid and self.password.get_secret_value())

    @property
    def bare_jid(self) -> str:
        """The JID without its resource."""
        if self.mode == "component":
            return f"{COMPONENT_BOT}@{self.jid}"
        return self.jid.partition("/")[0]

    @property
    def domain(self) -> str:
        """The server that the account lives on."""
        return self.bare_jid.partition("@")[2]

    @property
    def home(self) -> str:
        """The domain whose services are ours too: of a component, the one that it is under."""
        above = self.domain.partition(".")[2]
        return above if self.mode == "component" and above else self.domain

    @property
    def resource(self) -> str:
        """Which of the account's connections this is."""
        return self.jid.partition("/")[2] or DEFAULT_RESOURCE

    @property
    def bound(self) -> Bound:
        """How much of the past is taken."""
        return Bound(self.catch_up_hours * 3600, self.catch_up_messages)

    @property
    def room_nick(self) -> str:
        """The name to take in rooms."""
        return self.nick or self.bare_jid.partition("@")[0]

    @model_validator(mode="before")
    @classmethod
    def _fill_in_component(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("mode") == "component":
            return COMPONENT_DEFAULTS | values
        return values

    @field_validator("jid")
    @classmethod
    def _check_jid(cls, value: str, info: ValidationInfo) -> str:
        value = value.strip()
        if not value:
            return value
        if info.data.get("mode") == "component":
            return _domain_of_component(value)
        bare, slash, resource = value.partition("/")
        local, _, domain = bare.partition("@")
        if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
            hint = "" if local and domain else ' (a domain is for mode = "component")'
            raise ValueError(f"not an account's JID: it looks like bot@example.org{hint}")
        if slash and not _RESOURCE.fullmatch(resource):
            raise ValueError("nothing usable after the '/': leave it out, or give a short name")
        return bare.lower() + slash + resource

    @field_validator("tls")
    @classmethod
    def _check_tls(cls, value: str, info: ValidationInfo) -> str:
        if value == "starttls" and info.data.get("mode") == "component":
            raise ValueError('a component has no STARTTLS: leave tls out, or use "direct"')
        return value

    @field_validator("tls_ca")
    @classmethod
    def _check_tls_ca(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @field_validator("nick")
    @classmethod
    def _check_nick(cls, value: str) -> str:
        if value and not (value.isprintable() and value.strip() and len(value) <= 64):
            raise ValueError("must be 1 to 64 printable characters")
        return value.strip()


def _domain_of_component(value: str) -> str:
    if "@" in value or "/" in value:
        domain = value.partition("/")[0].rpartition("@")[2]
        right = f"jid = {domain!r}" if _DOMAIN.fullmatch(domain) else "such as bridge.example.org"
        raise ValueError(f"a component is a whole domain, with nothing before or after it: {right}")
    if not _DOMAIN.fullmatch(value):
        raise ValueError("not a component's domain: it looks like bridge.example.org")
    return value.lower()
