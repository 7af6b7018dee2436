"""The parser of the stream: it refuses what no stanza may hold, and what is too big."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree.ElementTree import ParseError, XMLParser, XMLPullParser

MAX_ELEMENT = 1024 * 1024
"""Bytes of one child of the stream, give or take one read; servers stop at 256 to 512 KiB."""
MAX_HEADER = 16 * 1024
"""Bytes before the stream is open."""


class BoundedParser:
    """What slixmpp needs of an ``XMLPullParser``, for a server that may be hostile or broken.

    Entities can only be declared before the stream's root (RFC 6120, 11.1, forbids it), so that
    refusing ``<!`` there refuses them all. ``refuse`` is called once with a sentence; after that
    nothing is parsed any more.
    """

    def __init__(self, refuse: Callable[[str], None]) -> None:
        # Always UTF-8 (RFC 6120, 11.6), whatever the document says: what is searched for in the
        # bytes is then what the parser sees.
        reader: Any = XMLPullParser
        self._parser: Any = reader(("start", "end"), _parser=XMLParser(encoding="utf-8"))
        self._refuse = refuse
        self._refused = False
        self._depth = 0
        self._header = b""
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        """Take bytes from the network."""
        if self._refused:
            return
        self._bytes += len(data)
        if self._bytes > MAX_ELEMENT:
            self._stop(f"the server sent an element of more than {MAX_ELEMENT} bytes")
        elif not self._depth and not self._plain(data):
            self._stop("the server sent no XMPP stream")
        else:
            self._parser.feed(data)

    def read_events(self) -> Iterator[tuple[str, Any]]:
        """The starts and ends of elements since the last time."""
        try:
            for event, element in self._parser.read_events():
                if self._refused:
                    return
                self._depth += 1 if event == "start" else -1
                if self._depth == 1:
                    self._header, self._bytes = b"", 0
                yield event, element
        except ParseError as error:
            # The parser's own words name a position only, never what stood there.
            self._stop(f"the server sent something that is not XML ({error})")

    def _plain(self, data: bytes) -> bool:
        self._header += data
        declared = self._header.partition(b"<stream")[0]
        # A NUL: UTF-16, which expat takes over the encoding that it was given.
        strange = b"<!" in declared or b"\0" in declared
        return not strange and len(declared) <= MAX_HEADER

    def _stop(self, reason: str) -> None:
        self._refused = True
        self._refuse(reason)
