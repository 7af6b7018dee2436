"""Everybody and everything there is in a simulated Telegram.

What people do is a method of theirs: ``await alice.says(group, "hello")``. Each bot that would
see it gets an update. A bot is a member of every group and channel until it is thrown out.

Private chats and basic groups share one sequence of message ids (the real one is the bot's own);
each supergroup and channel has its own.
"""

from __future__ import annotations

from itertools import count

from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.chats import Chat, PrivateChat
from gateway.testing.botapi.errors import bad_request
from gateway.testing.botapi.files import Files
from gateway.testing.botapi.messages import Json
from gateway.testing.botapi.people import User


class World:
    """Its bots, its people, its chats and its files."""

    def __init__(self) -> None:
        self.bots: list[Bot] = []
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.files = Files()
        self.numbers = count(13_000_000_000_000_001)
        """Of albums and polls."""
        self._user_ids = count(1001)
        self._group_ids = count(5001)
        self._supergroup_ids = count(1000000001)
        self._shared_ids = count(1)
        self.telegram = User(self, 777000, "Telegram", "", "")

    def user(
        self,
        name: str,
        last: str = "",
        *,
        username: str = "",
        id: int | None = None,
        photo: bytes = b"",
    ) -> User:
        """A new person; with a ``photo`` in their profile, if it is given."""
        user = User(self, id or next(self._user_ids), name, last, username)
        if photo:
            user.shows(photo)
        self.users[user.id] = user
        return user

    def private(self, user: User, bot: Bot | None = None) -> Chat:
        """The private chat of a person with a bot (the only one, unless it is named)."""
        return self.chat_of(bot or self.bots[0], user)

    def group(self, title: str) -> Chat:
        """A new basic group."""
        return self._add(Chat(self, -next(self._group_ids), "group", title, self._shared_ids))

    def supergroup(self, title: str, *, forum: bool = False, username: str = "") -> Chat:
        """A new supergroup; with ``forum`` it has topics."""
        about: Json = {"is_forum": True} if forum else {}
        return self._add_super("supergroup", title, about, username)

    def channel(self, title: str, *, username: str = "") -> Chat:
        """A new channel."""
        return self._add_super("channel", title, {}, username)

    def _add_super(self, kind: str, title: str, about: Json, username: str) -> Chat:
        about = about | ({"username": username} if username else {})
        number = -1000000000000 - next(self._supergroup_ids)
        return self._add(Chat(self, number, kind, title, count(1), **about))

    def _add(self, chat: Chat) -> Chat:
        self.chats[chat.id] = chat
        return chat

    def chat_of(self, where: Chat | Bot, user: User) -> Chat:
        """A chat as it is, or the private chat with a bot."""
        if isinstance(where, Chat):
            return where
        if user.id not in where.privates:
            where.privates[user.id] = PrivateChat(user, where, self._shared_ids)
        return where.privates[user.id]

    def find(self, bot: Bot, name: int | str) -> Chat:
        """The chat of a ``chat_id`` (a number, or @username); raises the 400."""
        chat = self._by_username(name) if str(name).startswith("@") else self._by_number(bot, name)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def _by_number(self, bot: Bot, name: int | str) -> Chat | None:
        try:
            number = int(name)
        except ValueError:
            return None
        return self.chats.get(number) or bot.privates.get(number)

    def _by_username(self, name: int | str) -> Chat | None:
        return next(
            (chat for chat in self.chats.values() if f"@{chat.about.get('username')}" == name),
            None,
        )
