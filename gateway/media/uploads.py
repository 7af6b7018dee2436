"""Files that people upload here: kept as they are, for some days, within bounds."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.media.folder import Folder
from gateway.media.kinds import kind_of_type, type_of_file
from gateway.media.names import clean_file_name
from gateway.media.sources import source_of_upload
from gateway.media.words import busy, gone, many
from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment

AT_ONCE = 32
"""Uploads side by side, of everybody."""

OWNER_AT_ONCE = 4
"""Of one person."""

OWNER_COUNT = 40
OWNER_SECONDS = 600.0
"""How many files one person may send in how many seconds."""

OWNERS = 10_000
"""People who are remembered for that."""

_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(slots=True)
class _Owner:
    running: int = 0
    times: deque[float] = field(default_factory=deque)


class Allowance:
    """What each person may still upload; a clock is an argument."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, _Owner] = OrderedDict()
        self._running = 0

    @contextmanager
    def uploading(self, person: str, now: float) -> Iterator[None]:
        """Count one upload from beginning to end; raises ``MediaError`` if there are too many."""
        owner = self._owners.setdefault(person, _Owner())
        self._owners.move_to_end(person)
        self._forget()
        while owner.times and owner.times[0] <= now - OWNER_SECONDS:
            owner.times.popleft()
        if self._running >= AT_ONCE:
            raise busy()
        if owner.running >= OWNER_AT_ONCE or len(owner.times) >= OWNER_COUNT:
            raise many(OWNER_COUNT, OWNER_SECONDS)
        owner.times.append(now)
        owner.running += 1
        self._running += 1
        try:
            yield
        finally:
            owner.running -= 1
            self._running -= 1

    def _forget(self) -> None:
        while len(self._owners) > OWNERS:
            self._owners.popitem(last=False)


class Uploads:
    """The files that people uploaded, by id; ``limit`` bytes in all, ``most`` of one."""

    def __init__(self, directory: Path, most: int, limit: int) -> None:
        self._folder = Folder(directory)
        self._most = most
        self._limit = limit
        self._allowance = Allowance()

    async def keep(
        self, pieces: AsyncIterator[bytes], owner: str, name: str, announced: str, now: float
    ) -> Attachment:
        """Keep a file: it is on disk when this returns; raises ``MediaError``."""
        with self._allowance.uploading(owner, now):
            if await self._folder.size() >= self._limit:
                raise MediaError("refused", "There is no room for more files here.", again=True)
            upload = secrets.token_urlsafe(16)
            file = await self._folder.put(upload, pieces, self._most, now, durable=True)
        kind, size = await asyncio.to_thread(_looked_at, file, announced)
        return {
            "kind": kind_of_type(kind),
            "source": source_of_upload(upload),
            "name": clean_file_name(name),
            "type": kind,
            "size": size,
        }

    def find(self, upload: str) -> Path:
        """The file of an upload; raises ``MediaError`` if it is there no more."""
        file = self._folder.directory / upload
        if not _NAME.fullmatch(upload) or not file.is_file():
            raise gone()
        return file

    async def tidy(self, before: float, now: float) -> int:
        """Take away what was uploaded before; how many."""
        return await self._folder.tidy(before, now)


def _looked_at(file: Path, announced: str) -> tuple[str, int]:
    return type_of_file(file, announced), file.stat().st_size
