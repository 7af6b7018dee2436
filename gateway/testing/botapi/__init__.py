"""A Bot API server for tests: no token, no network, and what the real one does besides.

    async with BotApi() as api:
        bot = api.bot(token="123:abc", username="OurBot")
        alice = api.user("Alice")
        group = api.group("Friends")
        ...                                    # start a bot with api.url and bot.token
        await alice.says(group, "hello")
        [said] = await group.wait_for("You said: hello")
        await alice.reacts(group, said, "👍")

Any library can be pointed at it. What it does was read in the source of
tdlib/telegram-bot-api, where the documentation does not tell.
"""

from gateway.testing.botapi.bots import Bot
from gateway.testing.botapi.chats import Chat
from gateway.testing.botapi.faults import Fault, Faults
from gateway.testing.botapi.people import User
from gateway.testing.botapi.presses import Press
from gateway.testing.botapi.server import BotApi, Call
from gateway.testing.botapi.updates import Timing

__all__ = ["Bot", "BotApi", "Call", "Chat", "Fault", "Faults", "Press", "Timing", "User"]
