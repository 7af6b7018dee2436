"""What an attachment's ``source`` may be. Nothing here performs I/O.

* ``https://...``: named by a stranger, and fetched with care;
* ``file:/path``: given by an application, and taken as it is;
* ``<account>/<opaque>``: a file of the account's network, which its server opens;
* ``web:default/<id>``: what somebody uploaded here. Whoever knows the id may use the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.vocabulary.events import Event
from gateway.vocabulary.ids import OWN_ACCOUNT

_ACCOUNT = re.compile(r"([a-z][a-z0-9]*:[A-Za-z0-9_.-]{1,64})/.+", re.DOTALL)
_UPLOAD = re.compile(rf"{re.escape(OWN_ACCOUNT)}/([A-Za-z0-9_-]{{22}})")


def check_sources(event: Event, account: str) -> None:
    """Raise ``ValueError`` if what came from a network names a file that is not for it to name.

    A person may name addresses of the web, uploads, and files of their own network; never a path
    on this machine.
    """
    for attachment in event.get("attachments") or ():
        source = attachment.get("source")
        if source and not (is_url(source) or upload_id(source) or _within(source, account)):
            raise ValueError("it names a file that is not its own")


def _within(source: str, account: str) -> bool:
    return account_of_source(source) == account


def is_url(source: str) -> bool:
    """Whether a source is an address of the web."""
    return source.startswith(("https://", "http://"))


def local_path(source: str) -> Path | None:
    """The file that an application names, by its path or as an RFC 8089 URI."""
    if not source.startswith("file:"):
        return None
    if source.startswith("file://"):
        return Path(unquote(urlsplit(source).path))
    return Path(source.removeprefix("file:"))


def account_of_source(source: str) -> str | None:
    """The account whose server opens a source."""
    found = _ACCOUNT.fullmatch(source)
    return found[1] if found and found[1] != OWN_ACCOUNT else None


def upload_id(source: str) -> str | None:
    """The id of an upload; None for every other source.

    What a visitor says may name such sources and no others.
    """
    found = _UPLOAD.fullmatch(source)
    return found[1] if found else None


def source_of_upload(name: str) -> str:
    """The source that an upload's id makes."""
    return f"{OWN_ACCOUNT}/{name}"
