"""The hub's line to the other processes: Redis pub/sub through channels_redis.

At most once, by design: what may not be lost is in the ledger, and a ring that is lost costs the
two seconds until the next look at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CLAIM = "gateway.ledger"
CLAIM_SECONDS = 120
"""How long a Redis remembers whose ledger the gateways at it share."""

PAUSE = 1.0
"""Seconds between two tries to reach Redis."""

WAITING = 10_000
"""Messages that may wait to be published; more are dropped and counted."""


class Far:
    """Publishes to, and listens for, the processes that share a Redis."""

    def __init__(self, url: str, listener: Callable[[str, dict[str, Any]], None]) -> None:
        self.process = uuid4().hex[:12]
        self.dropped = 0
        self.connected = False
        self._layer = RedisPubSubChannelLayer(hosts=[{"address": url}], prefix="gateway.")
        self._listener = listener
        self._topics: set[str] = set()
        self._subscribed: set[str] = set()
        self._changed = asyncio.Event()
        self._outgoing: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING)

    def subscribe(self, topic: str) -> None:
        """Hear what is published to a topic, from now on or from when Redis is there."""
        self._topics.add(topic)
        self._changed.set()

    def unsubscribe(self, topic: str) -> None:
        """Hear it no more."""
        self._topics.discard(topic)
        self._changed.set()

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Tell the other processes, in order, best effort."""
        try:
            self._outgoing.put_nowait((topic, message))
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Keep the line up until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                channel = await self._own_channel()
                tasks.create_task(self._listen(channel))
                tasks.create_task(self._keep_subscribed(channel))
                tasks.create_task(self._speak())
        finally:
            with contextlib.suppress(Exception):
                await self._layer.flush()

    async def _own_channel(self) -> str:
        while True:
            try:
                return str(await self._layer.new_channel())
            except Exception as error:  # any of redis-py's; the line is retried for ever
                logger.warning("Redis cannot be reached: %s", error)
                await asyncio.sleep(PAUSE)

    async def _listen(self, channel: str) -> None:
        while True:
            message = await self._layer.receive(channel)
            if message["from"] != self.process:
                self._listener(message["topic"], message["message"])

    async def _keep_subscribed(self, channel: str) -> None:
        while True:
            self._changed.clear()
            try:
                for topic in self._topics - self._subscribed:
                    await self._layer.group_add(topic, channel)
                    self._subscribed.add(topic)
                for topic in self._subscribed - self._topics:
                    await self._layer.group_discard(topic, channel)
                    self._subscribed.discard(topic)
            except Exception as error:  # as above
                logger.warning("Redis cannot be reached: %s", error)
                await asyncio.sleep(PAUSE)
            else:
                self.connected = True
                await self._changed.wait()

    async def _speak(self) -> None:
        while True:
            topic, message = await self._outgoing.get()
            body = {"from": self.process, "topic": topic, "message": message}
            try:
                await self._layer.group_send(topic, body)
                self.connected = True
            except Exception as error:  # lost: the ledger has what matters
                if self.connected:
                    logger.warning("Redis is away: %s", error)
                self.connected = False
                self.dropped += 1


async def claimed_by(url: str, ledger: str) -> str | None:
    """The id of the ledger that the gateways at a Redis share, ours if there is none yet.

    None if Redis cannot be reached: it is not needed to start.
    """
    redis = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2, decode_responses=True)
    try:
        await redis.set(CLAIM, ledger, nx=True, ex=CLAIM_SECONDS)
        found = await redis.get(CLAIM)
        if found == ledger:
            await redis.expire(CLAIM, CLAIM_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("Redis cannot be reached: %s", error)
        return None
    finally:
        await redis.aclose()
    return ledger if found is None else str(found)
