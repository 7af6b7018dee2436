"""Files written piece by piece: whole under their name, or not at all."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import IO, Any

from gateway.media.words import too_large
from gateway.vocabulary.errors import MediaError

GATHERED = 256 * 1024
"""Bytes that are written at once: each writing is a step of another thread."""

DRAFT = ".draft-"
"""What names of unfinished files begin with."""


async def write(
    pieces: AsyncIterator[bytes], file: Path, most: int, *, durable: bool = False
) -> int:
    """Write a file of at most ``most`` bytes and return how many; raises ``MediaError``.

    ``durable``: it is on disk when this returns. The directory is made.
    """
    draft = file.with_name(f"{DRAFT}{secrets.token_hex(8)}")
    try:
        # Buffered streams have a lock: one that is closed here waits for the thread that writes.
        with await asyncio.to_thread(_opened, draft) as stream:
            size = await _copy(pieces, stream, most)
            await asyncio.to_thread(_finish, stream, draft, file, durable)
    except OSError as error:
        reason = f"The file cannot be kept here: {error.strerror or 'no way'}."
        raise MediaError("refused", reason, again=True) from error
    finally:
        draft.unlink(missing_ok=True)
    return size


def _opened(draft: Path) -> IO[bytes]:
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


async def _copy(pieces: AsyncIterator[bytes], stream: IO[bytes], most: int) -> int:
    size, gathered = 0, bytearray()
    async with aclosing(_closable(pieces)) as all_pieces:
        async for piece in all_pieces:
            size += len(piece)
            if size > most:
                raise too_large(most)
            gathered += piece
            if len(gathered) >= GATHERED:
                await asyncio.to_thread(stream.write, bytes(gathered))
                gathered.clear()
    await asyncio.to_thread(stream.write, bytes(gathered))
    return size


def _closable(pieces: AsyncIterator[bytes]) -> Any:
    """Generators are closed when they are not read to their end; other iterators cannot be."""
    return pieces if hasattr(pieces, "aclose") else _generator(pieces)


async def _generator(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece


def _finish(stream: IO[bytes], draft: Path, file: Path, durable: bool) -> None:
    stream.flush()
    if durable:
        os.fsync(stream.fileno())
    draft.replace(file)
    if durable:
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
