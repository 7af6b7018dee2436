"""What a file is: by its content, with what was announced as a hint."""

from __future__ import annotations

import re
from pathlib import Path

UNKNOWN = "application/octet-stream"

HEAD = 64 * 1024
"""Bytes that are looked at."""

INLINE = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "audio/flac",
    }
)
"""What a browser may show where it is: nothing of it can hold a script."""

_NAMES = {
    "application/ogg": "audio/ogg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "application/x-gzip": "application/gzip",
}
_BY_ENDING = {".m4a": "audio/mp4", ".oga": "audio/ogg"}
_SAME_WRAPPING = ({"video/webm", "audio/webm"}, {"video/mp4", "audio/mp4"})
"""What holds sound or pictures, and is told apart by who made it only."""

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


def plain_type(announced: str | None) -> str:
    """A media type without parameters, under its usual name; ``""`` if it is none (RFC 6838)."""
    name = (announced or "").partition(";")[0].strip().lower()
    return _NAMES.get(name, name) if _TYPE.fullmatch(name) else ""


def type_from_content(head: bytes, announced: str | None = None) -> str:
    """The media type of a file that begins like this.

    The announcement decides between types that the content allows, and names what has no mark of
    its own (text); it never makes something be shown that the content is not.
    """
    hint, found = plain_type(announced), _types(head)
    if hint in found or any(hint in kin and kin & set(found) for kin in _SAME_WRAPPING):
        return hint
    if found:
        return found[0]
    return hint if hint and hint not in INLINE else UNKNOWN


def _types(head: bytes) -> list[str]:
    from puremagic import PureError, magic_string  # reads its tables when it is imported

    try:
        matches = magic_string(head)
    except (PureError, ValueError):  # nothing known; nothing at all
        return []
    names = (_BY_ENDING.get(match.extension) or match.mime_type for match in matches)
    return [name for name in map(plain_type, names) if name]


def type_of_file(file: Path, announced: str | None = None) -> str:
    """The media type of a file on this machine; blocks for as long as reading 64 KiB takes."""
    with file.open("rb") as stream:
        return type_from_content(stream.read(HEAD), announced)


def kind_of_type(name: str) -> str:
    """The kind of attachment that a file of this type is."""
    if name == "image/gif":
        return "animation"
    if name not in INLINE:
        return "document"
    return {"image": "photo", "video": "video", "audio": "audio"}[name.partition("/")[0]]
