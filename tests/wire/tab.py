"""A browser's tab without the browser: the frames of the web platform."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import aiohttp


class Tab:
    """One socket of the web platform; ``frames`` are all that came."""

    def __init__(self, page: str, path: str = "/ws/rooms/lobby/", name: str = "alice") -> None:
        self.url = f"{page}{path}"
        self.name = name
        self.frames: list[dict[str, Any]] = []
        self.hello: dict[str, Any] = {}
        self.closed: int | None = None
        # Clients keep cookies of an address only if told so; by them a visitor is known again.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._refs = (f"{name}-{number}" for number in itertools.count(1))

    async def __aenter__(self) -> Tab:
        await self.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.disconnect()
        await self._session.close()

    async def connect(self, **query: Any) -> dict[str, Any]:
        """Open the socket; the hello."""
        parameters = {"client": self.name, "name": self.name, **query}
        self._socket = await self._session.ws_connect(self.url, params=parameters)
        self._reading = asyncio.create_task(self._read(self._socket))
        start = len(self.frames)
        await self.wait(lambda: len(self.frames) > start)
        self.hello = self.frames[start]
        return self.hello

    async def resume(self) -> dict[str, Any]:
        """Open the socket again where it broke."""
        since = max((frame.get("seq", 0) for frame in self.frames), default=0)
        return await self.connect(since=since, epoch=self.hello["epoch"])

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            async with self._changed:
                self.frames.append(message.json())
                self._changed.notify_all()
        async with self._changed:
            self.closed = socket.close_code
            self._changed.notify_all()

    async def disconnect(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await self._reading

    async def say(self, text: str, **parts: Any) -> str:
        """Say something; its ref."""
        assert self._socket is not None
        ref = parts.pop("ref", None) or next(self._refs)
        await self._socket.send_json({"type": "message", "text": text, "ref": ref, **parts})
        return str(ref)

    @property
    def texts(self) -> list[str]:
        """The texts of the messages that were shown, in order."""
        return [frame["text"] for frame in self.frames if frame["type"] == "message"]

    async def wait(self, condition: Any, seconds: float = 30) -> None:
        """Wait until a condition on this tab holds."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"did not come; {self.name} was shown {self.frames}") from None

    async def shown(self, *texts: str, seconds: float = 30) -> None:
        """Wait until these texts were shown."""
        await self.wait(lambda: set(texts) <= set(self.texts), seconds)
