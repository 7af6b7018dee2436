"""Who a browser is before it signs in: a visitor, known by a signed cookie.

The id is no secret (others in a room see it); only the signature lets a browser be the visitor.
"""

from __future__ import annotations

import re
import secrets

from django.core.signing import BadSignature, Signer

COOKIE = "gateway_visitor"
LIFETIME = 365 * 24 * 3600
"""How long a browser keeps the cookie, in seconds."""

_VISITOR = re.compile(r"[0-9a-f]{16}")


def new_visitor() -> str:
    """Make a visitor id."""
    return secrets.token_hex(8)


def visitor_from_cookie(value: str | None) -> str | None:
    """The visitor whose cookie this is; None if we did not sign it."""
    if not value:
        return None
    try:
        visitor: str = _signer().unsign(value)
    except BadSignature:
        return None
    return visitor if _VISITOR.fullmatch(visitor) else None


def cookie_from_visitor(visitor: str) -> str:
    """The value of the visitor's cookie."""
    return str(_signer().sign(visitor))


def set_cookie_from_visitor(visitor: str, *, secure: bool) -> str:
    """A whole ``Set-Cookie`` header (RFC 6265)."""
    ending = "; Secure" if secure else ""
    return (
        f"{COOKIE}={cookie_from_visitor(visitor)}; Max-Age={LIFETIME}; Path=/;"
        f" HttpOnly; SameSite=Lax{ending}"
    )


def name_of(visitor: str) -> str:
    """What a visitor is called who chose no name."""
    return f"visitor-{visitor[:4]}"


def _signer() -> Signer:
    return Signer(salt="gateway.visitor")
