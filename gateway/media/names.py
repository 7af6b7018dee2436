"""Names of files as strangers give them, made fit to be saved. Nothing here performs I/O."""

from __future__ import annotations

import re
from urllib.parse import quote

from gateway.vocabulary.text import clean_name

LONGEST = 120
"""Code points of a name, its ending included."""

LONGEST_ENDING = 16

_PATH = re.compile(r"[/\\]")
_UNFIT = re.compile(r'[<>:"|?*%]')
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def clean_file_name(name: str, otherwise: str = "file") -> str:
    """A name without path, control, bidirectional and shell-like characters; never empty.

    What Windows cannot save is changed too; a long name keeps its ending.
    """
    last = _PATH.split(name)[-1]
    flat = _UNFIT.sub("_", clean_name(last, limit=len(last) + 1)).strip(". ")
    if not flat or _DEVICE.fullmatch(flat):
        return otherwise
    return _short(flat)


def _short(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > LONGEST_ENDING:
        return name[:LONGEST].strip(". ")
    return stem[: LONGEST - len(ending) - 1].strip(". ") + dot + ending


def disposition(name: str, *, inline: bool) -> str:
    """A ``Content-Disposition`` with a name for every client (RFC 6266, RFC 8187)."""
    kind = "inline" if inline else "attachment"
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
