"""The headers that keep what strangers write from ever running in a browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import DisallowedHost


class SecurityHeaders:
    """Sets the security headers of every answer, unless its view has set its own.

    Safari before 15.4 does not count a WebSocket to the page's own host as ``'self'``, so that
    ``connect-src`` names the host as well.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        if iscoroutinefunction(self):
            return self._later(request)
        return with_headers(self.get_response(request), request)

    async def _later(self, request: Any) -> Any:
        answer: Awaitable[Any] = self.get_response(request)
        return with_headers(await answer, request)


def with_headers(response: Any, request: Any) -> Any:
    """Add the headers to a response; referrers stay within the site (CSRF needs them there)."""
    response.headers.setdefault("Content-Security-Policy", policy(request))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    return response


def policy(request: Any) -> str:
    """The Content-Security-Policy of our pages (CSP level 3): our own files, nothing inline."""
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src {' '.join(_sockets(request))}",
            # A picture that is about to be sent is shown from the browser's own memory.
            "img-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            # Makes ``innerHTML`` and its like an error in the browsers that know it.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _sockets(request: Any) -> tuple[str, ...]:
    try:
        host = request.get_host()
    except DisallowedHost:
        return ("'self'",)
    return ("'self'", f"ws://{host}", f"wss://{host}")
