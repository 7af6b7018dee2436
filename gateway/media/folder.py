"""A directory of files that is bounded, and knows across restarts when each was used."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from gateway.media.shelf import Kept, Shelf
from gateway.media.writing import DRAFT, write

DRAFT_SECONDS = 3600.0
"""After how long an unfinished file is one that nobody finishes."""


class Folder:
    """Files by name; when one was used is its time of modification.

    Several processes may have the same directory: what another one wrote or took away is known
    after the next ``tidy``, and is no error before.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._shelf: Shelf | None = None
        self._reading = asyncio.Lock()

    async def find(self, name: str, now: float) -> Path | None:
        """A file, which was just used; None if it is not there."""
        file = self.directory / name
        shelf = await self._known()
        if not await asyncio.to_thread(_touched, file, now):
            shelf.drop(name)
            return None
        shelf.use(name, now)
        return file

    async def size(self) -> int:
        """Bytes of all files."""
        return (await self._known()).size

    async def put(
        self,
        name: str,
        pieces: AsyncIterator[bytes],
        most: int,
        now: float,
        *,
        durable: bool = False,
    ) -> Path:
        """Write a file; see ``writing.write``."""
        shelf = await self._known()
        file = self.directory / name
        size = await write(pieces, file, most, durable=durable)
        shelf.put(Kept(name, size, now))
        return file

    async def shrink(self, limit: int) -> int:
        """Take the least recently used files away until ``limit`` bytes are left; how many."""
        return await self._remove((await self._known()).beyond(limit))

    async def tidy(self, before: float, now: float) -> int:
        """Look at the directory anew; take away what was not used since ``before``; how many."""
        self._shelf = None
        await asyncio.to_thread(_remove_drafts, self.directory, now - DRAFT_SECONDS)
        return await self._remove((await self._known()).before(before))

    async def _remove(self, names: Iterable[str]) -> int:
        files = [self.directory / name for name in names]
        if files:
            await asyncio.to_thread(_unlink, files)
        return len(files)

    async def _known(self) -> Shelf:
        async with self._reading:
            if self._shelf is None:
                self._shelf = Shelf(await asyncio.to_thread(_kept, self.directory))
            return self._shelf


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except FileNotFoundError:
        return


def _kept(directory: Path) -> list[Kept]:
    found = []
    for entry in _entries(directory):
        if not entry.name.startswith(DRAFT):
            with contextlib.suppress(FileNotFoundError):
                stat = entry.stat()
                found.append(Kept(entry.name, stat.st_size, stat.st_mtime))
    return found


def _touched(file: Path, now: float) -> bool:
    try:
        os.utime(file, (now, now))
    except OSError:  # gone; or not ours to change, which is as bad
        return False
    return True


def _unlink(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _remove_drafts(directory: Path, before: float) -> None:
    for entry in _entries(directory):
        if entry.name.startswith(DRAFT):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < before:
                    os.unlink(entry.path)
