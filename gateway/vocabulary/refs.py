"""What a send is called, so that it is known when its event is handled again."""

from __future__ import annotations

import hashlib
from uuid import uuid4

OPENING = "connect"
"""The cause of what is said while an instance begins: once in the life of its conversation."""


def made_ref(conversation: str, cause: str | None, ordinal: int) -> str:
    """A name for the ``ordinal``-th send of the handler of ``cause``: each time the same.

    Without a cause it is a new one.
    """
    if cause is None:
        return uuid4().hex
    place = f"{conversation}|{cause}|{ordinal}"
    made = hashlib.blake2b(place.encode(), digest_size=12).hexdigest()
    return f"{OPENING}-{made}" if cause == OPENING else made


def key_of_send(conversation: str, cause: str | None, ref: str) -> str:
    """What the ledger knows a send by: taken once, however often it is said."""
    return f"{conversation}|{cause or ''}|{ref}"
