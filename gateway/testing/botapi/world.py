"""The people, the bots and the chats of a simulated Telegram.

What people do is a method of theirs: ``await alice.says(group, "hello")``. Each bot that would
see it gets an update. A bot is a member of every group and channel until it is thrown out.

Private chats and basic groups share one sequence of message ids (the real one is the bot's own);
each supergroup and channel has its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from gateway.testing.botapi.bell import Bell
from gateway.testing.botapi.errors import bad_request, forbidden
from gateway.testing.botapi.updates import Updates

if TYPE_CHECKING:
    from gateway.testing.botapi.webhook import Hook

Json = dict[str, Any]

ANONYMOUS = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
"""Who ``from`` names when an administrator speaks as the group."""

RIGHTS = (
    "be_edited",
    "manage_chat",
    "delete_messages",
    "manage_video_chats",
    "restrict_members",
    "promote_members",
    "change_info",
    "invite_users",
    "post_stories",
    "edit_stories",
    "delete_stories",
)

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{3,32}))?(?!\S)")


class User:
    """A person."""

    is_bot = False

    def __init__(self, world: World, number: int, name: str, last: str, username: str) -> None:
        self.world = world
        self.id = number
        self.first_name = name
        self.last_name = last
        self.username = username

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.first_name} {self.id}>"

    def as_dict(self) -> Json:
        """The User object."""
        user: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.last_name:
            user["last_name"] = self.last_name
        if self.username:
            user["username"] = self.username
        return user

    async def says(
        self,
        where: Chat | Bot,
        text: str,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        **more: Any,
    ) -> Json:
        """Say something, and return the message; ``more`` are further fields of it."""
        if command := _COMMAND.match(text):
            entity = {"type": "bot_command", "offset": 0, "length": command.end()}
            more = {"entities": [entity], **more}
        return self._posts(where, {"text": text} | more, reply_to, thread)

    async def sends_photo(
        self,
        where: Chat | Bot,
        content: bytes = b"a picture",
        *,
        caption: str = "",
        thread: int | None = None,
    ) -> Json:
        """Send a photo; its file can be had by getFile."""
        size = {"width": 90, "height": 90} | self.world.file(content, "photos", "jpg")
        fields: Json = {"photo": [size]} | ({"caption": caption} if caption else {})
        return self._posts(where, fields, None, thread)

    async def sends(self, where: Chat | Bot, fields: Json) -> Json:
        """Send a message of any kind: its fields, as the Bot API names them."""
        return self._posts(where, fields, None, None)

    def _posts(
        self, where: Chat | Bot, fields: Json, reply_to: int | None, thread: int | None
    ) -> Json:
        chat = self.world.chat_of(where, self)
        chat.members.setdefault(self.id, "member")
        return chat.post(self, fields, reply_to=reply_to, thread=thread)

    async def edits(self, where: Chat | Bot, message: Json, text: str) -> Json:
        """Edit what was said before, and return it as it is now."""
        return self.world.chat_of(where, self).change(message, text)

    async def joins(self, chat: Chat) -> Json:
        """Come in, with a service message."""
        chat.members[self.id] = "member"
        return chat.post(self, {"new_chat_members": [self.as_dict()]})

    async def leaves(self, chat: Chat) -> Json:
        """Go, with a service message."""
        chat.members[self.id] = "left"
        return chat.post(self, {"left_chat_member": self.as_dict()})

    async def blocks(self, bot: Bot) -> None:
        """Block a bot: it can write no more."""
        self.world.chat_of(bot, self).set_status(bot, "kicked", self)

    async def unblocks(self, bot: Bot) -> None:
        """Let it write again."""
        self.world.chat_of(bot, self).set_status(bot, "member", self)


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
        if "text" not in message and "caption" not in message and "photo" not in message:
            return True  # service messages
        if message.get("reply_to_message", {}).get("from", {}).get("id") == self.id:
            return True
        command = _COMMAND.match(message.get("text", ""))
        if command is None:
            return False
        if command[2]:
            return command[2].lower() == self.username.lower()
        return not chat.messages or chat.messages[-1]["from"]["id"] == self.id


class Chat:
    """A private chat, a group, a supergroup or a channel.

    ``messages`` is what bots said here, ``history`` everything.
    """

    def __init__(
        self, world: World, number: int, kind: str, title: str, ids: Iterable[int], **about: Any
    ) -> None:
        self.world = world
        self.id = number
        self.kind = kind
        self.title = title
        self.about = about
        self.history: list[Json] = []
        self.messages: list[Json] = []
        self.actions: list[str] = []
        """What sendChatAction showed."""
        self.topics: dict[int, str] = {}
        self.members: dict[int, str] = {}
        self.migrated_to: Chat | None = None
        self.bell = Bell()
        self._by_id: dict[int, Json] = {}
        self._ids = iter(ids)

    def __repr__(self) -> str:
        return f"<Chat {self.kind} {self.id} {self.title!r}>"

    @property
    def texts(self) -> list[str]:
        """The texts of what bots said here."""
        return [message.get("text", "") for message in self.messages]

    def as_dict(self) -> Json:
        """The Chat object."""
        return {"id": self.id, "type": self.kind, **self.about} | (
            {"title": self.title} if self.title else {}
        )

    async def wait_for(
        self, text: str | None = None, count: int = 1, *, seconds: float = 10
    ) -> list[Json]:
        """Wait for ``count`` messages of bots, that hold ``text`` if it is given; return them."""

        def found() -> list[Json]:
            return [m for m in self.messages if text is None or text in m.get("text", "")]

        try:
            await self.bell.until(lambda: len(found()) >= count, seconds)
        except TimeoutError:
            said = self.texts[-5:]
            raise TimeoutError(
                f"{self} got {len(found())} of {count} messages with {text!r}; the last: {said}"
            ) from None
        return found()

    async def wait_for_action(self, count: int = 1, *, seconds: float = 10) -> list[str]:
        """Wait until bots have shown ``count`` actions ("typing"), and return them."""
        await self.bell.until(lambda: len(self.actions) >= count, seconds)
        return self.actions

    def post(
        self,
        sender: User | None,
        fields: Json,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        update: str = "message",
    ) -> Json:
        """Put a message into the chat and tell the bots that see it."""
        message: Json = {"message_id": next(self._ids), "date": int(time.time())}
        message["chat"] = self.as_dict()
        if sender is not None:
            message["from"] = sender.as_dict()
        if thread is not None:
            message |= {"message_thread_id": thread, "is_topic_message": True}
        answered = reply_to if reply_to is not None else thread
        if answered is not None and answered in self._by_id:
            outer = self._by_id[answered]
            message["reply_to_message"] = {
                key: value for key, value in outer.items() if key != "reply_to_message"
            }
        message |= fields
        self._keep(message, sender)
        if not isinstance(sender, Bot):  # no bot hears another
            self.tell(update, message)
        return message

    def _keep(self, message: Json, sender: User | None) -> None:
        self.history.append(message)
        self._by_id[message["message_id"]] = message
        if isinstance(sender, Bot):
            self.messages.append(message)
            self.bell.ring()

    def tell(self, kind: str, message: Json) -> None:
        """Give an update to each bot that sees the message."""
        for bot in self.bots():
            if bot.sees(self, message):
                bot.updates.add(kind, message)

    def bots(self) -> Iterable[Bot]:
        """The bots that may be here."""
        return self.world.bots

    def has(self, message_id: int) -> bool:
        """Whether there is such a message."""
        return message_id in self._by_id

    def change(self, message: Json, text: str) -> Json:
        """Edit a message and tell the bots."""
        field = "text" if "text" in message else "caption"
        message = {**message, field: text, "edit_date": int(time.time())}
        self._by_id[message["message_id"]] = message
        self.tell("edited_channel_post" if self.kind == "channel" else "edited_message", message)
        return message

    async def posts(self, text: str) -> Json:
        """Speak as the channel."""
        fields = {"sender_chat": self.as_dict(), "text": text}
        return self.post(None, fields, update="channel_post")

    async def says_anonymously(self, text: str) -> Json:
        """Speak as an administrator who hides behind the group."""
        fields = {"from": ANONYMOUS, "sender_chat": self.as_dict(), "text": text}
        return self.post(None, fields)

    def topic(self, name: str) -> int:
        """Open a topic of a forum and return its message_thread_id."""
        fields = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message = self.post(None, fields | {"from": ANONYMOUS})
        self.topics[message["message_id"]] = name
        return int(message["message_id"])

    def holds(self, bot: Bot) -> bool:
        """Whether the bot is here."""
        return self.migrated_to is None and self.members.get(bot.id, "member") not in (
            "kicked",
            "left",
        )

    async def kicks(self, bot: Bot, by: User | None = None) -> None:
        """Throw a bot out."""
        self.set_status(bot, "kicked", by or self.world.telegram)

    async def invites(self, bot: Bot, by: User | None = None) -> None:
        """Take a bot in."""
        self.set_status(bot, "member", by or self.world.telegram)

    async def promotes(self, user: User, status: str = "administrator") -> None:
        """Make somebody an administrator, or the ``creator``."""
        if isinstance(user, Bot):
            self.set_status(user, status, self.world.telegram)
        self.members[user.id] = status

    def set_status(self, bot: Bot, status: str, by: User) -> None:
        """Change what the bot is here, and tell it (my_chat_member)."""
        before = self.members.get(bot.id, "member")
        self.members[bot.id] = status
        change = {
            "chat": self.as_dict(),
            "from": by.as_dict(),
            "date": int(time.time()),
            "old_chat_member": member_from(bot, before),
            "new_chat_member": member_from(bot, status),
        }
        bot.updates.add("my_chat_member", change)

    async def migrates(self) -> Chat:
        """Become a supergroup, which is another chat; returns it."""
        new = self.world.supergroup(self.title)
        new.members = dict(self.members)
        self.post(self.world.telegram, {"migrate_to_chat_id": new.id})
        new.post(self.world.telegram, {"migrate_from_chat_id": self.id})
        self.migrated_to = new
        return new

    def check_writable(self, bot: Bot) -> None:
        """Raise what a bot gets that may not write here."""
        if self.migrated_to is not None:
            raise bad_request(
                "group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrated_to.id,
            )
        status = self.members.get(bot.id, "member")
        if self.kind == "private" and status == "kicked":
            raise forbidden("bot was blocked by the user")
        name = "group chat" if self.kind == "group" else f"{self.kind} chat"
        if status == "kicked":
            raise forbidden(f"bot was kicked from the {name}")
        if status == "left":
            raise forbidden(f"bot is not a member of the {name}")


class PrivateChat(Chat):
    """The chat of one person with one bot."""

    def __init__(self, user: User, bot: Bot, ids: Iterable[int]) -> None:
        names = {key: value for key, value in user.as_dict().items() if key not in ("id", "is_bot")}
        super().__init__(user.world, user.id, "private", "", ids, **names)
        self.bot = bot

    def bots(self) -> Iterable[Bot]:
        """Only the one."""
        return (self.bot,)


class World:
    """Everybody and everything there is."""

    def __init__(self) -> None:
        self.bots: list[Bot] = []
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, tuple[Json, bytes]] = {}
        self._user_ids = count(1001)
        self._group_ids = count(5001)
        self._supergroup_ids = count(1000000001)
        self._shared_ids = count(1)
        self.telegram = User(self, 777000, "Telegram", "", "")

    def user(self, name: str, last: str = "", *, username: str = "", id: int | None = None) -> User:
        """A new person."""
        user = User(self, id or next(self._user_ids), name, last, username)
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
        about = {"is_forum": True} if forum else {}
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

    def file(self, content: bytes, folder: str, suffix: str) -> Json:
        """Keep a file, and return what messages say of it."""
        number = len(self.files)
        file_id = f"file-{number}"
        about = {"file_id": file_id, "file_unique_id": f"u{number}", "file_size": len(content)}
        path = {"file_path": f"{folder}/file_{number}.{suffix}"}
        self.files[file_id] = (about | path, content)
        return about


def member_from(user: User, status: str) -> Json:
    """A ChatMember object."""
    member: Json = {"user": user.as_dict(), "status": status}
    if status == "kicked":
        member["until_date"] = 0
    if status == "creator":
        member["is_anonymous"] = False
    if status == "administrator":
        member |= {f"can_{right}": False for right in RIGHTS} | {"is_anonymous": False}
    return member
