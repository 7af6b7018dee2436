"""Which files are kept, and which go first. Nothing here performs I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a directory: its bytes, and when it was used, in seconds since 1970."""

    name: str
    size: int
    used: float


class Shelf:
    """Files by name, the one least recently used first, and how many bytes they are in all."""

    def __init__(self, files: Iterable[Kept] = ()) -> None:
        self.size = 0
        self._files: OrderedDict[str, Kept] = OrderedDict()
        for file in sorted(files, key=lambda file: file.used):
            self.put(file)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __len__(self) -> int:
        return len(self._files)

    def put(self, file: Kept) -> None:
        """A file is there, and was just used."""
        self.drop(file.name)
        self._files[file.name] = file
        self.size += file.size

    def use(self, name: str, now: float) -> None:
        """A file was just used; one that is not there is nothing to say of."""
        if file := self._files.get(name):
            self.put(Kept(name, file.size, now))

    def drop(self, name: str) -> None:
        """A file is not there any more."""
        if file := self._files.pop(name, None):
            self.size -= file.size

    def beyond(self, limit: int) -> Iterator[str]:
        """Drop files, the least recently used first, until the rest fits; the last one stays."""
        while self.size > limit and len(self._files) > 1:
            name = next(iter(self._files))
            self.drop(name)
            yield name

    def before(self, moment: float) -> Iterator[str]:
        """Drop the files that were not used since."""
        while self._files and (first := next(iter(self._files.values()))).used < moment:
            self.drop(first.name)
            yield first.name
