"""The shared consumer: one class that answers on every platform and is the bot of a room.

``ChatConsumer`` accepts every event and handles one at a time. It runs no task of its own, until
a handler asks its person something: then the handler keeps its task and waits, and a new task
goes on reading. One turn at a time: whoever works holds ``_turn``, and who was answered goes
before the next event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

from channels.consumer import AsyncConsumer
from channels.layers import get_channel_layer

from consumers.choices import OVER, marked, question_of, words_of
from consumers.commands import RoomCommands
from consumers.relay import Relay
from gateway.delivery.hand import event_in_hand
from gateway.delivery.record import OPENING, Learned
from gateway.vocabulary.events import Event, kind_of, prefix_of
from gateway.vocabulary.refs import made_ref

SHOWN = ("message", "edit", "delete", "reaction")
"""Kinds of a room that are shown, and said when they are handled."""


class AnswerTimeout(Exception):
    """Nobody answered what ``ask`` asked in time."""


@dataclass(slots=True, eq=False)
class Hand:
    """One event in hand: what its handler has said and learned so far."""

    event: Event
    said: int = 0
    learned: int = 0
    gave_reading_away: bool = False
    answered: bool = False
    sends: list[Event] = field(default_factory=list)
    """What is said with the handled mark, in its commit."""
    steps: dict[int, Any] = field(default_factory=dict)

    def learn(self, ordinal: int, result: Any) -> None:
        """Keep a result, with the event too: its next try may come without the ledger."""
        self.steps[ordinal] = result
        self.event["steps"] = self.steps


@dataclass(slots=True, eq=False)
class Dialogue:
    """A handler that waits for the next words of one person."""

    hand: Hand
    ordinal: int
    person: str
    question: str
    """The ref of what was asked."""
    answer: asyncio.Future[str]
    resumed: asyncio.Event = field(default_factory=asyncio.Event)


class ChatConsumer(AsyncConsumer):  # type: ignore[misc]
    """Handle ``chat_message`` and the like on every platform; relay when in a room.

    A handler named for a platform (``telegram_message``) goes before the shared one there.
    Unknown kinds are ignored.
    """

    room_commands: ClassVar[bool] = True
    """Whether ``/join``, ``/leave`` and the others of ``RoomCommands`` work."""

    channel_posts: ClassVar[bool] = False
    """Whether posts of channels reach ``chat_message``; in rooms they are relayed anyhow."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Run the instance (ASGI)."""
        self.scope, self.receive, self.base_send = scope, receive, send
        self.kind: str = scope["type"]
        self.conversation: str = scope["conversation"]
        self.session: Any = scope["session"]
        self.gateway: Any = scope["state"]["gateway"]
        self.channel_layer = get_channel_layer(self.channel_layer_alias)
        self.channel_name = await self.channel_layer.new_channel()
        self._hand: Hand | None = None
        self._turn = asyncio.Lock()
        self._dialogues: list[Dialogue] = []
        self._readers: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await send({"type": f"{self.kind}.accept", "events": ["*", *self._outcomes()]})
        try:
            await self._open()
            await self._read()
            await self._ended
        finally:
            for reader in self._readers:
                reader.cancel()
            if self._ended.done() and not self._ended.cancelled():
                self._ended.exception()

    def _outcomes(self) -> list[str]:
        """Of the kinds that have to be asked for, those that there is a handler for."""
        return [
            kind
            for kind in ("sent", "failed")
            if any(hasattr(self, f"{prefix}_{kind}") for prefix in (self.kind, "chat"))
        ]

    async def _open(self) -> None:
        """Call ``connect``, as if for an event: what it says is said once per conversation."""
        if type(self).connect is not ChatConsumer.connect and self.room is None:
            self._hand = Hand({"key": OPENING})
            await self._run_hook(OPENING, self.connect(self.scope["opening"]))
            self._hand = None

    async def _run_hook(self, name: str, hook: Awaitable[None]) -> None:
        """Run a hook as if for an event: what it changed in the session is kept."""
        event_in_hand.set(name)
        await hook
        await self.base_send({"type": f"{self.kind}.handled", "keys": [name]})
        event_in_hand.set(None)

    # Reading

    async def _read(self) -> None:
        """Read events one by one, until the instance ends or this task gave the reading away."""
        reading = True
        while reading:
            event = await self.receive()
            if kind_of(event) == "disconnect":
                await self._close(event["reason"])
                return
            async with self._turn:
                dialogue = self._dialogue_for(event) if self._dialogues else None
                if dialogue is None:
                    reading = await self._handle(Hand(event, steps=_steps(event)))
                else:
                    await self._answer(dialogue, event)

    async def _handle(self, hand: Hand) -> bool:
        """Handle one event; whether this task still is the one that reads."""
        key = str(hand.event["key"])
        self._hand = hand
        event_in_hand.set(key)
        try:
            await self.dispatch(hand.event)
        except Exception as error:
            if not hasattr(error, "event_key"):
                error.event_key = key  # type: ignore[attr-defined]
            raise
        await self.base_send({"type": f"{self.kind}.handled", "keys": [key], "sends": hand.sends})
        event_in_hand.set(None)
        self._hand = None
        return not hand.gave_reading_away

    async def _close(self, reason: str) -> None:
        if type(self).disconnect is not ChatConsumer.disconnect:
            await self._run_hook("disconnect", self.disconnect(reason))
        if not self._ended.done():
            self._ended.set_result(None)

    async def _read_on(self) -> None:
        """The reading of a task that took over from one that waits."""
        try:
            await self._read()
        except Exception as error:
            if not self._ended.done():
                self._ended.set_exception(error)

    # Dialogues

    async def ask(self, question: str, *, timeout: float | None = None, **parts: Any) -> str:
        """Say something and return the next words of the same person in this conversation.

        Survives a restart: the handler runs again from its beginning, what it said is not said
        again, and answers that came before are returned at once. With ``buttons``, what the
        pressed one means is an answer too. ``timeout`` in seconds counts from the question;
        raises ``AnswerTimeout``.
        """
        ref = parts.pop("ref", None) or self.ref()
        if "buttons" in parts:
            parts["buttons"] = marked(parts["buttons"], ref)
        await self.reply(question, ref=ref, **parts)
        hand = self._in_hand()
        ordinal = self._next_step(hand)
        if ordinal in hand.steps:
            answer = hand.steps[ordinal]
            if answer is None:
                raise AnswerTimeout(question)
            return str(answer)
        person, loop = hand.event["author"]["id"], asyncio.get_running_loop()
        return await self._wait_for(
            Dialogue(hand, ordinal, person, ref, loop.create_future()), timeout
        )

    async def _wait_for(self, dialogue: Dialogue, timeout: float | None) -> str:
        hand = dialogue.hand
        until = await self._deadline(hand, dialogue.ordinal, timeout)
        self._dialogues.append(dialogue)
        key = hand.event["key"]
        await self.base_send({"type": f"{self.kind}.waiting", "keys": [key], "until": until})
        self._give_reading_away(hand)
        self._turn.release()
        try:
            await self._until_answered(dialogue, until)
        finally:
            self._dialogues = [other for other in self._dialogues if other is not dialogue]
            dialogue.resumed.set()
            await self._turn.acquire()
            self._hand = hand
        return await self._outcome(dialogue)

    async def _deadline(self, hand: Hand, ordinal: int, timeout: float | None) -> float | None:
        """When to stop waiting; kept, so that a restart does not begin to count anew."""
        if timeout is None:
            return None
        place = ordinal + 1_000
        if place not in hand.steps:
            hand.learn(place, time.time() + timeout)
            await self._learn(hand, place, hand.steps[place])
        return float(hand.steps[place])

    def _give_reading_away(self, hand: Hand) -> None:
        if hand.gave_reading_away:
            return
        hand.gave_reading_away = True
        reader = asyncio.get_running_loop().create_task(self._read_on())
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)

    async def _until_answered(self, dialogue: Dialogue, until: float | None) -> None:
        seconds = None if until is None else max(0.0, until - time.time())
        waits: set[asyncio.Future[Any]] = {dialogue.answer, self._ended}
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _outcome(self, dialogue: Dialogue) -> str:
        if dialogue.answer.done():
            return dialogue.answer.result()
        if self._ended.done():
            self._ended.result()
            raise asyncio.CancelledError  # asleep: the question stays open in the ledger
        dialogue.hand.learn(dialogue.ordinal, None)
        await self._learn(dialogue.hand, dialogue.ordinal, None)
        raise AnswerTimeout

    def _dialogue_for(self, event: Event) -> Dialogue | None:
        if kind_of(event) not in ("message", "action"):
            return None
        person, question = event["author"]["id"], question_of(event)
        return next(
            (
                dialogue
                for dialogue in self._dialogues
                if dialogue.person == person and question in (None, dialogue.question)
            ),
            None,
        )

    async def _answer(self, dialogue: Dialogue, event: Event) -> None:
        """Record the answer with the handled mark of its event, then let the handler go on."""
        self._dialogues.remove(dialogue)
        key, text = dialogue.hand.event["key"], words_of(event)
        if kind_of(event) == "action":
            await self._acknowledge(event)
        await self.base_send(
            {
                "type": f"{self.kind}.handled",
                "keys": [event["key"]],
                "steps": [[key, dialogue.ordinal, text]],
            }
        )
        dialogue.hand.learn(dialogue.ordinal, text)
        dialogue.answer.set_result(text)
        await dialogue.resumed.wait()

    async def once(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do something once for the event in hand, however often it is handled; its result.

        The result is kept as JSON. The work itself may run again if the process dies in it.
        """
        hand = self._in_hand()
        ordinal = self._next_step(hand)
        if ordinal not in hand.steps:
            hand.learn(ordinal, await work())
            await self._learn(hand, ordinal, hand.steps[ordinal])
        return hand.steps[ordinal]

    async def _learn(self, hand: Hand, ordinal: int, result: Any) -> None:
        step = Learned(hand.event["key"], ordinal, result)
        await self.gateway.conversations.record.learned(self.conversation, step)

    def _in_hand(self) -> Hand:
        if self._hand is None:
            raise RuntimeError("there is no event in hand to ask or remember for")
        return self._hand

    def _next_step(self, hand: Hand) -> int:
        hand.learned += 1
        return hand.learned

    # Dispatch

    async def dispatch(self, event: Event) -> None:
        """Give an event to its handler."""
        kind = kind_of(event)
        prefix = prefix_of(event)
        if prefix == "room":
            await self._from_room(kind, event)
        elif prefix != self.kind:
            await self._call(str(event["type"]).replace(".", "_"), event)
        elif kind == "skipped":
            await self._to_handler(kind, event)
        elif kind == "message" and self._is_room_command(event):
            await self.until_said()
            await RoomCommands(self).run(event)
        elif (room := self.room) is not None:
            await self._to_room(room, kind, event)
        else:
            await self._to_handler(kind, event)

    @property
    def room(self) -> str | None:
        """The room that this conversation is in."""
        here = self.gateway.names.now(self.conversation)
        room: str | None = self.gateway.rooms.room_of.get(here)
        return room

    def _is_room_command(self, event: Event) -> bool:
        return self.room_commands and not event.get("foreign") and RoomCommands.knows(event)

    async def _from_room(self, kind: str, event: Event) -> None:
        """The room said something: its bot hears it, its members show it."""
        if event.get("gone"):
            return  # it was taken away before we came to it
        if self.kind == "room":
            await self._to_handler(kind, event)
        elif not (relay := Relay(self)).shows:
            return
        elif kind in SHOWN and self._shows_as_usual(kind):
            self.say_when_handled(relay.shown(kind, event))
        else:
            await self._call(f"room_{kind}", event)

    def _shows_as_usual(self, kind: str) -> bool:
        hook = f"room_{kind}"
        return getattr(type(self), hook) is getattr(ChatConsumer, hook)

    async def _to_room(self, room: str, kind: str, event: Event) -> None:
        # What is about no message of the room may be about one of our own from before it.
        if not await Relay(self).to_room(room, kind, event) and kind != "message":
            await self._to_handler(kind, event)

    async def _to_handler(self, kind: str, event: Event) -> None:
        if kind == "message" and not self._is_for_bot(event):
            return
        # At a room, ``room_message`` is the hook that shows; its bot has ``chat_message``.
        handler = None if self.kind == "room" else getattr(self, f"{self.kind}_{kind}", None)
        handler = handler or getattr(self, f"chat_{kind}", None)
        if kind == "action" and question_of(event) is not None:
            await self.answer(event, OVER)
        elif handler is not None:
            await handler(event)
        if kind == "action" and not self._in_hand().answered:
            await self._acknowledge(event)

    async def _acknowledge(self, action: Event) -> None:
        """Whoever presses a button waits for an answer, if only for an empty one."""
        body = {"token": action["token"], "text": "", "ref": f"answer-{action['key']}"}
        await self.base_send({"type": "chat.answer", **body})

    def _is_for_bot(self, event: Event) -> bool:
        if event.get("foreign"):
            return False
        return self.scope["chat"]["kind"] != "channel" or self.channel_posts

    async def _call(self, name: str, event: Event) -> bool:
        handler = getattr(self, name, None)
        if handler is None:
            return False
        await handler(event)
        return True

    # Hooks

    async def connect(self, reason: str) -> None:
        """The instance begins: ``new``, ``wake`` or ``retry``; not called in a room."""

    async def disconnect(self, reason: str) -> None:
        """The instance ends: ``idle`` or ``shutdown``."""

    async def relay(self, event: Event) -> Event | None:
        """What of a message or edit of this conversation its room is told; None keeps it out.

        It is not asked about what another gateway brought here: that stays here.
        """
        return event

    async def room_message(self, event: Event) -> None:
        """Show in this conversation what was said elsewhere in its room."""
        await Relay(self).show("message", event)

    async def room_edit(self, event: Event) -> None:
        """Change in this conversation what was changed elsewhere in its room."""
        await Relay(self).show("edit", event)

    async def room_delete(self, event: Event) -> None:
        """Take away in this conversation what was taken away elsewhere in its room."""
        await Relay(self).show("delete", event)

    async def room_reaction(self, event: Event) -> None:
        """Show in this conversation how people elsewhere in its room react."""
        await Relay(self).show("reaction", event)

    async def room_typing(self, event: Event) -> None:
        """Show in this conversation that somebody writes elsewhere in its room."""
        await Relay(self).show("typing", event)

    async def room_skipped(self, event: Event) -> None:
        """Say how much of the room came too long ago to be shown here."""
        if event["count"]:
            await self.say(_not_shown(event["count"]))

    async def chat_skipped(self, event: Event) -> None:
        """Say to the room how much was said here too long ago to be taken in."""
        room, chat = self.room, self.scope["chat"]
        if room is None:
            return
        await self.until_said()
        name = f"{self.kind}:{chat['id']}"
        author = {"id": name, "name": chat["title"], "handle": None, "kind": "chat"}
        await self.gateway.rooms.tell(
            room,
            {
                "type": "room.message",
                "text": _not_shown(event["count"]),
                "author": author | {"private": None},
                "origin": self.conversation,
                "ref": f"{self.conversation}|{event['key']}",
            },
        )

    # What it can do

    async def say(self, text: str, **parts: Any) -> str:
        """Say something in this conversation, or to another (``to=``); its ref."""
        return await self._send("message", text=text, **parts)

    async def reply(self, text: str, **parts: Any) -> str:
        """Answer where the event in hand was said; its ref."""
        return await self.say(text, **parts)

    async def edit(self, message: str, text: str, **parts: Any) -> str:
        """Change a message, named by the ref that ``say`` gave or by its id; the ref."""
        return await self._send("edit", id=message, text=text, **parts)

    async def delete(self, message: str, **parts: Any) -> str:
        """Take a message away; the ref."""
        return await self._send("delete", id=message, **parts)

    async def react(self, message: str, *emoji: str, **parts: Any) -> str:
        """Show these reactions on a message, and no others; the ref."""
        return await self._send("reaction", id=message, emoji=list(emoji), **parts)

    async def answer(self, action: Event, text: str = "") -> str:
        """Answer the one person who pressed a button; the ref."""
        self._in_hand().answered = True
        return await self._send("answer", token=action["token"], text=text)

    async def _send(self, kind: str, **body: Any) -> str:
        ref = body.pop("ref", None) or self.ref()
        await self._say_what_waits()
        await self.base_send({"type": f"chat.{kind}", "ref": ref, **body})
        return str(ref)

    def own_commands(self) -> dict[str, str]:
        """The bot's own commands and what they do, for ``/help``."""
        return {}

    def ref(self) -> str:
        """A new name for a send: the same again when the event in hand is handled again."""
        hand = self._hand
        if hand is None:
            return uuid4().hex
        hand.said += 1
        named = self.gateway.names.first(self.conversation)  # its chat may have moved meanwhile
        return made_ref(named, hand.event["key"], hand.said)

    async def typing(self, **parts: Any) -> None:
        """Show that an answer is being written; best effort."""
        await self.base_send({"type": "chat.typing", **parts})

    async def call(self, method: str, **parameters: Any) -> Any:
        """Ask this platform something of its own and return its result; not durable."""
        return await self.gateway.call(self.conversation, method, parameters)

    async def tell(self, event: Event) -> str | None:
        """Tell the room of this conversation what was said or done here; the entry's id.

        None if it is about a message that is none of the room's, or another author's.
        """
        room = self.room
        if room is None:
            raise RuntimeError(f"{self.conversation} is in no room")
        return await Relay(self).tell(room, event)

    async def join(self, room: str, code: str | None = None) -> bool:
        """Bring this conversation into a room for the author of the event in hand."""
        author = self._in_hand().event["author"]
        return bool(await self.gateway.rooms.join(self.conversation, room, author, code))

    async def leave(self) -> str:
        """Take this conversation out of its room; the room's name."""
        author = self._in_hand().event["author"]
        return str(await self.gateway.rooms.leave(self.conversation, author))

    async def send(self, event: Event) -> None:
        """Send an event of one's own making (ASGI)."""
        await self._say_what_waits()
        await self.base_send(event)

    async def _say_what_waits(self) -> None:
        """Say now what was to be said with the handled mark: something else is said after it."""
        hand = self._hand
        while hand is not None and hand.sends:
            await self.base_send(hand.sends.pop(0))

    def say_when_handled(self, event: Event) -> None:
        """Send an event with the handled mark of the one in hand: nobody waits for the commit."""
        self._in_hand().sends.append(event)

    async def until_said(self) -> None:
        """Wait until what this conversation said so is committed; raises ``LedgerAway``."""
        await self._say_what_waits()
        await self.gateway.conversations.said(self.gateway.names.now(self.conversation))


def _not_shown(count: int) -> str:
    messages = "1 earlier message was" if count == 1 else f"{count} earlier messages were"
    return f"({messages} not shown)"


def _steps(event: Event) -> dict[int, Any]:
    """What the handler of an event had learned in a life before."""
    steps = event.get("steps")
    return {int(ordinal): result for ordinal, result in steps.items()} if steps else {}
