"""The protocol server of one Telegram bot.

It moves and decides little: ``polling`` and ``webhook`` bring updates in, ``translate`` says what
they mean, ``outcomes`` says what became of a send.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

from telegram import Bot
from telegram.error import TelegramError

from gateway.delivery.server import Limits, Port, ProtocolServer, Rate
from gateway.delivery.status import State
from gateway.vocabulary.errors import MediaError, Refused
from gateway.vocabulary.events import Attachment, Event, Facts, kind_of
from protocols.telegram.answers import SECONDS, Answers
from protocols.telegram.attachments import own_file_id
from protocols.telegram.authors import Identity
from protocols.telegram.calls import query_id
from protocols.telegram.connections import Connections, NotPlain
from protocols.telegram.delivery import Delivery
from protocols.telegram.files import Files
from protocols.telegram.intake import Intake
from protocols.telegram.outcomes import delivery_error_from, login_error_from
from protocols.telegram.pictures import Pictures
from protocols.telegram.places import facts_from_key, place_from_key
from protocols.telegram.polling import Patience, Poller
from protocols.telegram.request import ANSWER_SECONDS, AnswerLost, ApiError, Request
from protocols.telegram.settings import LimitNumbers, Settings
from protocols.telegram.topics import Topics
from protocols.telegram.translate import ALLOWED_UPDATES
from protocols.telegram.webhook import Webhook, path_of, secret_from_settings, url_from_settings

logger = logging.getLogger(__name__)

BURST_SECONDS = 3
"""How much of a chat's rate may come at once; Telegram lets short bursts through."""

WEBHOOK_CONNECTIONS = 40

OURS_ALONE = frozenset({"getupdates", "setwebhook", "deletewebhook", "logout", "close"})
"""Methods that would take the updates away from this server."""

PRIVACY = (
    "privacy mode hides group messages from this bot: switch it off with /setprivacy at"
    " @BotFather and add the bot to its groups again, or make it an administrator there"
)


