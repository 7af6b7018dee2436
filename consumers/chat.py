"""The bot that answers when nobody configured another."""

from __future__ import annotations

from typing import Any

from consumers.bot import Bot, command


class Lobby(Bot):
    """Greet, echo and take orders, so that a first message gets a first answer."""

    @command
    async def hello(self, event: dict[str, Any]) -> str:
        """Say hello."""
        return f"Hello {event['author']['name']}!"

    @command
    async def echo(self, event: dict[str, Any], *words: str) -> str:
        """Say the same again."""
        return " ".join(words) or "Echo what? Try /echo hello."

    @command
    async def order(self, event: dict[str, Any]) -> str:
        """Order a pizza: a dialogue that survives a restart."""
        size = await self.ask("Which size? (small, medium, large)")
        topping = await self.ask(f"And what on your {size} one?")
        return f"One {size} pizza with {topping}, coming up for {event['author']['name']}."

    async def said(self, event: dict[str, Any]) -> None:
        """Answer in private; in a room, people talk to each other."""
        if self.scope["chat"]["kind"] == "private":
            await self.reply(f"You said: {event['text']}\nSend /help for what I can do.")
