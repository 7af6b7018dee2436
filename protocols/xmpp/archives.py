"""When archives are read: the account's after each new session, a room's when we are in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from slixmpp.exceptions import IqTimeout, XMPPError

from protocols.xmpp.catchup import CatchUp
from protocols.xmpp.link import Link
from protocols.xmpp.past import MAM
from protocols.xmpp.stream import Stream

DISCO_SECONDS = 10
READ_AGAIN = 60.0
"""Seconds before an archive that could not be read is asked once more."""
LOOK_AGAIN = 5.0
"""Seconds before one that was read is looked at for what was archived late."""


class Archives:
    """Has the archives read over the link; ``changed`` is called after each."""

    def __init__(self, jid: str, link: Link, catchup: CatchUp, changed: Callable[[], None]) -> None:
        self._jid = jid
        self._link = link
        self._catchup = catchup
        self._changed = changed
        self._archived: bool | None = None

    def begin(self) -> None:
        """A new session: what was said to us since the old one is only in the archive."""
        self._archived = None
        self._catchup.close(self._jid)

    async def keep_up(self, stream: Stream) -> None:
        """Read the account's archive, if anything in it may be new; again if it failed."""
        while self._catchup.behind(self._jid):
            if self._archived is None:
                self._archived = await self._has_archive(stream)
            await self.read(self._jid, self._archived)
            if self._catchup.behind(self._jid):
                await asyncio.sleep(READ_AGAIN)
        await asyncio.sleep(LOOK_AGAIN)
        if self._link.reader is not None:
            await self._catchup.look_again(self._jid, self._link.reader)

    async def _has_archive(self, stream: Stream) -> bool | None:
        try:
            found = await stream.plugin["xep_0030"].get_info(
                jid=self._jid, timeout=DISCO_SECONDS, cached=False
            )
        except IqTimeout:
            return None
        except XMPPError:
            return False
        return MAM in found["disco_info"]["features"]

    async def read(self, jid: str, archived: bool | None) -> None:
        """Catch up with one archive, where there is one (None: nobody knows)."""
        if not self._catchup.behind(jid) or self._link.reader is None:
            return
        if archived is False:
            self._catchup.without(jid)
        else:
            await self._catchup.read(jid, self._link.reader)
        self._changed()