class Server(ProtocolServer):
    """Serves one bot, by long polling or by webhook."""

    patience: ClassVar[Patience] = Patience()
    watch_seconds: ClassVar[float] = 60
    """How often a webhook is looked after."""
    answer_seconds: ClassVar[float] = SECONDS
    """After how long a press that nobody answered is answered with nothing."""

    settings: Settings

    def __init__(self, account: str, settings: Settings, port: Port) -> None:
        super().__init__(account, settings, port)
        token = settings.token.get_secret_value()
        # Telegram's tokens begin with the bot's number, so it is known before the network is.
        self.identity = token.partition(":")[0]
        name = account.rpartition(":")[2]
        self.us = Identity(name, int(self.identity) if self.identity.isdigit() else 0)
        self.requests = (Request(), Request(connections=2))
        self.bot = Bot(
            token,
            base_url=f"{settings.api_url}/bot",
            base_file_url=f"{settings.api_url}/file/bot",
            request=self.requests[0],
            get_updates_request=self.requests[1],
        )
        self.connections = Connections(f"{settings.api_url}/bot{token}/")
        self.files = Files(self.connections, settings.api_url, token)
        self.delivery = Delivery(self._ask, self.files, port.media)
        self.pictures = Pictures(self._ask, self.us)
        self.answers = Answers(self._answer_nothing, self.answer_seconds)
        self.topics = Topics()
        self.reads_groups = True

    @property
    def limits(self) -> Limits:
        """What the outbox keeps to, from ``limits`` of the configuration."""
        if self.settings.limits == "off":
            return Limits()
        numbers = LimitNumbers() if self.settings.limits == "default" else self.settings.limits
        return Limits(
            account=Rate(numbers.per_second, 1),
            chat=Rate(numbers.per_chat * BURST_SECONDS, BURST_SECONDS),
            group=Rate(numbers.per_group_minute, 60),
        )

    async def identify(self) -> str:
        """Ask who we are; raises ``CredentialsRefused``, or ``NotSent`` if nobody answers."""
        try:
            me = await self._ask("getMe")
            self.us = Identity(
                self.us.account, int(me["id"]), str(me["first_name"]), str(me["username"])
            )
        except TelegramError as error:
            raise login_error_from(error) from None
        except (LookupError, TypeError, ValueError):
            raise login_error_from(AnswerLost("getMe did not tell who we are")) from None
        self.reads_groups = me.get("can_read_all_group_messages") is not False
        self.identity = str(self.us.id)
        return self.identity

    async def run(self) -> None:
        """Serve until cancelled; raises ``CredentialsRefused``, or ``NotSent`` at the start."""
        self.port.status.set(State.CONNECTING)
        await self.identify()
        intake = Intake(self.port, self.us, self.topics, self.answers.opened)
        answering = asyncio.create_task(self.answers.run(), name=f"answers of {self.account}")
        try:
            if self.settings.webhook:
                await self._serve_webhook(intake)
            else:
                await self._poll(intake)
        finally:
            answering.cancel()

    async def _poll(self, intake: Intake) -> None:
        try:
            await self._prepare_polling()
        except TelegramError as error:
            raise login_error_from(error) from None
        state, detail = await self._connected("polling")
        self.port.status.set(state, detail)
        status = self.port.status
        await Poller(self._ask, intake, status, detail, state, self.patience).run()

    async def _prepare_polling(self) -> None:
        info = await self._ask("getWebhookInfo")
        self._say_pending(info)
        if url := info.get("url"):
            host = urlsplit(str(url)).hostname
            logger.warning("%s: taking away the webhook at %s, to poll", self.account, host)
            await self._ask("deleteWebhook", {"drop_pending_updates": False})

    def _say_pending(self, info: dict[str, Any]) -> None:
        count = info.get("pending_update_count", 0)
        logger.info("%s: @%s, %s updates waiting", self.account, self.us.username, count)

    async def _connected(self, how: str) -> tuple[State, str]:
        detail = f"{how} as @{self.us.username}"
        if self.reads_groups:
            return State.CONNECTED, detail
        logger.warning("%s: %s", self.account, PRIVACY)
        known = await self.port.conversations()
        groups = any(facts["chat"]["kind"] == "group" for facts in known.values())
        return State.DEGRADED if groups else State.CONNECTED, f"{detail}; {PRIVACY}"

    async def _serve_webhook(self, intake: Intake) -> None:
        path = path_of(self.us.account)
        self.port.mounts[path] = Webhook(intake, secret_from_settings(self.settings))
        try:
            state, detail = await self._connected("webhook")
            await self._set_webhook()
            self.port.status.set(state, detail)
            while True:
                await asyncio.sleep(self.watch_seconds * random.uniform(0.8, 1.2))
                await self._watch_webhook(state, detail)
        except TelegramError as error:
            raise login_error_from(error) from None
        finally:
            self.port.mounts.pop(path, None)

    async def _set_webhook(self) -> None:
        self._say_pending(await self._ask("getWebhookInfo"))
        parameters = {
            "url": url_from_settings(self.settings, self.us.account),
            "secret_token": secret_from_settings(self.settings),
            "allowed_updates": ALLOWED_UPDATES,
            "max_connections": WEBHOOK_CONNECTIONS,
            "drop_pending_updates": False,
        }
        await self._ask("setWebhook", parameters)

    async def _watch_webhook(self, state: State, detail: str) -> None:
        """See that the webhook is still ours, and that Telegram reaches it."""
        try:
            info = await self._ask("getWebhookInfo")
        except TelegramError as trouble:
            if isinstance(trouble, ApiError) and trouble.credentials:
                raise
            # The hook goes on: Telegram may reach us while we do not reach it.
            detail = "Telegram cannot be reached"
            self.port.status.set(State.RECONNECTING, detail, error=str(trouble))
            return
        if info.get("url") != url_from_settings(self.settings, self.us.account):
            logger.warning("%s: the webhook was taken away; setting it again", self.account)
            await self._set_webhook()
        elif info.get("pending_update_count") and info.get("last_error_message"):
            error = str(info["last_error_message"])
            self.port.status.set(State.DEGRADED, "Telegram cannot reach the webhook", error=error)
        else:
            self.port.status.set(state, detail)

    async def deliver(self, conversation: str, facts: Facts, event: Event) -> str | None:
        """Put one event on the wire; a message's native id is its message_id."""
        native = await self.delivery.deliver(conversation, event)
        if kind_of(event) == "answer":
            self.answers.answered(query_id(event["token"]))
        if native is not None:
            self.topics.learn(conversation, native)
        return native

    async def open(self, source: str) -> AsyncIterator[bytes]:
        """Fetch a file that was sent to this bot; raises ``MediaError``."""
        file_id = own_file_id(source, self.us.account)
        if file_id is None:
            raise MediaError("gone", f"{self.account} does not have the file.")
        async for piece in self.files.pieces(file_id):
            yield piece

    async def picture(self, author: str) -> Attachment | None:
        """The newest profile photo of a person; raises ``MediaError``."""
        return await self.pictures.of(author)

    async def call(self, method: str, parameters: dict[str, Any]) -> Any:
        """Call any method of the Bot API, but for those that would take our updates away."""
        if method.lower() in OURS_ALONE:
            raise Refused("bad_request", f"{method} is for the gateway alone")
        if method.lower() == "answercallbackquery":
            self.answers.answered(str(parameters.get("callback_query_id")))
        try:
            return await self._ask(method, parameters)
        except TelegramError as error:
            place = f"telegram:{self.us.account}:{parameters.get('chat_id', 0)}"
            raise delivery_error_from(error, place) from None

    async def _answer_nothing(self, query: str) -> Any:
        return await self.call("answerCallbackQuery", {"callback_query_id": query})

    async def _ask(
        self,
        method: str,
        parameters: dict[str, Any] | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> Any:
        try:
            return await self.connections.ask(method, parameters or {}, seconds)
        except NotPlain:
            # do_api_request warns about each method that Bot has a wrapper for; it takes the
            # underscore away again, but only after it has looked.
            return await self.bot.do_api_request(f"{method}_", parameters, read_timeout=seconds)

    async def administers(self, conversation: str, author: str) -> bool:
        """Whether this person is the creator or an administrator.

        Only these can speak in the chat's own name. Raises a ``DeliveryError`` if Telegram
        cannot be asked now.
        """
        chat, _ = place_from_key(conversation)
        if chat > 0 or author == f"telegram:{chat}":
            return True
        number = author.removeprefix("telegram:")
        if number == author or not number.isdecimal():
            return False
        try:
            member = await self.call("getChatMember", {"chat_id": chat, "user_id": int(number)})
        except Refused:
            return False
        return isinstance(member, dict) and member.get("status") in ("creator", "administrator")

    def facts(self, conversation: str) -> Facts:
        """What the key tells: a positive number is a person, any other is taken for a group."""
        return facts_from_key(conversation, self.us)

    async def check(self) -> list[str]:
        """Try the token; asks for no updates, so a running gateway does not notice."""
        await self.identify()
        try:
            info = await self._ask("getWebhookInfo")
        except TelegramError as error:
            raise login_error_from(error) from None
        sentences = [f"signed in as @{self.us.username} ({self.us.name})"]
        if url := info.get("url"):
            sentences.append(f"its webhook is at {urlsplit(str(url)).hostname}")
        if count := info.get("pending_update_count"):
            sentences.append(f"{count} updates are waiting")
        if not self.reads_groups:
            sentences.append(PRIVACY)
        return sentences

    async def close(self) -> None:
        """Give up the connections; a webhook stays, and Telegram keeps what comes meanwhile."""
        await self.connections.close()
        await self.files.close()
        for request in reversed(self.requests):
            await request.shutdown()
