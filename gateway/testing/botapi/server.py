"""The simulated Bot API on a port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import orjson
from aiohttp import web

from gateway.testing.botapi.bell import PATIENCE, Bell
from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.errors import ApiFailure
from gateway.testing.botapi.faults import Fault, Faults
from gateway.testing.botapi.files import MAX_UPLOAD
from gateway.testing.botapi.messages import Json
from gateway.testing.botapi.methods import method_named
from gateway.testing.botapi.parameters import parameters_from
from gateway.testing.botapi.phone import Phone
from gateway.testing.botapi.updates import Timing, Updates
from gateway.testing.botapi.webhook import Hook
from gateway.testing.botapi.world import World

CALLS_KEPT = 10_000
FIRST_UPDATE = 100_001
ROOM = 64 * 1024
"""Bytes of a request beside its files."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in."""

    method: str
    parameters: Json
    bot: Bot


class BotApi(World):
    """A Bot API server and the Telegram behind it; ``async with`` starts and stops it.

    ``latency`` is how many seconds each method but getUpdates takes.
    """

    def __init__(self, *, port: int = 0, latency: float = 0, timing: Timing | None = None) -> None:
        super().__init__()
        self.port = port
        self.latency = latency
        self.timing = timing or Timing()
        self.faults = Faults(self)
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.bell = Bell()
        self._tokens: dict[str, Bot] = {}
        self._site: web.TCPSite | None = None
        application = web.Application(client_max_size=MAX_UPLOAD + ROOM)
        application.router.add_route("*", "/bot{token}/{method}", self._answer)
        application.router.add_get("/file/bot{token}/{path:.+}", self._download)
        Phone(self).add_routes(application.router)
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )

    @property
    def url(self) -> str:
        """The address that stands for https://api.telegram.org."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        for bot in self.bots:
            await bot.hook.stop()
        await self._runner.cleanup()

    async def open(self) -> None:
        """Listen; always on the same port."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and reset all connections."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            reset(connection.transport)

    def bot(
        self,
        token: str = "123:abc",
        username: str = "OurBot",
        name: str = "Our Bot",
        *,
        can_read_all_group_messages: bool = True,
    ) -> Bot:
        """A new bot account; ``can_read_all_group_messages`` off is privacy mode."""
        updates = Updates(FIRST_UPDATE, self.timing)
        bot = Bot(
            self,
            token,
            username,
            name,
            updates,
            can_read_all_group_messages=can_read_all_group_messages,
        )
        bot.hook = Hook(updates, self.timing, partial(self._perform, bot))
        self.bots.append(bot)
        self._tokens[token] = bot
        return bot

    def revoke(self, bot: Bot) -> None:
        """Make the bot's token worthless; a waiting poll is not told before it asks again."""
        del self._tokens[bot.token]

    async def wait_for_call(
        self, method: str, count: int = 1, *, seconds: float = PATIENCE
    ) -> list[Call]:
        """Wait until a method was called ``count`` times in all, and return the calls."""

        def found() -> list[Call]:
            return [call for call in self.calls if call.method == method]

        await self.bell.until(lambda: len(found()) >= count, seconds)
        return found()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            bot = self._bot(request.match_info["token"])
            given = await parameters_from(request)
            method = request.match_info["method"]
            self.calls.append(Call(method, given, bot))
            self.bell.ring()
            if fault := self.faults.strike(method, given.get("chat_id")):
                return await self._fail(fault, request, bot, method, given)
            return answer(200, {"ok": True, "result": await self._perform(bot, method, given)})
        except ApiFailure as failure:
            return answer(failure.code, failure.as_dict())

    def _bot(self, token: str) -> Bot:
        if token in self._tokens:
            return self._tokens[token]
        number, colon, secret = token.partition(":")
        well_formed = number.isdigit() and colon and secret
        raise ApiFailure(401, "Unauthorized") if well_formed else ApiFailure(404, "Not Found")

    async def _perform(self, bot: Bot, method: str, given: Json) -> Any:
        perform = method_named(method)
        if self.latency and method.lower() != "getupdates":
            await asyncio.sleep(self.latency)
        return await perform(self, bot, given)

    async def _fail(
        self, fault: Fault, request: web.Request, bot: Bot, method: str, given: Json
    ) -> web.StreamResponse:
        if fault.after:
            await self._perform(bot, method, given)
        match fault.kind:
            case "flood":
                what = f"Too Many Requests: retry after {fault.seconds}"
                raise ApiFailure(429, what, retry_after=fault.seconds)
            case "answer":
                return web.Response(status=fault.status, text=fault.body, content_type="text/html")
            case "silence":
                await asyncio.get_running_loop().create_future()
        reset(request.transport)
        return web.Response()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            self._bot(request.match_info["token"])
            if fault := self.faults.strike("file", None):
                return await self._fail_download(fault, request)
            content = self.files.at(request.match_info["path"])
        except ApiFailure as failure:
            return answer(failure.code, failure.as_dict())
        return web.Response(body=content, content_type="application/octet-stream")

    async def _fail_download(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if fault.kind == "answer":
            return web.Response(status=fault.status, text=fault.body, content_type="text/html")
        if fault.kind == "silence":
            await asyncio.get_running_loop().create_future()
        reset(request.transport)
        return web.Response()


def answer(status: int, body: Json) -> web.Response:
    """A JSON answer."""
    return web.Response(
        status=status, body=orjson.dumps(body), headers={"Content-Type": "application/json"}
    )


def reset(transport: asyncio.Transport | None) -> None:
    """End a connection as a dying peer does: with RST, not FIN."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
