"""The hub: a channel layer whose members may be sockets, or conversations that sleep.

Its API is Channels' own. A plain channel is a mailbox in this process. A conversation's channel
has a stable name, and what is sent there goes through the conversation's one gate, waking it. A
group message costs O(members): no copy, no task, no sweep. Groups named ``room.*`` are logged:
``Hub.rooms`` takes them.

Without a gateway around it (in tests, in a Django shell) it is a layer in memory.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from gateway.delivery.conversations import Conversations
from gateway.delivery.far import Far
from gateway.delivery.hand import conversation_in_hand
from gateway.delivery.mailbox import Mailbox, Message
from gateway.vocabulary.events import Event
from gateway.vocabulary.ids import protocol_of

logger = logging.getLogger(__name__)

PREFIX = "conversation."
RINGS = "rings"
"""The topic on which processes tell each other that a table has something new."""

GROUP_CAPACITY = 1_000
"""Group messages that may wait for one member; more are dropped and counted."""

SWEEP = 1_000
"""Channels in memory before those that nobody reads are looked for."""

COMPLAINT_SECONDS = 60.0

ABANDONED_SECONDS = 3600.0
"""A full mailbox that nobody has read for so long belongs to nobody."""


def channel_from_conversation(key: str) -> str:
    """The stable channel of a conversation; one whose key is too long for a name is hashed."""
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    if len(PREFIX) + len(encoded) < 100:
        return PREFIX + encoded
    return f"{PREFIX}.{hashlib.sha256(key.encode()).hexdigest()}"


def conversation_from_channel(channel: str) -> str | None:
    """The conversation of a channel; None for a plain channel, or a hashed name."""
    encoded = channel.removeprefix(PREFIX)
    if encoded == channel or encoded.startswith("."):
        return None
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


class HubLayer(BaseChannelLayer):  # type: ignore[misc]
    """What ``CHANNEL_LAYERS["default"]`` names."""

    extensions = ("groups", "flush")

    def __init__(
        self,
        expiry: float = 60,
        capacity: int = 100,
        channel_capacity: dict[Any, int] | None = None,
        **_: Any,
    ) -> None:
        super().__init__(expiry=expiry, capacity=capacity)
        self.channel_capacity = self.compile_capacities(channel_capacity or {})
        self.process = uuid4().hex[:12]
        self.dropped = 0
        self.conversations: Conversations | None = None
        self.far: Far | None = None
        self.rooms: Callable[[str, Message], Awaitable[Any]] | None = None
        """Takes messages to groups named ``room.*``."""
        self.keep: Callable[[str, str, bool], None] | None = None
        """Keeps the membership of a conversation in a group."""
        self.at_home: Callable[[str], bool] = lambda _: True
        self.name_now: Callable[[str], str] = lambda key: key
        """The present name of a conversation, whichever it is named by."""
        self.ringing: Callable[[dict[str, Any]], None] | None = None
        """Hears the rings of other processes."""
        self._mailboxes: dict[str, Mailbox] = {}
        self._sweep_at = SWEEP
        self._groups: dict[str, dict[str, None]] = {}
        self._long_keys: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._complained_at: dict[str, float] = {}

    # Channels

    async def new_channel(self, prefix: str = "specific.") -> str:
        """A channel of this process; inside a conversation, that conversation's own."""
        key = conversation_in_hand.get()
        if key is not None:
            return self._channel(key)
        return f"{prefix}{self.process}!{next(self._numbers)}"

    def _channel(self, key: str) -> str:
        channel = channel_from_conversation(key)
        if channel.startswith(PREFIX + "."):
            self._long_keys[channel] = key
        return channel

    def _conversation(self, channel: str) -> str | None:
        key = self._long_keys.get(channel) or conversation_from_channel(channel)
        return None if key is None else self.name_now(key)

    async def send(self, channel: str, message: Message) -> None:
        """Send to one channel; raises ``ChannelFull``, ``ValueError`` for a forged wire event."""
        self.require_valid_channel_name(channel)
        assert isinstance(message, dict), "message is not a dict"
        key = self._conversation(channel)
        if key is not None:
            self._check_origin(key, message)
            if not self._send_to_conversation(key, message):
                raise ChannelFull
        elif self._elsewhere(channel):
            self._publish("channel", {"channel": channel, "message": message})
        else:
            self._mailbox(channel).put(message, self.get_capacity(channel), self.expiry)

    def _elsewhere(self, channel: str) -> bool:
        head, separator, _ = channel.partition("!")
        return bool(separator) and head.startswith("specific.") and not head.endswith(self.process)

    def _mailbox(self, channel: str) -> Mailbox:
        mailbox = self._mailboxes.get(channel)
        if mailbox is None:
            if len(self._mailboxes) >= self._sweep_at:
                self._sweep()
            mailbox = self._mailboxes[channel] = Mailbox()
        return mailbox

    def _sweep(self) -> None:
        """Forget channels whose messages expired unread; paid for by those that were made."""
        self._mailboxes = {name: box for name, box in self._mailboxes.items() if not box.idle}
        self._sweep_at = max(SWEEP, 2 * len(self._mailboxes))

    async def receive(self, channel: str) -> Message:
        """The next message of a channel."""
        self.require_valid_channel_name(channel)
        key = self._conversation(channel)
        if key is not None:
            return await self._receive_in_conversation(key)
        mailbox = self._mailbox(channel)
        try:
            return await mailbox.get()
        finally:
            if mailbox.idle:
                self._mailboxes.pop(channel, None)

    async def _receive_in_conversation(self, key: str) -> Event:
        conversation = self.conversations.awake(key) if self.conversations else None
        if conversation is None or conversation.instance is None:
            raise RuntimeError(f"{key} is not awake in this process")
        return await conversation.instance.receive_from_layer()

    def _send_to_conversation(self, key: str, message: Message) -> bool:
        """Give a message to a conversation, here or at its home; False if it was dropped."""
        if self.conversations is None:
            return False
        if not self.at_home(key):
            self._publish("conversation", {"conversation": key, "message": message})
            return True
        return self.conversations.offer_group(key, {"key": uuid4().hex, **message})

    def _check_origin(self, key: str, message: Message) -> None:
        """Only the wire may say what a person said; a group member may not pretend it."""
        prefix = str(message.get("type", "")).partition(".")[0]
        conversation = self.conversations.awake(key) if self.conversations else None
        instance = conversation.instance if conversation else None
        # One that sleeps has not said yet whether it accepts; its gate refuses what it must.
        spoken: frozenset[str] = frozenset()
        if conversation is not None and instance is not None and instance.events is not None:
            spoken = conversation.home.spoken
        if prefix == protocol_of(key) or prefix in spoken:
            raise ValueError(f"{message['type']!r} comes from the wire only; choose another type")

    # Groups

    async def group_add(self, group: str, channel: str) -> None:
        """Add a channel to a group; a conversation stays in it while it sleeps, and after."""
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        key = self._conversation(channel)
        if key is not None and self.keep is not None:
            self.keep(group, key, True)
        self.enter(group, channel if key is None else self._channel(key))

    def enter(self, group: str, channel: str) -> None:
        """Add a channel in memory, and hear the group's messages from other processes."""
        members = self._groups.get(group)
        if members is None:
            members = self._groups[group] = {}
            if self.far is not None:
                self.far.subscribe(f"group.{group}")
        members[channel] = None

    def remember(self, group: str, key: str) -> None:
        """Add a conversation whose membership the ledger kept."""
        self.enter(group, self._channel(key))

    def move(self, old: str, new: str) -> None:
        """A conversation has another name now: it stays in its groups."""
        former, channel = self._channel(old), self._channel(new)
        for members in self._groups.values():
            if former in members:
                del members[former]
                members[channel] = None

    async def group_discard(self, group: str, channel: str) -> None:
        """Take a channel out of a group; ignored from a conversation that is falling asleep."""
        self.require_valid_channel_name(channel)
        key = self._conversation(channel)
        if key is not None and self._falling_asleep(key):
            return
        if key is not None and self.keep is not None:
            self.keep(group, key, False)
        members = self._groups.get(group)
        if members is None:
            return
        members.pop(channel if key is None else self._channel(key), None)
        if not members:
            del self._groups[group]
            if self.far is not None:
                self.far.unsubscribe(f"group.{group}")

    def _falling_asleep(self, key: str) -> bool:
        conversation = self.conversations.awake(key) if self.conversations else None
        instance = conversation.instance if conversation else None
        return instance is not None and instance.closing in ("idle", "shutdown")

    async def group_send(self, group: str, message: Message) -> None:
        """Send to every member of a group, here and in the other processes."""
        self.require_valid_group_name(group)
        if group.startswith("room.") and self.rooms is not None:
            await self.rooms(group, message)
            return
        self.spread(group, message)
        if self.far is not None:
            self.far.publish(f"group.{group}", {"kind": "group", "body": message})

    def spread(self, group: str, message: Message) -> None:
        """Give a message to the members of a group in this process."""
        for channel in list(self._groups.get(group, ())):
            key = self._conversation(channel)
            if key is None:
                self._put(group, channel, message)
            elif self.at_home(key):
                self._spread_to_conversation(group, key, message)

    def _put(self, group: str, channel: str, message: Message) -> None:
        mailbox = self._mailbox(channel)
        try:
            mailbox.put(message, GROUP_CAPACITY)
        except ChannelFull:
            self._drop(group)
            if time.monotonic() - mailbox.read_at > ABANDONED_SECONDS:
                self._abandon(group, channel)

    def _abandon(self, group: str, channel: str) -> None:
        """Forget a member whose reader ended without leaving."""
        self._groups.get(group, {}).pop(channel, None)
        self._mailboxes.pop(channel, None)

    def _spread_to_conversation(self, group: str, key: str, message: Message) -> None:
        try:
            self._check_origin(key, message)
        except ValueError as error:
            logger.warning("group=%s conversation=%s refused: %s", group, key, error)
            return
        if not self._send_to_conversation(key, message):
            self._drop(group)

    def _drop(self, group: str) -> None:
        """Count a message that a slow member did not get; complain once a minute."""
        self.dropped += 1
        now = time.monotonic()
        if now - self._complained_at.get(group, -COMPLAINT_SECONDS) >= COMPLAINT_SECONDS:
            self._complained_at[group] = now
            logger.warning("group=%s a member does not keep up; messages are dropped", group)

    async def flush(self) -> None:
        """Forget all channels and groups."""
        self._mailboxes.clear()
        self._groups.clear()

    # Other processes

    def connect(self, url: str) -> Far:
        """Share groups and rings with the processes at a Redis; the caller runs the line."""
        self.far = Far(url, self._heard)
        for topic in (RINGS, f"channel.{self.process}", "conversation"):
            self.far.subscribe(topic)
        for group in self._groups:
            self.far.subscribe(f"group.{group}")
        return self.far

    def ring(self, body: dict[str, Any]) -> None:
        """Tell the other processes that a table has something new."""
        if self.far is not None:
            self.far.publish(RINGS, {"kind": "ring", "body": body})

    def _publish(self, kind: str, body: dict[str, Any]) -> None:
        if self.far is None:
            self.dropped += 1
            return
        topic = kind
        if kind == "channel":
            topic = f"channel.{body['channel'].partition('!')[0].removeprefix('specific.')}"
        self.far.publish(topic, {"kind": kind, "body": body})

    def _heard(self, topic: str, message: dict[str, Any]) -> None:
        body = message["body"]
        match message["kind"]:
            case "group":
                self.spread(topic.removeprefix("group."), body)
            case "ring":
                if self.ringing is not None:
                    self.ringing(body)
            case "channel":
                self._put(topic, body["channel"], body["message"])
            case "conversation":
                if self.at_home(body["conversation"]):
                    self._send_to_conversation(body["conversation"], body["message"])
