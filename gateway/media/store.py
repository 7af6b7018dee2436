"""The files of messages: where each comes from, and where it lies on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment

MEBIBYTE = 1024 * 1024

Opener = Callable[[str], AsyncIterator[bytes]]
"""Fetches a file of an account by its source; a broken way raises any ``Exception``."""


async def nothing(source: str) -> AsyncIterator[bytes]:
    """The opener of a process that serves no account."""
    raise MediaError("gone", "The account that has the file is not served here.")
    yield b""


class Media:
    """See ``gateway.delivery.server.Media``. Nothing is touched before the first file."""

    def __init__(self, directory: Path, most: int = 20 * MEBIBYTE) -> None:
        self.directory = directory
        self.most = most
        self.open: Opener = nothing

    async def file(self, attachment: Attachment) -> Path:
        """See ``Media.file``."""
        raise MediaError("gone", "The file cannot be fetched.")

    def link(self, attachment: Attachment) -> str | None:
        """See ``Media.link``."""
        return None

    async def keep(self, pieces: AsyncIterator[bytes], owner: str, name: str) -> Attachment:
        """See ``Media.keep``."""
        raise MediaError("refused", "Files cannot be kept here.")
