"""The connection of the moment, for everything that speaks through it."""

from __future__ import annotations

from gateway.vocabulary.errors import NotSent
from protocols.xmpp.reader import Reader
from protocols.xmpp.stream import Stream


class Link:
    """Holds the stream while there is one; ``Connection`` puts it here and takes it away."""

    def __init__(self, domain: str) -> None:
        self.stream: Stream | None = None
        self.reader: Reader | None = None
        """Asks archives over this connection, or over the one before it."""
        self.paused = False
        """Whether the network is not read, because too much waits to be written down."""
        self._domain = domain

    def open(self, stream: Stream, jid: str) -> None:
        """There is a connection, not logged in yet, of the account ``jid``."""
        self.stream, self.reader = stream, Reader(stream, jid)

    def online(self) -> Stream | None:
        """The stream, if stanzas can be said."""
        return self.stream if self.stream is not None and self.stream.online else None

    def ready(self) -> Stream:
        """The stream, to say something at once; raises ``NotSent`` if it would not leave."""
        stream = self.online()
        if stream is None:
            raise NotSent(f"not connected to {self._domain}")
        if stream.congested:
            raise NotSent(f"{stream.where} does not take what we say")
        return stream

    def pause(self) -> None:
        """Take nothing more from the network."""
        if not self.paused and self.stream is not None:
            self.paused = True
            self.stream.read(False)

    def go_on(self) -> None:
        """Take from the network again."""
        if self.paused and self.stream is not None:
            self.paused = False
            self.stream.read(True)
