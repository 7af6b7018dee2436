"""The bot of the conversation in the pictures."""

import asyncio

from consumers.bot import Bot, command


class Kitchen(Bot):
    @command
    async def meal(self, event):
        """Choose what is cooked."""
        choices = [{"text": meal, "data": meal} for meal in ("Soup", "Curry", "Pizza")]
        await self.reply("What do we cook?", buttons=[choices])

    async def chat_action(self, event):
        await self.typing()
        await asyncio.sleep(1.5)
        await self.reply(f"{event['author']['name']} has chosen: {event['data']}.")
