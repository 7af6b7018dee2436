"""Links to files: they carry what they lead to, sealed, and end.

The seal both signs and hides (AES-SIV, RFC 5297): a source may be a path on this machine or an
address that only its receivers should know. The same file has the same link for a while, so that
browsers fetch it once.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.utils.crypto import salted_hmac

from gateway.media.names import clean_file_name
from gateway.vocabulary.events import Attachment

PATH = "/media/"
SALT = "gateway.media.link"
STEPS = 8
"""Into how many steps the life of a link is cut: links that are made in one step are the same."""

LONGEST = 4096
"""Characters of a token; what is longer has no link."""


class NoLink(ValueError):
    """A token that we did not make."""


class Expired(ValueError):
    """A token whose time is over."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token leads to; ``until`` in seconds since 1970."""

    attachment: Attachment
    until: float


class Links:
    """Links that work for ``seconds`` at most, and for seven eighths of them at least."""

    def __init__(self, seconds: float, public_url: str = "") -> None:
        self._seconds = seconds
        self._public_url = public_url

    def link(self, attachment: Attachment, now: float) -> str | None:
        """The link of an attachment; only a path if there is no public URL."""
        source, kind = attachment.get("source"), attachment.get("type", "")
        if not source:
            return None
        name = clean_file_name(attachment.get("name", ""), attachment["kind"])
        step = self._seconds / STEPS
        until = int(now // step * step + self._seconds)
        token = seal([until, source, name, kind, attachment["kind"]])
        if len(token) > LONGEST:
            return None
        return f"{self._public_url}{PATH}{token}/{quote(name, safe='')}"


def ticket_from_token(token: str, now: float) -> Ticket:
    """What a token says; raises ``NoLink`` or ``Expired``."""
    until, source, name, kind, what = opened(token)
    if now >= until:
        raise Expired("the link has expired")
    attachment: Attachment = {"kind": what, "source": source, "name": name}
    if kind:
        attachment["type"] = kind
    return Ticket(attachment, until)


def seal(value: Any) -> str:
    """A token for a JSON value."""
    sealed = _cipher().encrypt(json.dumps(value, separators=(",", ":")).encode(), [SALT.encode()])
    return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")


def opened(token: str) -> Any:
    """The value in a token; raises ``NoLink`` if it was not sealed here."""
    from cryptography.exceptions import InvalidTag

    try:
        sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        return json.loads(_cipher().decrypt(sealed, [SALT.encode()]))
    except (InvalidTag, UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise NoLink("the link was not made here") from error


def _cipher() -> Any:
    """The cipher under Django's secret key, which every process of the gateway shares."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(salted_hmac(SALT, "key", algorithm="sha512").digest())
