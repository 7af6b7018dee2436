"""Bots by commands: a method with ``@command`` answers to its name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from consumers.base import ChatConsumer
from consumers.commands import RoomCommands
from gateway.vocabulary.events import Event

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


def command(handler: Handler) -> Handler:
    """Mark a method as a command: ``/name word word`` calls it with the event and the words.

    Its docstring is its line in ``/help``; what it returns, if not None, is the reply.
    """
    handler.is_command = True  # type: ignore[attr-defined]
    return handler


class Bot(ChatConsumer):
    """A consumer whose messages that begin with ``/`` are commands; ``said`` gets the others."""

    async def chat_message(self, event: Event) -> None:
        """Give a message to the command it names, or to ``said``."""
        words = event["text"].split()
        if not words or not words[0].startswith("/"):
            await self.said(event)
            return
        name = words[0][1:].lower()
        handler = self._commands().get(name)
        if handler is None:
            await self._unknown(name)
            return
        answer = await self._run(handler, event, words[1:])
        if answer is not None:
            await self.reply(str(answer))

    async def said(self, event: Event) -> None:
        """Handle a message that is no command."""

    async def _run(self, handler: Callable[..., Any], event: Event, words: list[str]) -> Any:
        try:
            inspect.signature(handler).bind(event, *words)
        except TypeError:
            name = handler.__name__
            return f"That is not how it goes: /{name} {_usage(handler)}".rstrip()
        return await handler(event, *words)

    async def _unknown(self, name: str) -> None:
        """Help with a typing error; in a room, keep quiet about what may be for other bots."""
        known = [*self._commands(), *(word[1:] for word in RoomCommands.HELP)]
        near = difflib.get_close_matches(name, known, 1)
        if near:
            await self.reply(f"No command /{name}. Did you mean /{near[0]}?")
        elif self.scope["chat"]["kind"] == "private":
            await self.reply(f"No command /{name}. /help lists what there is.")

    def _commands(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        members = ((name, getattr(self, name)) for name in dir(type(self)))
        return {name: member for name, member in members if hasattr(member, "is_command")}

    def own_commands(self) -> dict[str, str]:
        """The bot's commands and what they do, for ``/help``."""
        return {
            name: (inspect.getdoc(handler) or "").partition("\n")[0]
            for name, handler in self._commands().items()
        }


def _usage(handler: Callable[..., Any]) -> str:
    parameters = list(inspect.signature(handler).parameters.values())[1:]
    return " ".join(
        f"[{parameter.name.upper()}]"
        if parameter.default is not parameter.empty or parameter.kind == parameter.VAR_POSITIONAL
        else parameter.name.upper()
        for parameter in parameters
    )
