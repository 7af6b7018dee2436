"""A web chat in memory that speaks to browsers as the gateway does, and can be made to misbehave.

It serves the real pages with their real headers: rendered by Django, scripts from their folder.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler
from django.contrib.auth import get_user_model
from django.test import RequestFactory

import gateway.dashboard
from gateway.dashboard import views
from gateway.dashboard.middleware import with_headers

Result = TypeVar("Result")

STATIC = Path(gateway.dashboard.__file__).parent / "static"
HISTORY = 50
SECONDS = 30


class Chatroom:
    """One log, and the sockets that follow it; methods may be called from the test's thread."""

    def __init__(self) -> None:
        self.url = ""
        self._sockets: dict[web.WebSocketResponse, asyncio.Transport] = {}
        self._boards: set[web.WebSocketResponse] = set()
        self._visits = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.new_event_loop()
        self._renew()

    def forget(self) -> None:
        """Be as new, for the next test; pages that a browser keeps open behind it are cut."""
        self.cut()
        asyncio.run_coroutine_threadsafe(self._left(), self._loop).result(SECONDS)
        self._do(self._renew)

    async def _left(self) -> None:
        while self._visits:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.005)

    def _renew(self) -> None:
        self.epoch = "first"
        self.log: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.refusal: dict[str, Any] | None = None
        self.answer: str | None = None
        self.deaf = False
        self.files: dict[str, tuple[bytes, str]] = {}
        self.uploads: list[dict[str, str]] = []
        self.no_file: dict[str, str] | None = None
        self.board: list[dict[str, Any]] = []
        self._seen: set[tuple[str, str]] = set()

    # What a test does

    def say(self, name: str, text: str, **body: Any) -> None:
        """Somebody says something."""
        self._do(lambda: self.put(message(name, text, **body)))

    def tell(self, kind: str, target: str, name: str = "Ann", **body: Any) -> None:
        """Somebody does something about a message."""
        self._do(lambda: self.put(about(kind, target, name, **body)))

    def show(self, frame: dict[str, Any]) -> None:
        """Send a frame that is not of the log."""
        self._do(lambda: self._spread(self._sockets, frame))

    def show_board(self, frame: dict[str, Any]) -> None:
        """Send a frame to the dashboards."""
        self._do(lambda: self._spread(self._boards, frame))

    def cut(self, between: Callable[[], None] = lambda: None) -> None:
        """Cut every connection, then do something while nobody is there."""

        def act() -> None:
            for transport in self._sockets.values():
                transport.abort()
            self._sockets.clear()
            between()

        self._do(act)

    def append(self, name: str, text: str) -> None:
        """Say something, from within ``cut``."""
        self.put(message(name, text))

    def put(self, entry: dict[str, Any]) -> None:
        """Append to the log, from within ``cut``."""
        seq = len(self.log) + 1
        self.log.append({"id": str(seq)} | entry | {"seq": seq})
        self._spread(self._sockets, self.log[-1])

    def begin_anew(self) -> None:
        """Another log under the same name, from within ``cut``."""
        self.epoch, self.log = "second", []

    def _do(self, act: Callable[[], Result]) -> Result:
        done: Future[Result] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(act()))
        return done.result(SECONDS)

    # What it serves

    async def _page(self, request: web.Request) -> web.Response:
        asked = RequestFactory().get(request.path, HTTP_HOST=request.host)
        asked.user = get_user_model()(username="sam", is_staff=True)
        if request.path == "/dashboard/":
            page = views.dashboard(asked)
        else:
            page = views.chat(asked, request.match_info["room"])
        return web.Response(body=page.content, headers=dict(with_headers(page, asked).items()))

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._visits += 1
        try:
            return await handler(request)
        finally:
            self._visits -= 1

    async def _chat(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        query = dict(request.query)
        self.queries.append(query)
        resumed = query.get("epoch") == self.epoch and query["since"].isdecimal()
        since = int(query["since"]) if resumed else max(0, len(self.log) - HISTORY)
        await socket.send_json(self._hello(query, resumed))
        for entry in self.log[since:]:
            await socket.send_json(entry)
        assert isinstance(request.transport, asyncio.Transport)
        self._sockets[socket] = request.transport
        async for frame in socket:
            if frame.type is WSMsgType.TEXT and not self.deaf:
                await self._hear(socket, query, json.loads(frame.data))
        self._sockets.pop(socket, None)
        return socket

    def _hello(self, query: dict[str, str], resumed: bool) -> dict[str, Any]:
        you = {"id": "web:~me", "name": query.get("name", "visitor-ab12")}
        place = {"room": "lobby", "seq": len(self.log), "epoch": self.epoch}
        return {"type": "hello", "you": you, "resumed": resumed, "extensions": {}} | place

    async def _hear(
        self, socket: web.WebSocketResponse, query: dict[str, str], frame: dict[str, Any]
    ) -> None:
        self.heard.append(frame)
        if frame["type"] == "typing":
            return
        if self.refusal is not None:
            await socket.send_json({"type": "failed", "ref": frame["ref"]} | self.refusal)
            return
        await socket.send_json({"type": "sent", "ref": frame["ref"]})
        name = {"client": query["client"], "ref": frame["ref"]}
        if frame["type"] == "action":
            if self.answer is not None:
                await socket.send_json({"type": "answer", "text": self.answer} | name)
        elif tuple(name.values()) not in self._seen:
            self._seen.add((name["client"], name["ref"]))
            self.put(self._done(frame, self._hello(query, False)["you"]) | name)

    def _done(self, frame: dict[str, Any], you: dict[str, Any]) -> dict[str, Any]:
        """What a frame of a browser is in the log."""
        body = {key: value for key, value in frame.items() if key not in ("type", "ref")}
        body["attachments"] = [self._shown(one) for one in frame.get("attachments", ())]
        if frame["type"] != "message":
            target = body.pop("id")
            return about(frame["type"], target, you["name"], by=you["id"], **body)
        return message(you["name"], body.pop("text"), id=you["id"], **body)

    def _shown(self, attachment: dict[str, Any]) -> dict[str, Any]:
        source = attachment["source"].rpartition("/")[2]
        return attachment | {"source": None, "url": f"/media/{source}/{attachment['name']}"}

    async def _upload(self, request: web.Request) -> web.Response:
        content = await request.read()
        self.uploads.append(dict(request.query))
        if self.no_file is not None:
            return web.json_response(self.no_file, status=413)
        name, kind = request.query["name"], request.content_type
        self.files[str(len(self.files))] = (content, kind)
        source = f"web:default/{len(self.files) - 1}"
        known = {"image": "photo", "audio": "audio", "video": "video"}
        shown = {"kind": known.get(kind.partition("/")[0], "document"), "size": len(content)}
        answer = shown | {"source": source, "name": name, "type": kind}
        return web.json_response(answer, status=201)

    async def _file(self, request: web.Request) -> web.Response:
        content, kind = self.files.get(request.match_info["file"], (b"", ""))
        if not content:
            raise web.HTTPGone
        return web.Response(body=content, content_type=kind)

    async def _dashboard(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in self.board:
            await socket.send_json(frame)
        self._boards.add(socket)
        async for frame in socket:
            self.heard.append(json.loads(frame.data))
            ref = self.heard[-1]["ref"]
            answer = {"type": "failed"} | self.refusal if self.refusal else {"type": "sent"}
            await socket.send_json({"ref": ref} | answer)
        self._boards.discard(socket)
        return socket

    def _spread(self, sockets: Iterable[web.WebSocketResponse], frame: dict[str, Any]) -> None:
        for socket in sockets:
            self._tasks.append(self._loop.create_task(socket.send_json(frame)))

    # How it lives

    @contextmanager
    def serving(self) -> Iterator[Chatroom]:
        """Serve on a free port of the loopback interface, in a thread."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(SECONDS)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result(SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(SECONDS)
            self._loop.close()

    async def _start(self) -> web.AppRunner:
        application = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._counted])
        application.add_routes(
            [
                web.static("/static", STATIC),
                web.get("/ws/dashboard/", self._dashboard),
                web.get("/ws/chat/", self._chat),
                web.get("/ws/rooms/{room}/", self._chat),
                web.post("/media/", self._upload),
                web.get("/media/{file}/{name}", self._file),
                web.get("/dashboard/", self._page),
                web.get("/rooms/{room}/", self._page),
            ]
        )
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner


def message(name: str, text: str, **body: Any) -> dict[str, Any]:
    """A frame of the log, before it has its place."""
    author = _author(name, body.pop("id", f"telegram:{name}"), body.pop("kind", "person"))
    frame = {"type": "message", "client": None, "ref": None, "attachments": []}
    return frame | {"author": author, "text": text, "at": time.time()} | body


def about(kind: str, target: str, name: str, **body: Any) -> dict[str, Any]:
    """A frame of the log that is about a message."""
    author = _author(name, body.pop("by", f"telegram:{name}"))
    frame = {"type": kind, "id": target, "client": None, "ref": None}
    return frame | {"author": author, "at": time.time()} | body


def _author(name: str, author: str, kind: str = "person") -> dict[str, Any]:
    return {"id": author, "name": name, "handle": None, "kind": kind}
