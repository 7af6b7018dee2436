"""The files of messages: where each comes from, and where it lies on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.media.addresses import Networks
from gateway.media.downloads import Downloads, name_of
from gateway.media.folder import Folder
from gateway.media.links import Links
from gateway.media.sources import account_of_source, is_url, local_path, upload_id
from gateway.media.uploads import Uploads
from gateway.media.words import MEBIBYTE, gone, too_large
from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment

HOUR = 3_600.0
DAY = 24 * HOUR

PUBLIC_ONLY = Networks()

Opener = Callable[[str], AsyncIterator[bytes]]
"""Fetches a file of an account by its source; a broken way raises any ``Exception``."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept and for how long; sizes in bytes, times in seconds."""

    most: int = 20 * MEBIBYTE
    """The largest file."""
    cache: int = 1024 * MEBIBYTE
    """All fetched files together, and all uploads together."""
    keep: float = 30 * DAY
    """An upload; a fetched file that nobody asks for."""
    link: float = 7 * DAY
    """The life of a link."""
    networks: Networks = PUBLIC_ONLY
    """Where a stranger's URL may lead beside the public network."""


def nothing(source: str) -> AsyncIterator[bytes]:
    """The opener of a process that serves no account."""
    raise MediaError("gone", "The account that has the file is not served here.")


class Media:
    """See ``gateway.delivery.server.Media``. Nothing is touched before the first file."""

    def __init__(
        self,
        directory: Path,
        bounds: Bounds = Bounds(),
        *,
        public_url: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.most = bounds.most
        self.open: Opener = nothing
        self._bounds = bounds
        self.clock = clock
        self._cache = Folder(directory / "cache")
        self._uploads = Uploads(directory / "uploads", bounds.most, bounds.cache)
        self._downloads = Downloads(self._write, clock)
        self._links = Links(bounds.link, public_url)

    async def file(self, attachment: Attachment) -> Path:
        """See ``Media.file``."""
        source = attachment.get("source")
        if not source:
            raise ValueError("the attachment has no file")
        if path := local_path(source):
            return await asyncio.to_thread(_there, path)
        if upload := upload_id(source):
            return self._uploads.find(upload)
        if attachment.get("size", 0) > self.most:
            raise too_large(self.most)
        return await self._fetched(source)

    async def _fetched(self, source: str) -> Path:
        file = await self._cache.find(name_of(source), self.clock())
        if file is not None:
            return file
        account = account_of_source(source)
        if account is not None:
            return await self._downloads.get(source, account, lambda: self.open(source))
        if not is_url(source):
            raise MediaError("refused", "Nobody knows where the file is.")
        return await self._downloads.get(source, None, lambda: self._from_the_web(source))

    def _from_the_web(self, url: str) -> AsyncIterator[bytes]:
        from gateway.media.fetch import fetched  # an HTTP client costs 0.2 s and 10 MiB

        return fetched(url, self.most, self._bounds.networks)

    async def _write(self, name: str, pieces: AsyncIterator[bytes]) -> Path:
        file = await self._cache.put(name, pieces, self.most, self.clock())
        await self._cache.shrink(self._bounds.cache)
        return file

    def link(self, attachment: Attachment) -> str | None:
        """See ``Media.link``."""
        return self._links.link(attachment, self.clock())

    async def keep(
        self, pieces: AsyncIterator[bytes], owner: str, name: str, announced: str = ""
    ) -> Attachment:
        """See ``Media.keep``."""
        return await self._uploads.keep(pieces, owner, name, announced, self.clock())

    async def tidy(self, now: float) -> int:
        """Take away what was kept long enough at ``now``; how many files."""
        before = now - self._bounds.keep
        return await self._cache.tidy(before, now) + await self._uploads.tidy(before, now)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise gone()
    return path
