"""Asking archives what was said (XEP-0313), over one connection, a page at a time (XEP-0059)."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout

from protocols.xmpp.identity import bare
from protocols.xmpp.past import (
    FIN,
    PAGE,
    RESULT,
    Page,
    Place,
    Result,
    page_from_fin,
    query,
    result_from_stanza,
)
from protocols.xmpp.stream import Stream

logger = logging.getLogger(__name__)

PAGE_SECONDS = 30
"""How long an archive may take for one page."""
PAGES = 1000
"""Pages of one archive that are read in one go."""
MOST = 4 * PAGE
"""Results of one page that are taken from an archive that does not keep to what it was asked."""

HOPELESS = (
    "feature-not-implemented",
    "service-unavailable",
    "forbidden",
    "not-allowed",
    "not-authorized",
    "registration-required",
    "item-not-found",
)
"""Errors that asking again in the same session does not change."""


class NotShown(Exception):
    """An archive did not answer, or said no; ``condition`` is empty where it did not answer."""

    def __init__(self, reason: str, condition: str = "") -> None:
        super().__init__(reason)
        self.condition = condition

    @property
    def hopeless(self) -> bool:
        """Whether it would say so again."""
        return self.condition in HOPELESS


@dataclass(slots=True)
class _Question:
    archive: str
    results: list[Result] = field(default_factory=list)


class Reader:
    """Asks over one connection; what answers a former one is nobody's."""

    def __init__(self, stream: Stream, jid: str) -> None:
        self._stream = stream
        self._jid = jid
        self._open: dict[str, _Question] = {}

    def take(self, message: Element) -> bool:
        """Whether the message came from an archive, for us alone; then it is no conversation."""
        result = message.find(RESULT)
        if result is None:
            return False
        sender = message.get("from") or self._jid
        question = self._open.get(result.get("queryid", ""))
        if question is None or question.archive != sender:
            return sender == self._jid or bare(sender) == sender
        found = result_from_stanza(sender, message, time.time())
        if found is not None and len(question.results) < MOST:
            question.results.append(found)
        return True

    async def pages(
        self, archive: str, place: Place, *, since: float = 0.0, until: float | None = None
    ) -> AsyncGenerator[Page, None]:
        """What came after a place, between two times, page by page; raises ``NotShown``."""
        known, seen = place.id and place.at >= since, frozenset[str]()
        after, start = (place.id, None) if known else (None, max(place.at, since))
        for _ in range(PAGES):
            try:
                page = await self.page(archive, after=after, start=start, end=until)
            except NotShown as error:
                if error.condition != "item-not-found" or after is None:
                    raise
                logger.warning("archive=%s no longer knows where we were", archive)
                after, start = None, max(place.at, since)
                continue
            yield replace(page, results=tuple(r for r in page.results if r.id not in seen))
            if page.results:
                seen = frozenset(result.id for result in page.results)
                place = Place(page.results[-1].id, page.results[-1].at)
            if page.complete or page.last == after:
                return
            after = page.last
        raise NotShown(f"more than {PAGES} pages")

    async def page(
        self,
        archive: str,
        *,
        after: str | None = None,
        start: float | None = None,
        end: float | None = None,
        newest: bool = False,
    ) -> Page:
        """Ask for one page; raises ``NotShown``."""
        name = uuid.uuid4().hex
        question = self._open[name] = _Question(archive)
        iq = self._stream.make_iq_set(ito=archive)
        iq.append(query(name, after=after, start=start, end=end, newest=newest))
        try:
            reply = await iq.send(timeout=PAGE_SECONDS)
        except IqTimeout:
            raise NotShown(f"no answer in {PAGE_SECONDS} s") from None
        except IqError as error:
            raise NotShown(error.condition, error.condition) from None
        finally:
            del self._open[name]
        page = page_from_fin(reply.xml.find(FIN), tuple(question.results))
        if len(page.results) < MOST:
            return page
        return Page(page.results, page.results[-1].id, complete=False)
