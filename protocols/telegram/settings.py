"""The ``[telegram]`` section of the configuration."""

from __future__ import annotations

import re
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

OFFICIAL_API = "https://api.telegram.org"

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class LimitNumbers(BaseModel):
    """How many messages the bot may send; a limit left out is Telegram's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_second: float = Field(default=30, gt=0)
    """Messages a second over all chats."""
    per_chat: float = Field(default=1, gt=0)
    """Messages a second in one chat; short bursts are let through."""
    per_group_minute: float = Field(default=20, gt=0)
    """Messages a minute in one group."""


class Settings(BaseModel):
    """One bot."""

    # The input stays out of error texts: it may hold the token.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    scope: ClassVar[str] = "telegram"
    title: ClassVar[str] = "Telegram"
    missing: ClassVar[str] = (
        "no token. Set [telegram] token or GATEWAY_TELEGRAM__TOKEN (get one from @BotFather)"
    )
    """What to do when the account is not configured."""

    token: SecretStr = SecretStr("")
    api_url: str = OFFICIAL_API
    mode: Literal["auto", "polling", "webhook"] = "auto"
    """``auto``: a webhook if ``webhook_url`` is set, else polling."""
    webhook_url: str = ""
    """Where Telegram reaches us; without a path, the path of our hook is added."""
    webhook_secret: SecretStr = SecretStr("")
    """If empty, one is derived from the token."""
    limits: Literal["default", "off"] | LimitNumbers = "default"

    @property
    def configured(self) -> bool:
        """Whether there is a token."""
        return bool(self.token.get_secret_value())

    @property
    def webhook(self) -> bool:
        """Whether updates come by webhook."""
        return self.mode == "webhook" or (self.mode == "auto" and bool(self.webhook_url))

    @field_validator("token")
    @classmethod
    def _check_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if token and not _TOKEN.fullmatch(token):
            raise ValueError("not a bot token: it looks like 123456:ABC-DEF, as @BotFather gave it")
        return SecretStr(token)

    @field_validator("api_url")
    @classmethod
    def _check_api_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"must be an http or https address such as {OFFICIAL_API}")
        return value.rstrip("/")

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        secret = value.get_secret_value()
        if secret and not _SECRET.fullmatch(secret):
            raise ValueError("must be 1 to 256 characters of A-Z, a-z, 0-9, '_' and '-'")
        return value

    @model_validator(mode="after")
    def _check_webhook(self) -> Settings:
        if not self.webhook:
            return self
        if not self.webhook_url:
            raise ValueError('mode = "webhook" needs webhook_url, the https address of the hook')
        parts = urlsplit(self.webhook_url)
        # An own Bot API server in local mode may deliver over http; Telegram itself does not.
        schemes = ("https",) if self.api_url == OFFICIAL_API else ("http", "https")
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError("webhook_url must be an https address that Telegram can reach")
        return self
