"""The state of each protocol server, in words that an operator can act on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a protocol server is in its life."""

    STARTING = "starting"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DEGRADED = "degraded"
    """Connected, and something that people would notice is missing; the detail says what."""
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    """The network refused the credentials; only a change of configuration helps."""
    ELSEWHERE = "elsewhere"
    """Another gateway process holds the account."""
    STOPPED = "stopped"


@dataclass(slots=True)
class Status:
    """What one protocol server says of itself; every change is told to ``listener``."""

    account: str
    state: State = State.STARTING
    detail: str = ""
    error: str = ""
    """The last error, kept after recovery."""
    unknown: int = 0
    """Sends of which nobody knows whether the network took them, since the process started."""
    since: float = field(default_factory=time.time)
    listener: Callable[[Status], None] | None = None

    def set(self, state: State, detail: str = "", *, error: str | None = None) -> None:
        """Change state; a repeated word changes nothing and tells nobody."""
        if (state, detail) == (self.state, self.detail) and error in (None, self.error):
            return
        if state != self.state:
            self.since = time.time()
        self.state, self.detail = state, detail
        if error is not None:
            self.error = error
        if self.listener is not None:
            self.listener(self)

    def as_dict(self) -> dict[str, str | float]:
        """The status for the dashboard, the API and ``gateway status``."""
        return {
            "account": self.account,
            "state": str(self.state),
            "detail": self.detail,
            "error": self.error,
            "unknown": self.unknown,
            "since": self.since,
        }
