"""The bot accounts of a simulated Telegram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.testing.botapi.files import PLACES
from gateway.testing.botapi.messages import Json
from gateway.testing.botapi.people import User, command_in
from gateway.testing.botapi.presses import Presses
from gateway.testing.botapi.updates import Updates

if TYPE_CHECKING:
    from gateway.testing.botapi.chats import Chat
    from gateway.testing.botapi.webhook import Hook
    from gateway.testing.botapi.world import World

SAID = frozenset(("text", "caption", "location", "contact", "poll", "dice", "venue", *PLACES))
"""What tells a message of a person from a service message."""


class Bot(User):
    """A bot account."""

    is_bot = True
    hook: Hook

    def __init__(
        self,
        world: World,
        token: str,
        username: str,
        name: str,
        updates: Updates,
        *,
        can_read_all_group_messages: bool,
    ) -> None:
        super().__init__(world, int(token.partition(":")[0]), name, "", username)
        self.token = token
        self.updates = updates
        self.can_read_all_group_messages = can_read_all_group_messages
        self.privates: dict[int, Chat] = {}
        self.presses_of_people = Presses(updates.timing.press)

    def push(self, kind: str, payload: Any) -> int | None:
        """Queue any update, be it nonsense; returns its id."""
        return self.updates.add(kind, payload)

    def me(self) -> Json:
        """What getMe tells."""
        return self.as_dict() | {
            "can_join_groups": True,
            "can_read_all_group_messages": self.can_read_all_group_messages,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def sees(self, chat: Chat, message: Json) -> bool:
        """Whether a message reaches this bot: its membership, and its privacy mode in groups."""
        if message.get("from", {}).get("id") == self.id or not chat.holds(self):
            return False
        if chat.kind not in ("group", "supergroup") or self.can_read_all_group_messages:
            return True
        if chat.members.get(self.id) in ("administrator", "creator"):
            return True
        return self._is_meant(chat, message)

    def _is_meant(self, chat: Chat, message: Json) -> bool:
        if not SAID & message.keys():
            return True  # service messages
        if message.get("reply_to_message", {}).get("from", {}).get("id") == self.id:
            return True
        command = command_in(message.get("text", ""))
        if command is None:
            return False
        if command[2]:
            return command[2].lower() == self.username.lower()
        return not chat.messages or chat.messages[-1]["from"]["id"] == self.id
