"""The section ``[ws]`` of the configuration."""

from __future__ import annotations

from ipaddress import ip_network
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

MEBIBYTE = 1024 * 1024


class Settings(BaseModel):
    """Where the web server listens, and its bounds; sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    scope: ClassVar[str] = "web"
    title: ClassVar[str] = "WebSocket"

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    """0 takes a free port."""
    origins: list[str] = []
    """Other origins whose pages may open a WebSocket (``https://www.example.org``)."""
    max_message: int = Field(MEBIBYTE, ge=1024)
    """The longest message of a WebSocket, and what may wait for its application."""
    max_buffer: int = Field(4 * MEBIBYTE, ge=64 * 1024)
    """What may wait for a slow reader before it is cut."""
    max_body: int = Field(MEBIBYTE, ge=1024)
    """The longest body of a request."""
    header_timeout: float = Field(10, gt=0)
    """In what time a request's head must be complete."""
    body_timeout: float = Field(60, gt=0)
    """In what time a request's body must be complete, and how long a response may stand still."""
    close_timeout: float = Field(5, gt=0)
    """How long running applications are waited for at the end."""
    public_url: str = ""
    trusted_proxies: list[str] = []
    """Addresses and networks whose ``X-Forwarded-*`` headers are believed."""

    @field_validator("origins")
    @classmethod
    def _origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
                raise ValueError(f"{origin!r} is not an origin; it looks like https://example.org")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            ip_network(proxy, strict=False)
        return proxies

    @property
    def configured(self) -> bool:
        """The web platform needs no credentials."""
        return True

    @property
    def missing(self) -> str:
        """What has to be set before the server can run."""
        return ""
