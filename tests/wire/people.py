"""The other people in tests of XMPP: plain slixmpp clients, and a link that can be cut."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from prosody import HOST, PASSWORD, ROOMS

SECONDS = 20
OPEN = (
    "<query xmlns='http://jabber.org/protocol/muc#owner'>"
    "<x xmlns='jabber:x:data' type='submit'/></query>"
)
_RESET = struct.pack("ii", 1, 0)


class Person:
    """Somebody with an ordinary client, over plaintext on the loopback interface."""

    def __init__(self, user: str, port: int) -> None:
        config = {"feature_mechanisms": {"unencrypted_scram": True, "unencrypted_plain": True}}
        self.client = ClientXMPP(f"{user}@{HOST}/test", PASSWORD, plugin_config=config)
        self.client.enable_starttls = self.client.enable_direct_tls = False
        self.client.enable_plaintext = True
        self.client.register_plugin("xep_0045")
        self.client.register_plugin("xep_0198")
        self.client.add_event_handler("message", self._on_message)
        every = MatchXPath("{jabber:client}message")
        self.client.register_handler(Callback("every message", every, self._on_stanza))
        self.user = user
        self.port = port
        self.messages: list[Any] = []
        self.stanzas: list[Any] = []
        """Messages of every kind, those without a body too."""
        self._changed = asyncio.Condition()

    async def _on_message(self, message: Any) -> None:
        async with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def _on_stanza(self, message: Any) -> None:
        self.stanzas.append(message)

    async def come(self, *rooms: str, priority: int = 0) -> Person:
        """Log in, be available, join rooms."""
        online = asyncio.get_running_loop().create_future()
        self.client.add_event_handler(
            "stream_negotiated", lambda _: online.done() or online.set_result(None)
        )
        self.client.connect("127.0.0.1", self.port)
        await asyncio.wait_for(online, SECONDS)
        seen = asyncio.get_running_loop().create_future()
        self.client.add_event_handler(
            "presence_available", lambda _: seen.done() or seen.set_result(None), disposable=True
        )
        self.client.send_presence(ppriority=priority)
        await asyncio.wait_for(seen, SECONDS)  # our own comes back: the server knows we are there
        for room in rooms:
            await self.join(room)
        return self

    async def join(self, room: str, nick: str = "", *, past: int = 0) -> None:
        """Enter a room and open it if that made it; hear as many messages of its past."""
        muc = self.client.plugin["xep_0045"]
        jid = f"{room}@{ROOMS}"
        await muc.join_muc_wait(jid, nick or self.user, maxstanzas=past, timeout=SECONDS)
        with suppress(IqError):  # not ours to open
            iq = self.client.make_iq_set(ito=jid)
            iq.append(ElementTree.fromstring(OPEN))
            await iq.send(timeout=SECONDS)

    async def go(self) -> None:
        """Leave for good."""
        with suppress(TimeoutError):
            # Whom the server did not see go it keeps in the rooms, for the session to be resumed.
            await asyncio.wait_for(self.client.disconnect(wait=SECONDS), SECONDS + 1)
        self.client.cancel_connection_attempt()
        self.client.abort()
        for name in list(self.client.scheduled_events):
            self.client.cancel_schedule(name)
        if self.client._run_out_filters is not None:
            self.client._run_out_filters.cancel()

    def say(self, to: str, text: str, **attributes: str) -> None:
        """Say something in private."""
        message = self.client.make_message(mto=to, mbody=text, mtype="chat")
        for name, value in attributes.items():
            message[name] = value
        message.send()

    def tell(self, room: str, text: str) -> None:
        """Say something in a room."""
        self.client.send_message(mto=f"{room}@{ROOMS}", mbody=text, mtype="groupchat")

    def texts(self, by: str | None = None) -> list[str]:
        """What was heard, of everybody or of one nick or account."""
        return [m["body"] for m in self.messages if by is None or by in (_nick(m), m["from"].user)]

    async def hear(self, count: int, by: str | None = None, seconds: float = SECONDS) -> list[str]:
        """Wait until that many texts were heard, and return them."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.texts(by)) >= count)
        return self.texts(by)


def _nick(message: Any) -> str:
    return str(message["from"].resource)


class Link:
    """A TCP connection between us and the server that the test can cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self._made = asyncio.Event()
        self.refusing = False

    async def open(self) -> Link:
        """Listen."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def busy(self) -> bool:
        """Whether anybody is connected, or was and may still have something on its way."""
        return bool(self._tasks)

    def cut(self) -> None:
        """Reset every connection: what is on its way is lost."""
        for writer in list(self._writers):
            raw = writer.get_extra_info("socket")
            with suppress(OSError):
                if raw is not None:  # else it is closed already
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self._writers.clear()

    async def made_again(self) -> None:
        """Wait for the next connection."""
        self._made.clear()
        await asyncio.wait_for(self._made.wait(), SECONDS)

    async def close(self) -> None:
        """Stop listening and cut."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self.refusing:
            return self.cut()
        self._made.set()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            return self.cut()
        self._writers.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return None

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()
