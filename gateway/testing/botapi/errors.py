"""What the Bot API answers when it does not do what it was asked."""

from __future__ import annotations

from typing import Any


class ApiFailure(Exception):
    """An answer with ``ok`` false; ``parameters`` are those of the answer."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_dict(self) -> dict[str, Any]:
        """The body of the answer."""
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        return answer | ({"parameters": self.parameters} if self.parameters else {})


def bad_request(what: str, **parameters: Any) -> ApiFailure:
    """A 400 in the usual words."""
    return ApiFailure(400, f"Bad Request: {what}", **parameters)


def forbidden(what: str) -> ApiFailure:
    """A 403 in the usual words."""
    return ApiFailure(403, f"Forbidden: {what}")


def conflict(what: str) -> ApiFailure:
    """A 409 in the usual words."""
    return ApiFailure(409, f"Conflict: {what}")
