"""The chats of a simulated Telegram."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from gateway.testing.botapi.bell import PATIENCE, Bell
from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.errors import bad_request, forbidden
from gateway.testing.botapi.messages import Json, answered, now
from gateway.testing.botapi.reactions import Reactions, change_of, types_from_words

if TYPE_CHECKING:
    from gateway.testing.botapi.people import User
    from gateway.testing.botapi.world import World

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

GONE = ("kicked", "left")
IN_CHARGE = ("administrator", "creator")


class Chat:
    """A private chat, a group, a supergroup or a channel.

    ``messages`` is what bots said here, ``history`` everything; both as they are now, without
    what was deleted.
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
        self.reactions = Reactions()
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

    # Waiting

    async def wait_for(
        self, text: str | None = None, count: int = 1, *, seconds: float = PATIENCE
    ) -> list[Json]:
        """Wait for ``count`` messages of bots, that hold ``text`` if it is given; return them.

        A caption is a text too, and an edited message has its new one.
        """

        def found() -> list[Json]:
            return [m for m in self.messages if text is None or text in words_of(m)]

        try:
            await self.bell.until(lambda: len(found()) >= count, seconds)
        except TimeoutError:
            said = [words_of(message) for message in self.messages[-5:]]
            raise TimeoutError(
                f"{self} got {len(found())} of {count} messages with {text!r}; the last: {said}"
            ) from None
        return found()

    async def wait_until(self, condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Wait until something holds that bots do here."""
        await self.bell.until(condition, seconds)

    async def wait_for_action(self, count: int = 1, *, seconds: float = PATIENCE) -> list[str]:
        """Wait until bots have shown ``count`` actions ("typing"), and return them."""
        await self.bell.until(lambda: len(self.actions) >= count, seconds)
        return self.actions

    # Messages

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
        message: Json = {"message_id": next(self._ids), "date": now(), "chat": self.as_dict()}
        if sender is not None:
            message["from"] = sender.as_dict()
        if thread is not None:
            message |= {"message_thread_id": thread, "is_topic_message": True}
        target = reply_to if reply_to is not None else thread
        if target is not None and target in self._by_id:
            message["reply_to_message"] = answered(self._by_id[target])
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

    def message(self, message_id: int) -> Json:
        """A message as it is now; raises ``LookupError``."""
        return self._by_id[message_id]

    def replace(self, message: Json) -> Json:
        """Let a message be another from now on; updates that wait keep the old one."""
        number = message["message_id"]
        self._by_id[number] = message
        for listed in (self.history, self.messages):
            if (place := _place(listed, number)) is not None:
                listed[place] = message
        self.bell.ring()
        return message

    def remove(self, message_id: int) -> None:
        """Delete a message; nobody is told."""
        del self._by_id[message_id]
        for listed in (self.history, self.messages):
            if (place := _place(listed, message_id)) is not None:
                del listed[place]
        self.bell.ring()

    def change(self, message: Json, text: str, **more: Any) -> Json:
        """Edit a message of a person and tell the bots; ``more`` are further fields of it."""
        now_there = self._by_id[message["message_id"]]
        field = "text" if "text" in now_there else "caption"
        kept = {k: v for k, v in now_there.items() if k not in ("entities", "caption_entities")}
        changed = self.replace({**kept, field: text, "edit_date": now(), **more})
        self.tell("edited_channel_post" if self.kind == "channel" else "edited_message", changed)
        return changed

    def age(self, message: Json, seconds: float) -> Json:
        """Make a message older than it is."""
        return self.replace({**message, "date": message["date"] - int(seconds)})

    async def posts(self, text: str, **more: Any) -> Json:
        """Speak as the channel; ``more`` are further fields of the message."""
        fields = {"sender_chat": self.as_dict(), "text": text, **more}
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

    # Reactions

    async def reacts_anonymously(self, message: Json, *emoji: str | Json) -> None:
        """React as an administrator who hides behind the group."""
        self.react(message, {"actor_chat": self.as_dict()}, emoji)

    def react(self, message: Json, actor: Json, emoji: Iterable[str | Json]) -> None:
        """Show a reaction, and tell the bots that may hear of it."""
        number, after = message["message_id"], types_from_words(emoji)
        [who] = actor.values()
        before = self.reactions.set(number, who["id"], after)
        change = change_of(self.as_dict(), number, actor, before, after)
        for bot in self.bots():
            if not self.shows_all_to(bot):
                continue
            if self.kind == "channel":
                counts = self.reactions.counted(self.as_dict(), number)
                bot.updates.add("message_reaction_count", counts)
            else:
                bot.updates.add("message_reaction", change)

    def shows_all_to(self, bot: Bot) -> bool:
        """Whether the bot hears of reactions and of who comes and goes."""
        return self.holds(bot) and (self.kind == "private" or self.members.get(bot.id) in IN_CHARGE)

    # Members

    def holds(self, bot: Bot) -> bool:
        """Whether the bot is here."""
        return self.migrated_to is None and self.members.get(bot.id, "member") not in GONE

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

    def set_status(self, user: User, status: str, by: User) -> None:
        """Change what somebody is here, and tell: a bot of itself, administrators of others."""
        before = self.members.get(user.id, "member" if user.is_bot else "left")
        self.members[user.id] = status
        change = {
            "chat": self.as_dict(),
            "from": by.as_dict(),
            "date": now(),
            "old_chat_member": member_from(user, before),
            "new_chat_member": member_from(user, status),
        }
        if isinstance(user, Bot):
            user.updates.add("my_chat_member", change)
            return
        for bot in self.bots():
            if self.shows_all_to(bot):
                bot.updates.add("chat_member", change)

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


def words_of(message: Json) -> str:
    """The text of a message, or its caption."""
    return str(message.get("text") or message.get("caption") or "")


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


def _place(messages: list[Json], number: int) -> int | None:
    """Where a message stands; looked for from the end, where most changes are."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place]["message_id"] == number:
            return place
    return None
