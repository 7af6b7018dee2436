"""The switchboard: everything of one gateway process that a message passes, wired together.

    server -> port (inbox) -> conversations -> application -> record -> outbox -> server
                                                          \\-> rooms, log -> members, sockets

It knows which accounts are at home here, and looks into the ledger for what no ring announced.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from gateway.delivery.conversations import Application, Conversations
from gateway.delivery.hub import HubLayer
from gateway.delivery.leases import Leases
from gateway.delivery.log import Log
from gateway.delivery.metrics import AWAKE, CONNECTED, LEDGER_QUEUE, OUTBOX, SENDS_UNKNOWN
from gateway.delivery.notices import Notices
from gateway.delivery.outbox import Outbox
from gateway.delivery.port import AccountPort
from gateway.delivery.presence import Presence
from gateway.delivery.record import Item
from gateway.delivery.remembering import LedgerRecord
from gateway.delivery.rooms import Rooms
from gateway.delivery.server import ProtocolServer
from gateway.delivery.status import State, Status
from gateway.ledger import queries
from gateway.ledger.journal import Journal
from gateway.ledger.queries import Outgoing
from gateway.media.links import PATH
from gateway.media.serving import Serving
from gateway.media.store import Media
from gateway.vocabulary.errors import LedgerAway, MediaError
from gateway.vocabulary.events import Attachment, Author, Event, Facts
from gateway.vocabulary.ids import OWN_ACCOUNT, account_of, key_parts, protocol_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the ledger is read for what no ring announced."""

KNOWN = 20_000
"""Conversations whose facts are kept in memory."""

LINK_SECONDS = 600.0
"""How long a one-time sign-in link works."""

LEVELS = {
    State.STARTING: logging.DEBUG,
    State.CONNECTING: logging.DEBUG,
    State.STOPPED: logging.DEBUG,
    State.DEGRADED: logging.WARNING,
    State.RECONNECTING: logging.WARNING,
    State.REFUSED: logging.WARNING,
}
"""How loud a server's state is said; the others are for whoever reads along."""

ROOM_ACCOUNT = "room:default"


