"""Files that are fetched: each once at a time, for whoever waits for it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.media.words import busy
from gateway.vocabulary.errors import MediaError

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Files that are fetched side by side from one account, or from all of the web."""

WAITING = 200
"""Files that are fetched or wait for it, in all."""

SECONDS = 300.0
"""How long fetching one file may take."""

PATIENCE = {True: 900.0, False: 60.0}
"""For how many seconds a broken way is tried again: to an account's files, and to a stranger's.

A message waits for its file, and what comes after it in its chat waits too.
"""

MEMORY = 300.0
"""For how many seconds it is remembered that a file cannot be had."""

REMEMBERED = 1_000
"""Files of which that is remembered."""

Pieces = Callable[[], AsyncIterator[bytes]]
Write = Callable[[str, AsyncIterator[bytes]], Awaitable[Path]]


@dataclass(slots=True)
class Failure:
    """What went wrong with a source: since when, and until when it is remembered."""

    error: MediaError
    since: float
    until: float


class Failures:
    """What could not be had lately; a clock is an argument."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Failure] = OrderedDict()

    def check(self, source: str, now: float) -> None:
        """Raise ``MediaError`` again if a source failed for good a short while ago."""
        known = self._known.get(source)
        if known is not None and known.until <= now:
            del self._known[source]
        elif known is not None and not known.error.again:
            raise MediaError(known.error.code, str(known.error))

    def learn(self, source: str, error: MediaError, now: float, patience: float) -> MediaError:
        """Remember an error; what was tried for too long is for good now. The error to raise."""
        known = self._known.pop(source, None)
        since = known.since if known is not None and known.until > now else now
        if error.again and now - since >= patience:
            error = MediaError(error.code, str(error))
        self._known[source] = Failure(error, since, now + MEMORY)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return error

    def forget(self, source: str) -> None:
        """It worked."""
        self._known.pop(source, None)


class Downloads:
    """Fetches files into the cache; ``write`` puts pieces under a name there."""

    def __init__(self, write: Write, clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._running: dict[str, asyncio.Task[Path]] = {}
        self._lanes: defaultdict[str, asyncio.Semaphore] = defaultdict(_lane)
        self._failures = Failures()

    async def get(self, source: str, lane: str | None, pieces: Pieces) -> Path:
        """The file, once it is there. ``lane``: the account that has it, or None for the web.

        Whoever gives up waiting takes it from nobody else.
        """
        task = self._running.get(source)
        if task is None:
            self._failures.check(source, self._clock())
            if len(self._running) >= WAITING:
                raise busy()
            work = self._fetch(source, lane, pieces)
            task = self._running[source] = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(lambda done: self._done(source, done))
        return await asyncio.shield(task)

    def _done(self, source: str, task: asyncio.Task[Path]) -> None:
        del self._running[source]
        if not task.cancelled():
            task.exception()  # whoever wanted it has it; if nobody waits any more, it is no news

    async def _fetch(self, source: str, lane: str | None, pieces: Pieces) -> Path:
        try:
            async with self._lanes[lane or ""], asyncio.timeout(SECONDS):
                file = await self._write(name_of(source), _told(pieces))
        except TimeoutError:
            slow = MediaError("gone", "The file takes too long to come.", again=True)
            raise self._learned(source, lane, slow) from None
        except MediaError as error:
            raise self._learned(source, lane, error) from error.__cause__
        self._failures.forget(source)
        return file

    def _learned(self, source: str, lane: str | None, error: MediaError) -> MediaError:
        patience = PATIENCE[lane is not None]
        return self._failures.learn(source, error, self._clock(), patience)


def name_of(source: str) -> str:
    """What a source's file is called in the cache."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:40]


async def _told(pieces: Pieces) -> AsyncIterator[bytes]:
    """The pieces of a source; whatever breaks on the way is a ``MediaError``."""
    try:
        async with aclosing(_opened(pieces)) as opened:
            async for piece in opened:
                yield piece
    except MediaError:
        raise
    except Exception as error:  # an account's server may raise what its library raises
        logger.info("a file could not be fetched: %s", type(error).__name__)
        raise MediaError("gone", "The file cannot be fetched now.", again=True) from error


def _opened(pieces: Pieces) -> Any:
    return pieces()


def _lane() -> asyncio.Semaphore:
    return asyncio.Semaphore(AT_ONCE)
