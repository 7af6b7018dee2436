"""Webhooks: the updates of one chat one at a time and in order, different chats side by side.

What is not answered by a 2xx is tried again: at once, then after ever longer pauses. The updates
behind it in the same chat wait, those of other chats do not.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.testing.botapi.updates import Timing, Updates

Perform = Callable[[str, dict[str, Any]], Awaitable[Any]]

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


class Hook:
    """The webhook of one bot; idle while ``url`` is empty."""

    def __init__(self, updates: Updates, timing: Timing, perform: Perform) -> None:
        self.url = ""
        self.secret = ""
        self.max_connections = 40
        self.last_error: tuple[int, str] | None = None
        self.attempts = 0
        self._updates = updates
        self._timing = timing
        self._perform = perform
        self._task: asyncio.Task[None] | None = None

    def info(self) -> dict[str, Any]:
        """What getWebhookInfo tells."""
        info: dict[str, Any] = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.waiting),
        }
        if self.url:
            host = urlsplit(self.url).hostname
            info |= {"max_connections": self.max_connections, "ip_address": host}
        if self._updates.allowed is not None:
            info["allowed_updates"] = sorted(self._updates.allowed)
        if self.last_error:
            at, what = self.last_error
            info |= {"last_error_date": at, "last_error_message": what}
        return info

    async def set(self, url: str, secret: str, max_connections: int) -> None:
        """Start to deliver to an address, or stop, where it is empty."""
        await self.stop()
        self.url, self.secret, self.max_connections = url, secret, max_connections
        self.last_error = None
        if url:
            self._task = asyncio.create_task(self._run(), name=f"webhook of {url}")

    async def stop(self) -> None:
        """Deliver no more; what is not confirmed stays."""
        self.url = ""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        lines: dict[Any, deque[int]] = {}
        seen = 0
        free = asyncio.Semaphore(self.max_connections)
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            asyncio.TaskGroup() as group,
        ):
            while True:
                for number, update in list(self._updates.waiting.items()):
                    if number <= seen:
                        continue
                    seen = number
                    line = lines.setdefault(place_of(update), deque())
                    line.append(number)
                    if len(line) == 1:
                        group.create_task(self._work_off(line, session, free))
                await self._newer_than(seen)

    async def _newer_than(self, seen: int) -> None:
        waiting = self._updates.waiting
        await self._updates.bell.until(lambda: next(reversed(waiting), 0) > seen, None)

    async def _work_off(
        self, line: deque[int], session: aiohttp.ClientSession, free: asyncio.Semaphore
    ) -> None:
        while line:
            update = self._updates.waiting.get(line[0])
            if update is not None:
                await self._insist(update, session, free)
                self._updates.settle(line[0])
            line.popleft()

    async def _insist(
        self, update: dict[str, Any], session: aiohttp.ClientSession, free: asyncio.Semaphore
    ) -> None:
        pause = 0.0
        while True:
            async with free:
                if await self._deliver(update, session):
                    return
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, self._timing.webhook_first), self._timing.webhook_last)

    async def _deliver(self, update: dict[str, Any], session: aiohttp.ClientSession) -> bool:
        self.attempts += 1
        headers = {"Content-Type": "application/json"}
        if self.secret:
            headers[SECRET_HEADER] = self.secret
        timeout = aiohttp.ClientTimeout(total=self._timing.webhook_answer)
        try:
            async with session.post(
                self.url, data=orjson.dumps(update), headers=headers, timeout=timeout
            ) as response:
                return await self._judge(response)
        except (aiohttp.ClientError, OSError) as error:
            self._fail(f"Connection failed: {type(error).__name__}")
        return False

    async def _judge(self, response: aiohttp.ClientResponse) -> bool:
        body = await response.read()
        if not 200 <= response.status < 300:
            self._fail(f"Wrong response from the webhook: {response.status} {response.reason}")
            return False
        await self._carry_out(body)
        return True

    async def _carry_out(self, body: bytes) -> None:
        """Do what the answer asks for; its result goes nowhere."""
        try:
            answer = orjson.loads(body)
        except ValueError:
            return
        if isinstance(answer, dict) and "method" in answer:
            await self._perform(str(answer.pop("method")), answer)

    def _fail(self, what: str) -> None:
        self.last_error = (int(time.time()), what)
        self._updates.bell.ring()


def place_of(update: dict[str, Any]) -> Any:
    """The chat whose line an update stands in; those without one have lines of their own."""
    payload = next((value for key, value in update.items() if key != "update_id"), None)
    if not isinstance(payload, dict):
        return update["update_id"]
    chat = payload.get("chat") or payload.get("message", {}).get("chat")
    return chat.get("id") if isinstance(chat, dict) else update["update_id"]