class Switchboard:
    """The delivery of one gateway process."""

    def __init__(
        self,
        application: Application,
        journal: Journal,
        hub: HubLayer,
        *,
        log_accounts: frozenset[str] = frozenset({OWN_ACCOUNT}),
        name: str = "gateway",
        idle_seconds: float = 300.0,
        room_bots: bool = True,
        scopes: frozenset[str] = frozenset(),
        media: Media | None = None,
    ) -> None:
        self.application = application
        self.journal = journal
        self.hub = hub
        self.name = name
        self.mounts: dict[str, Callable[..., Any]] = {}
        self.servers: dict[str, ProtocolServer] = {}
        self.ports: dict[str, AccountPort] = {}
        self.outboxes: dict[str, Outbox] = {}
        self.resend_unknown = True
        self.leases = Leases(journal)
        self.log = Log(journal, hub.ring)
        self.conversations = Conversations(
            application,
            LedgerRecord(self),
            state={"gateway": self},
            idle_seconds=idle_seconds,
            scopes=scopes,
        )
        self.rooms = Rooms(journal, self.log, self.conversations)
        self.presence = Presence(hub.process, hub.ring)
        self.serving = False
        """Whether the process has started and does not stop yet."""
        self._log_accounts = log_accounts
        self._facts: OrderedDict[str, Facts] = OrderedDict()
        self._links: dict[str, float] = {}
        self._passing: set[asyncio.Task[None]] = set()
        self._wire(media or Media(Path("media")), room_bots=room_bots)

    def _wire(self, media: Media, *, room_bots: bool) -> None:
        """Connect the parts to each other."""
        self._notices = Notices(self)
        self.names = self.rooms.names
        self.media = media
        self.hub.conversations = self.conversations
        self.hub.rooms = self.rooms.tell_group
        self.hub.at_home = self.at_home
        self.hub.name_now = self.names.now
        self.hub.ringing = self._heard
        self.hub.keep = self._keep_membership
        self.leases.gained = self._gained
        self.leases.lost = self._lost
        self.rooms.at_home = self.at_home
        self.rooms.bots = room_bots
        self.rooms.people = self.presence.people
        self.rooms.facts = self.facts
        self.rooms.administers = self._administers
        self.rooms.changed = self._rooms_changed
        self.rooms.entered = self._entered
        self.rooms.exited = self._exited
        self.rooms.told = self._told
        self.rooms.passed = self._passed_on
        self.presence.changed = self._presence_changed
        media.open = self._open
        self.mounts[PATH] = Serving(media)

    # Life

    async def start(self) -> None:
        """Read what the ledger knows."""
        for group, conversation in await self.journal.read(queries.memberships):
            self.hub.remember(group, conversation)
        await self.rooms.load()

    async def keep_looking(self) -> None:
        """Look into the ledger every ``LOOK_SECONDS``, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._measure()
            try:
                await self.look()
            except LedgerAway as error:
                if not self.journal.away:  # else it has been said
                    logger.warning("what waits cannot be looked for: %s", error)

    def _measure(self) -> None:
        """Set the gauges of what waits."""
        AWAKE.set(len(self.conversations))
        LEDGER_QUEUE.set(self.journal.depth)
        for account, outbox in self.outboxes.items():
            OUTBOX.labels(account).set(outbox.waiting)

    async def look(self) -> None:
        """Find what no ring announced."""
        await self.log.look()
        await self.rooms.refresh()
        for account in self._at_home():
            await self._look_for(account)
        self.presence.repeat()

    def _at_home(self) -> list[str]:
        known = {*self.ports, *self._log_accounts, ROOM_ACCOUNT}
        return [account for account in sorted(known) if self.leases.holds(account)]

    async def _look_for(self, account: str) -> None:
        now = time.time()
        waiting = await self.journal.read(
            lambda rows: [
                *queries.conversations_unhandled(rows, account),
                *queries.due_dialogues(rows, account, now),
            ]
        )
        for conversation in waiting:
            self.conversations.nudge(conversation)
        outbox = self.outboxes.get(account)
        if outbox is not None:
            await outbox.look()

    # Homes

    def at_home(self, conversation: str) -> bool:
        """Whether a conversation's application runs in this process."""
        return self.leases.holds(account_of(conversation))

    def _gained(self, account: str) -> None:
        """What others wrote while it was not is in the tables, and goes before what comes."""
        logger.debug("account=%s is at home here", account)
        self.conversations.look_first(account)
        if account in self.outboxes:
            self.outboxes[account].look_first()
        self._soon(self._take_over(account))

    async def _take_over(self, account: str) -> None:
        """Work off what waits for an account that came home, once the ledger tells."""
        while self.leases.holds(account):
            try:
                await self.rooms.take_over([account])
                await self._look_for(account)
                return
            except LedgerAway as error:
                logger.warning("account=%s what waits cannot be looked for: %s", account, error)
            await asyncio.sleep(LOOK_SECONDS)

    def _lost(self, account: str) -> None:
        """Its server leaves; one that serves its own browsers does so wherever the home is."""
        port = self.ports.get(account)
        if port is None or account in self._log_accounts:
            return
        if holder := self.leases.elsewhere.get(account):
            port.status.set(State.ELSEWHERE, f"served by {holder}")
        else:
            why = f": the ledger is away: {self.journal.away}" if self.journal.away else ""
            port.status.set(State.RECONNECTING, f"its lease could not be renewed{why}")

    def register(self, account: str, server: ProtocolServer) -> None:
        """A server is there to deliver for its account."""
        self.servers[account] = server
        if server.keeps_log:
            return
        outbox = Outbox(account, server, self.journal)
        outbox.resend_unknown = self.resend_unknown
        outbox.facts = self.facts
        outbox.form = self.rooms.form_of
        outbox.extensions = self.rooms.extensions_of
        outbox.link = self.link
        outbox.failed = self._failed
        outbox.sent = self._sent
        outbox.uncertain = self._uncertain
        outbox.moved = self.move
        outbox.at_home = partial(self.leases.holds, account)
        outbox.holder = self.leases.holder
        self.outboxes[account] = outbox

    def port(self, account: str) -> AccountPort:
        """The port of an account, made at first."""
        if account not in self.ports:
            keeps_log = account in self._log_accounts
            self.ports[account] = AccountPort(self, account, keeps_log=keeps_log)
        return self.ports[account]

    def keeps_log(self, conversation: str) -> bool:
        """Whether a conversation's network is the log itself."""
        return account_of(conversation) in self._log_accounts

    # In

    def arrived(self, conversation: str, item: Item) -> None:
        """An arrival was committed here."""
        self.watch(conversation, "in", item.event)
        if self.at_home(conversation):
            self.conversations.offer(conversation, item)
        else:
            self.hub.ring({"inbox": conversation})

    def recorded_before(self, conversation: str) -> None:
        """An arrival came again: what waits in its conversation's table goes before what comes."""
        if self.at_home(conversation):
            self.conversations.nudge(conversation)

    def _heard(self, ring: dict[str, Any]) -> None:
        """Another process committed something."""
        if "stream" in ring:
            self.log.hear(ring["stream"], ring["seq"])
        elif "inbox" in ring and self.at_home(ring["inbox"]):
            self.conversations.nudge(ring["inbox"])
        elif "outbox" in ring and ring["outbox"] in self.outboxes:
            self._soon(self.outboxes[ring["outbox"]].look())
        elif "present" in ring:
            self.presence.hear(ring)
        elif "passed" in ring:
            self.rooms.hear(ring["passed"], ring["event"])
        elif "rooms" in ring:
            self._soon(self.rooms.load())

    # Out

    def send_soon(self, account: str, row: Outgoing) -> None:
        """A row of the outbox was committed here."""
        outbox = self.outboxes.get(account)
        if outbox is not None and self.leases.holds(account):
            outbox.offer(row)
        else:
            self.hub.ring({"outbox": account})

    def pass_out(self, conversation: str, event: Event) -> None:
        """Send something best effort."""
        server = self.servers.get(account_of(conversation))
        if server is not None and len(self._passing) < 1_000:
            self._soon(self._pass_out(server, conversation, event))

    async def _pass_out(self, server: ProtocolServer, conversation: str, event: Event) -> None:
        try:
            await server.deliver(conversation, await self.facts(conversation), event)
        except Exception as error:  # best effort means that nobody hears of it
            logger.debug("conversation=%s passing failed: %s", conversation, error)

    def _soon(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        return task

    def link(self, attachment: Attachment) -> str | None:
        """Where anybody can have a file, if anybody can."""
        source = attachment.get("source", "")
        link = source if source.startswith("https:") else self.media.link(attachment)
        return link if link and "://" in link else None

    def tell_failed(self, conversation: str, ref: str, code: str, detail: str) -> None:
        """Tell an application, if it is awake and asked for it, what became of its send."""
        event = {"ref": ref, "code": code, "detail": detail, "retry_after": None}
        self._notify(conversation, "failed", event)

    def _failed(self, row: Outgoing, code: str, detail: str) -> None:
        self.tell_failed(row.sender, row.event["ref"], code, detail)
        self.watch(row.conversation, "failed", row.event | {"code": code, "detail": detail})
        if self._notices.wanted(row, code):
            self._soon(self._notices.tell(row, code, detail))

    def _sent(self, row: Outgoing, native: str | None) -> None:
        self._notify(row.sender, "sent", {"ref": row.event["ref"], "id": native or ""})

    def _uncertain(self, account: str) -> None:
        """Count a send whose fate is unknown."""
        SENDS_UNKNOWN.labels(account).inc()
        status = self.port(account).status
        status.unknown += 1
        self._show({"type": "dashboard.status", "status": status.as_dict()})

    def _notify(self, conversation: str, kind: str, body: Event) -> None:
        conversation = self.names.now(conversation)
        event = {"type": f"{protocol_of(conversation)}.{kind}", "key": f"{kind}-{body['ref']}"}
        self.conversations.tell(conversation, event | body)

    # What is known of conversations

    def knows(self, conversation: str) -> Facts | None:
        """The facts in memory."""
        return self._facts.get(conversation)

    def remember(self, conversation: str, facts: Facts) -> None:
        """Keep the facts that the ledger has."""
        self._facts[conversation] = facts
        if len(self._facts) > KNOWN:
            self._facts.popitem(last=False)

    async def facts(self, conversation: str) -> Facts:
        """What is known of a conversation; raises ``ValueError`` if it cannot exist here."""
        conversation = self.names.now(conversation)
        facts = self._facts.get(conversation)
        if facts is None:
            found = await self.journal.read(
                partial(queries.facts_and_session, conversation=conversation)
            )
            facts = found[0] if found else self._facts_from_key(conversation)
            self.remember(conversation, facts)
        server = self.servers.get(account_of(conversation))
        return facts if server is None else server.as_of_now(facts)

    def _facts_from_key(self, conversation: str) -> Facts:
        server = self.servers.get(account_of(conversation))
        if server is not None:
            return server.facts(conversation)
        place = key_parts(conversation).place
        room = self.rooms.rooms.get(place)
        return {
            "bot": {"id": "bot", "name": self.name},
            "chat": {"id": place, "kind": "room", "title": (room and room.title) or place},
            "thread": None,
            "user": None,
            "extensions": {"message": {}, "author": {}, "reply": {}},
        }

    async def move(self, old: str, new: str) -> None:
        """A conversation has another key now; everything it has moves with it.

        Once that is written it is so, though whoever asked for it gives up waiting.
        """
        facts = await self._facts_elsewhere(old, new)
        renamed = self.journal.write(
            partial(queries.rename, old=old, new=new, facts=facts, at=time.time()),
            then=lambda _: self._moved(old, new, facts),
        )
        # At once: what is written after this is written under the new name.
        again = self.names.now(old) == new
        self.names.keep(old, new)
        awake = self.conversations.move(old, new)
        renamed.add_done_callback(
            partial(self._settle_move, old=old, new=new, again=again, awake=awake)
        )
        if account_of(old) in self.outboxes:
            self.outboxes[account_of(old)].move(old, new, renamed)
        going_on = await asyncio.shield(renamed)
        await asyncio.shield(going_on)

    def _settle_move(
        self, renamed: asyncio.Future[Any], *, old: str, new: str, again: bool, awake: bool
    ) -> None:
        """Take back what was done at once, if it was not written."""
        if renamed.exception() is None:
            return
        if not again:
            self.names.forget(old)
        if awake:
            self.conversations.move(new, old)

    def _moved(self, old: str, new: str, facts: Facts) -> asyncio.Task[None]:
        logger.info("conversation=%s is %s now", old, new)
        self._facts.pop(old, None)
        if new not in self._facts:
            self.remember(new, facts)
        self.hub.move(old, new)
        awake = self.conversations.awake(new)
        if awake is not None:
            awake.learn(self._facts[new])
        return self._soon(self._go_on_as(new))

    async def _go_on_as(self, new: str) -> None:
        """Have its room know it by its new name, before it hears what waits there."""
        await self.rooms.load()
        self.hub.ring({"rooms": True})
        self.conversations.nudge(new)

    async def _facts_elsewhere(self, old: str, new: str) -> Facts:
        """What is known of a chat, in the place it moved to."""
        known, there = await self.facts(old), self._facts_from_key(new)
        return known | {"chat": known["chat"] | {"id": there["chat"]["id"]}}

    async def _administers(self, conversation: str, author: str) -> bool:
        server = self.servers.get(account_of(conversation))
        return server is None or await server.administers(conversation, author)

    async def call(self, conversation: str, method: str, parameters: dict[str, Any]) -> Any:
        """Ask a conversation's network something of its own; not durable."""
        server = self.servers.get(account_of(conversation))
        if server is None:
            raise ValueError(f"{account_of(conversation)} is not served by this process")
        return await server.call(method, parameters)

    async def picture(self, account: str, author: str) -> Attachment | None:
        """What somebody looks like, from an account that this process serves."""
        server = self.servers.get(account)
        if server is None:
            raise MediaError("gone", f"{account} is not served here.")
        return await server.picture(author)

    def _open(self, source: str) -> AsyncIterator[bytes]:
        """A file of an account that this process serves."""
        server = self.servers.get(source.partition("/")[0])
        if server is None:
            raise MediaError("gone", "The account that has the file is not served here.")
        return server.open(source)

    def _keep_membership(self, group: str, conversation: str, joined: bool) -> None:
        change = queries.enter_group if joined else queries.leave_group
        self.journal.post(partial(change, group=group, conversation=conversation))

    # What people see

    @property
    def ready(self) -> bool:
        """Whether each account is connected or served by another, and the ledger can be written."""
        well = (State.CONNECTED, State.DEGRADED, State.ELSEWHERE)
        able = self.serving and not self.journal.away
        return able and all(port.status.state in well for port in self.ports.values())

    def statuses(self) -> list[dict[str, Any]]:
        """The state of each protocol server."""
        return [dict(port.status.as_dict()) for port in self.ports.values()]

    def status_changed(self, status: Status) -> None:
        """A protocol server says something new of itself."""
        CONNECTED.labels(status.account).set(status.state == State.CONNECTED)
        level = LEVELS.get(status.state, logging.INFO)
        logger.log(level, "account=%s state=%s %s", status.account, status.state, status.detail)
        self._show({"type": "dashboard.status", "status": status.as_dict()})

    def watch(self, conversation: str, direction: str, event: Event) -> None:
        """Show a message that passes, to whoever has a dashboard open."""
        self._show(
            {
                "type": "dashboard.message",
                "conversation": conversation,
                "direction": direction,
                "event": event,
            }
        )

    def _told(self, name: str, entry: Any) -> None:
        event = entry.event
        self._show(
            {"type": "dashboard.message", "room": name, "direction": "room", "event": event},
            here_only=True,
        )

    def _presence_changed(self, conversation: str, people: list[Author]) -> None:
        event = {"type": "dashboard.presence", "conversation": conversation, "people": people}
        self._show(event, here_only=True)

    def _rooms_changed(self) -> None:
        self.hub.ring({"rooms": True})
        self._show({"type": "dashboard.rooms"})

    def _passed_on(self, room: str, event: Event) -> None:
        self.hub.ring({"passed": room, "event": event})

    def _entered(self, conversation: str) -> None:
        server = self.servers.get(account_of(conversation))
        if server is not None:
            self._soon(server.enter(conversation))

    def _exited(self, conversation: str) -> None:
        server = self.servers.get(account_of(conversation))
        if server is not None:
            self._soon(server.leave(conversation))

    def _show(self, event: Event, *, here_only: bool = False) -> None:
        self.hub.spread("dashboard", event)
        if self.hub.far is not None and not here_only:
            self.hub.far.publish("group.dashboard", {"kind": "group", "body": event})

    async def tell(self, room: str, text: str, author: Author) -> str:
        """Speak into a room as an operator; the message's id."""
        said = {"type": "room.message", "text": text, "author": author, "origin": None}
        return str(await self.rooms.tell(room, said))

    def sign_in_link(self) -> str:
        """A new one-time token for the dashboard."""
        now = time.monotonic()
        self._links = {token: until for token, until in self._links.items() if until > now}
        token = secrets.token_urlsafe(24)
        self._links[token] = now + LINK_SECONDS
        return token

    def sign_in(self, token: str) -> bool:
        """Spend a one-time token."""
        for known in list(self._links):
            if hmac.compare_digest(known.encode(), token.encode()):
                return self._links.pop(known) > time.monotonic()
        return False


async def _quietly(work: Awaitable[Any]) -> None:
    try:
        await work
    except LedgerAway as error:
        logger.warning("the ledger is away: %s", error)
    except Exception:
        logger.exception("something in the background failed")
