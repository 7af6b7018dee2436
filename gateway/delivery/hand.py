"""Which conversation, and which of its events, the running code works for.

Both follow the task: what an application starts inherits them. ``consumers.base`` sets the event
for each handler, so that two dialogues of one conversation never mix what they say and keep.
"""

from __future__ import annotations

from contextvars import ContextVar

conversation_in_hand: ContextVar[str | None] = ContextVar("conversation_in_hand", default=None)
event_in_hand: ContextVar[str | None] = ContextVar("event_in_hand", default=None)
