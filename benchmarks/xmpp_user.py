"""Somebody on XMPP who costs next to nothing, so that the bot is what is measured.

A client by text: it logs in over plaintext, writes messages, and finds the bodies of those that
come. It reads no other stanza and asks for no XEP-0198.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable

HEADER = (
    "<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
LOGIN = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
BIND = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
MESSAGE = "<message to='{to}' type='{kind}' id='{text}'><body>{text}</body></message>"
JOIN = "<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
OPEN = (
    "<iq type='set' id='open' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
    "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
)
BODY = re.compile(r"<body>([^<]*)</body>")
SECONDS = 10


class XmppUser:
    """One session; ``heard`` gets the text of each message that comes."""

    def __init__(self, name: str, heard: Callable[[str], None]) -> None:
        self.name = name
        self.heard = heard
        self._unread = ""
        self._answered = asyncio.Event()

    async def come(self, host: str, port: int, password: str) -> XmppUser:
        """Log in and be available."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        secret = base64.b64encode(f"\0{self.name}\0{password}".encode()).decode()
        async with asyncio.timeout(SECONDS):
            await self._ask(HEADER.format(host=host), "</stream:features>")
            await self._ask(LOGIN.format(secret=secret), "<success")
            await self._ask(HEADER.format(host=host), "</stream:features>")
            await self._ask(BIND, "</jid>")
            await self._ask("<presence/>", "<presence")
        self._reading = asyncio.create_task(self._read())
        return self

    async def make_room(self, room: str) -> None:
        """Enter a room that nobody has made, so that others can."""
        self._writer.write(JOIN.format(room=room, nick=self.name).encode())
        self._writer.write(OPEN.format(room=room).encode())
        async with asyncio.timeout(SECONDS):
            await self._answered.wait()

    async def _ask(self, text: str, answer: str) -> None:
        self._writer.write(text.encode())
        got = ""
        while answer not in got:
            data = await self._reader.read(65536)
            if not data:
                raise ConnectionError(f"XMPP server ended the stream: {got}")
            got += data.decode()

    def say(self, to: str, text: str, kind: str = "chat") -> None:
        """Send plain text (nothing in it may need escaping)."""
        self.send(MESSAGE.format(to=to, kind=kind, text=text))

    def send(self, stanza: str) -> None:
        """Send a stanza."""
        self._writer.write(stanza.encode())

    async def go(self) -> None:
        """Leave."""
        self._writer.write(b"</stream:stream>")
        self._writer.close()
        await self._reading

    async def _read(self) -> None:
        while data := await self._reader.read(65536):
            self._unread += data.decode(errors="replace")  # the texts are ASCII
            if "type='result'" in self._unread:
                self._answered.set()
            whole, end, self._unread = self._unread.rpartition("</message>")
            if end:
                for text in BODY.findall(whole):
                    self.heard(text)
