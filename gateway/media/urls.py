"""Which URLs of strangers we go to. Nothing here performs I/O."""

from __future__ import annotations

from yarl import URL

from gateway.vocabulary.errors import MediaError

PORTS = (80, 443)
FIRST_HIGH_PORT = 1024
"""Below it lie mail servers, shells and the like, which may take a request for their own words."""

LONGEST_URL = 2048


def checked_url(text: str) -> URL:
    """A stranger's URL; raises ``MediaError`` if it is none that we go to."""
    try:
        url = URL(text)
        good = len(text) <= LONGEST_URL and url.scheme in ("https", "http") and bool(url.host)
        port = url.port or 0
    except ValueError:
        good, port = False, 0
    if not good:
        raise MediaError("refused", "The address of the file is not one that can be fetched.")
    if url.user is not None or url.password is not None:
        raise MediaError("refused", "The address of the file holds a password; it is not used.")
    if port not in PORTS and port < FIRST_HIGH_PORT:
        raise MediaError("refused", f"Files are not fetched from port {port}.")
    return url
