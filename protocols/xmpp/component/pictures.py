"""The pictures of people elsewhere: asked for beside everything else; nothing waits for them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.delivery.server import Port
from protocols.xmpp.component.looks import (
    MOST,
    Picture,
    picture_from_content,
    update_from_picture,
)

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
"""Seconds before it is asked again what somebody looks like, however it went."""
KEPT = 1000
"""People whose pictures are kept, in memory: 32 MiB at the very most."""
WAITING = 200
"""People who wait to be asked about; others are asked about when they speak again."""
PAUSE = 0.5
"""Seconds between two questions, of which there is only one at a time."""


@dataclass(slots=True)
class Look:
    """What is known of somebody's picture."""

    asked_at: float
    known: bool = False
    """Whether it was ever said what they look like: else None stands for nothing."""
    picture: Picture | None = None


class Pictures:
    """Who looks how, as far as their networks say."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._looks: OrderedDict[str, Look] = OrderedDict()
        self._questions: asyncio.Queue[tuple[str, str]] = asyncio.Queue(WAITING)
        self.changed: Callable[[str], None] = _nobody
        """Is told the author's id of whom something is known now."""

    def of(self, author: str) -> Picture | None:
        """The picture of a person, if there is one and it is known."""
        look = self._looks.get(author)
        return look.picture if look is not None else None

    def update(self, author: str) -> str:
        """What their presences are to bear; nothing if it is not known what they look like."""
        look = self._looks.get(author)
        return update_from_picture(look.picture) if look is not None and look.known else ""

    def want(self, author: str, account: str) -> None:
        """Ask the account's network some time what they look like, at most once a day."""
        look, now = self._looks.get(author), time.monotonic()
        if self._questions.full() or (look is not None and now - look.asked_at < DAY):
            return
        look = self._looks.setdefault(author, Look(now))
        look.asked_at = now
        self._looks.move_to_end(author)
        if len(self._looks) > KEPT:
            self._looks.popitem(last=False)
        self._questions.put_nowait((author, account))

    async def run(self) -> None:
        """Ask, one after the other, until cancelled."""
        while True:
            author, account = await self._questions.get()
            try:
                await self._learn(author, account)
            except Exception as error:  # a picture is never worth more than a day's patience
                logger.debug("author=%s has no picture today: %s", author, error)
            await asyncio.sleep(PAUSE)

    async def _learn(self, author: str, account: str) -> None:
        picture = await self._ask(author, account) if account else None
        look = self._looks.get(author)
        if look is not None:
            look.known, look.picture = True, picture
            self.changed(author)

    async def _ask(self, author: str, account: str) -> Picture | None:
        attachment = await self._port.picture(account, author)
        if attachment is None:
            return None
        if attachment.get("size", 0) > MOST:
            raise ValueError(f"a picture of more than {MOST} bytes")
        # Whoever fetches it bounds the time, and one question at a time bounds the way there.
        file = await self._port.media.file(attachment)
        return await asyncio.to_thread(_picture_from_file, file)


def _picture_from_file(file: Path) -> Picture:
    with file.open("rb") as stream:
        return picture_from_content(stream.read(MOST + 1))


def _nobody(_author: str) -> None:
    """Nobody is told."""
