"""The people of a simulated Telegram: what they do is a method of theirs.

said = await alice.says(group, "hello")
await bob.reacts(group, said, "👍")
await alice.edits(group, said, "hello, all")
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gateway.testing.botapi.files import media
from gateway.testing.botapi.messages import Json, answered, content_of, origin_of
from gateway.testing.botapi.presses import Press, button_named

if TYPE_CHECKING:
    from gateway.testing.botapi.bots import Bot
    from gateway.testing.botapi.chats import Chat
    from gateway.testing.botapi.world import World

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{3,32}))?(?!\S)")

PROFILE = (160, 320, 640)
"""The sides of the sizes of a profile photo, in pixels."""


class User:
    """A person; ``hidden``: who forwards what they said shows their name only."""

    is_bot = False

    def __init__(self, world: World, number: int, name: str, last: str, username: str) -> None:
        self.world = world
        self.id = number
        self.first_name = name
        self.last_name = last
        self.username = username
        self.hidden = False
        self.photos: list[list[Json]] = []
        """Of their profile, the newest first, each in its sizes."""

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

    def shows(self, content: bytes) -> None:
        """Have a new profile photo: each of its sizes is a file, and all have this content."""
        photo = [
            self.world.files.keep("photo", content) | {"width": side, "height": side}
            for side in PROFILE
        ]
        self.photos.insert(0, photo)

    # Words

    async def says(
        self,
        where: Chat | Bot,
        text: str,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        quote: str = "",
        **more: Any,
    ) -> Json:
        """Say something, and return the message; ``quote`` is the part of what is answered.

        ``more`` are further fields of the message (``entities``).
        """
        if command := command_in(text):
            entity = {"type": "bot_command", "offset": 0, "length": command.end()}
            more = {"entities": [entity], **more}
        if quote:
            more["quote"] = {"text": quote, "position": 0, "is_manual": True}
        return self._posts(where, {"text": text} | more, reply_to, thread)

    async def sends(self, where: Chat | Bot, fields: Json, *, reply_to: int | None = None) -> Json:
        """Send a message of any kind: its fields, as the Bot API names them."""
        return self._posts(where, fields, reply_to, None)

    async def edits(self, where: Chat | Bot, message: Json, text: str, **more: Any) -> Json:
        """Edit what was said before, text or caption, and return it as it is now."""
        return self.world.chat_of(where, self).change(message, text, **more)

    async def deletes(self, where: Chat | Bot, message: Json) -> None:
        """Take a message away; the Bot API tells nobody."""
        self.world.chat_of(where, self).remove(message["message_id"])

    async def forwards(self, where: Chat | Bot, message: Json) -> Json:
        """Forward a message from anywhere."""
        author = self.world.users.get(message.get("from", {}).get("id", 0))
        origin = origin_of(message, hidden=author is not None and author.hidden)
        return self._posts(where, content_of(message) | {"forward_origin": origin}, None, None)

    async def answers_elsewhere(
        self, where: Chat | Bot, message: Json, text: str, quote: str = ""
    ) -> Json:
        """Answer a message of another chat (``external_reply``)."""
        outer: Json = {"origin": origin_of(message), "chat": message["chat"]}
        if "photo" in message:
            outer["photo"] = message["photo"]
        fields: Json = {"text": text, "external_reply": outer}
        if quote:
            fields["quote"] = {"text": quote, "position": 0, "is_manual": True}
        return self._posts(where, fields, None, None)

    # Files

    async def sends_photo(
        self, where: Chat | Bot, content: bytes = b"a picture", **options: Any
    ) -> Json:
        """Send a photo; ``options`` are those of ``sends_file``."""
        return await self.sends_file(where, "photo", content, **options)

    async def sends_document(
        self,
        where: Chat | Bot,
        content: bytes = b"a document",
        name: str = "words.txt",
        type: str = "text/plain",
        **options: Any,
    ) -> Json:
        """Send any file; ``options`` are those of ``sends_file``."""
        about = {"file_name": name, "mime_type": type}
        return await self.sends_file(where, "document", content, about=about, **options)

    async def sends_video(
        self, where: Chat | Bot, content: bytes = b"a video", **options: Any
    ) -> Json:
        """Send a video; ``options`` are those of ``sends_file``."""
        about = {"mime_type": "video/mp4"}
        return await self.sends_file(where, "video", content, about=about, **options)

    async def sends_animation(
        self, where: Chat | Bot, content: bytes = b"an animation", **options: Any
    ) -> Json:
        """Send what is called a GIF; ``options`` are those of ``sends_file``."""
        about = {"mime_type": "video/mp4"}
        return await self.sends_file(where, "animation", content, about=about, **options)

    async def sends_audio(
        self, where: Chat | Bot, content: bytes = b"music", **options: Any
    ) -> Json:
        """Send music; ``options`` are those of ``sends_file``."""
        about = {"mime_type": "audio/mpeg", "performer": "Somebody", "title": "A song"}
        return await self.sends_file(where, "audio", content, about=about, **options)

    async def sends_voice(
        self, where: Chat | Bot, content: bytes = b"a voice", **options: Any
    ) -> Json:
        """Send a voice message; ``options`` are those of ``sends_file``."""
        about = {"mime_type": "audio/ogg"}
        return await self.sends_file(where, "voice", content, about=about, **options)

    async def sends_sticker(
        self, where: Chat | Bot, emoji: str = "😀", content: bytes = b"a sticker", **options: Any
    ) -> Json:
        """Send a sticker; ``options`` are those of ``sends_file``."""
        return await self.sends_file(where, "sticker", content, about={"emoji": emoji}, **options)

    async def sends_album(
        self,
        where: Chat | Bot,
        contents: Iterable[bytes],
        *,
        kind: str = "photo",
        caption: str = "",
    ) -> list[Json]:
        """Send files that belong together; the caption is that of the first."""
        album = str(next(self.world.numbers))
        captions = [caption]
        return [
            await self.sends_file(
                where,
                kind,
                content,
                caption=captions.pop() if captions else "",
                media_group_id=album,
            )
            for content in contents
        ]

    async def sends_file(
        self,
        where: Chat | Bot,
        kind: str,
        content: bytes,
        *,
        caption: str = "",
        about: Json | None = None,
        size: int | None = None,
        reply_to: int | None = None,
        thread: int | None = None,
        **more: Any,
    ) -> Json:
        """Send a file of any kind; getFile has it.

        ``about`` are further fields of the file, ``more`` of the message; ``size`` pretends
        another length than that of ``content``.
        """
        about = about or {}
        kept = self.world.files.keep(kind, content, about.get("file_name", ""), size=size)
        fields = media(kind, kept, **about) | ({"caption": caption} if caption else {}) | more
        return self._posts(where, fields, reply_to, thread)

    # Other things

    async def sends_location(self, where: Chat | Bot, latitude: float, longitude: float) -> Json:
        """Send a place."""
        place = {"latitude": latitude, "longitude": longitude}
        return self._posts(where, {"location": place}, None, None)

    async def sends_contact(self, where: Chat | Bot, phone: str, name: str, last: str = "") -> Json:
        """Send somebody's number."""
        contact = {"phone_number": phone, "first_name": name}
        return self._posts(
            where, {"contact": contact | ({"last_name": last} if last else {})}, None, None
        )

    async def sends_poll(self, where: Chat | Bot, question: str, *options: str) -> Json:
        """Ask everybody."""
        number = next(self.world.numbers)
        return self._posts(where, {"poll": poll(number, question, options)}, None, None)

    # What is done to messages

    async def reacts(self, where: Chat | Bot, message: Json, *emoji: str | Json) -> None:
        """Show this reaction to a message, and no other; none takes it away.

        What is no emoji is given as its ReactionType.
        """
        self.world.chat_of(where, self).react(message, {"user": self.as_dict()}, emoji)

    async def presses(self, where: Chat | Bot, message: Json, button: int | str = 0) -> Press:
        """Press a button under a bot's message: its number over all rows, or its text."""
        chat = self.world.chat_of(where, self)
        message = chat.message(message["message_id"])
        data = button_named(message, button).get("callback_data")
        if data is None:
            raise LookupError(f"button {button!r} opens an address; the bot does not hear of it")
        bot = next(bot for bot in self.world.bots if bot.id == message["from"]["id"])
        press = bot.presses_of_people.new()
        about = {"id": press.id, "from": self.as_dict(), "chat_instance": str(chat.id)}
        bot.updates.add("callback_query", about | {"message": answered(message), "data": data})
        return press

    # Coming and going

    async def joins(self, chat: Chat, *, told: bool = True) -> None:
        """Come in; with a service message, if it is ``told``: large groups have none."""
        chat.set_status(self, "member", self)
        if told:
            chat.post(self, {"new_chat_members": [self.as_dict()]})

    async def leaves(self, chat: Chat, *, told: bool = True) -> None:
        """Go; with a service message, if it is ``told``."""
        chat.set_status(self, "left", self)
        if told:
            chat.post(self, {"left_chat_member": self.as_dict()})

    async def blocks(self, bot: Bot) -> None:
        """Block a bot: it can write no more."""
        self.world.chat_of(bot, self).set_status(bot, "kicked", self)

    async def unblocks(self, bot: Bot) -> None:
        """Let it write again."""
        self.world.chat_of(bot, self).set_status(bot, "member", self)

    def _posts(
        self, where: Chat | Bot, fields: Json, reply_to: int | None, thread: int | None
    ) -> Json:
        chat = self.world.chat_of(where, self)
        chat.members.setdefault(self.id, "member")
        return chat.post(self, fields, reply_to=reply_to, thread=thread)


def command_in(text: str) -> re.Match[str] | None:
    """The command that a text begins with: its name, and the bot's if it is told."""
    return _COMMAND.match(text)


def poll(number: int, question: str, options: Iterable[str]) -> Json:
    """A Poll object."""
    choices = [
        {"persistent_id": str(place), "text": text, "voter_count": 0}
        for place, text in enumerate(options)
    ]
    return {
        "id": str(number),
        "question": question,
        "options": choices,
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": True,
        "members_only": False,
    }
