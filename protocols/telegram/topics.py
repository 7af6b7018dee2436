"""Which topic of a forum a message is in.

The Bot API tells it with each message, but not with a reaction.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.delivery.server import Arrival
from protocols.telegram.places import place_from_key

MOST = 50_000
"""Messages that are remembered; the oldest are forgotten."""


class Topics:
    """The topics of the latest messages of forums."""

    def __init__(self) -> None:
        self._threads: dict[tuple[int, str], int] = {}

    def learn(self, conversation: str, message: str) -> None:
        """A message is in this conversation."""
        chat, thread = place_from_key(conversation)
        if thread is None:
            return
        self._threads[chat, message] = thread
        if len(self._threads) > MOST:
            del self._threads[next(iter(self._threads))]

    def placed(self, arrival: Arrival) -> Arrival:
        """The arrival in the conversation that it is about; learns from it."""
        event = arrival.event
        if event["type"] == "telegram.message":
            self.learn(arrival.conversation, event["id"])
        if event["type"] != "telegram.reaction":
            return arrival
        chat, _ = place_from_key(arrival.conversation)
        thread = self._threads.get((chat, event["id"]))
        return arrival if thread is None else within(arrival, f"{arrival.conversation}:{thread}")


def within(arrival: Arrival, topic: str) -> Arrival:
    """The arrival in a topic of its chat."""
    _, thread = place_from_key(topic)
    facts = arrival.facts | {"thread": str(thread)}
    return replace(arrival, conversation=topic, facts=facts)
