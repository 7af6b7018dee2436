"""The real core under a process that may die at any moment, over faulty networks and disk.

Switchboard, conversations, outbox, log, leases and the ledger over SQLite are the real ones, with
``ChatConsumer`` as the application; time, networks, browser and the disk's faults are simulated.
Hypothesis chooses what happens; people on both ends say in the end whether it was right.

``GATEWAY_MACHINE=N`` in the environment tries N random examples instead of the same few, and
``GATEWAY_MACHINE_AS_IT_IS=1`` shows a failing one without making it small, which takes minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from django.db import connections
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consumers.base import ChatConsumer
from gateway.delivery import conversation, line, log, outbox, posted
from gateway.delivery.hub import HubLayer
from gateway.delivery.switchboard import ROOM_ACCOUNT, Switchboard
from gateway.sections import RoomSettings
from gateway.supervisor import Supervisor
from gateway.vocabulary.errors import LedgerAway
from gateway.vocabulary.events import Event
from gateway.vocabulary.ids import account_of
from outside import (
    CHATS,
    GROUP,
    MUC,
    OUTCOMES,
    TELEGRAM,
    WEB,
    XMPP,
    Browser,
    Networks,
    Wire,
    complaints,
    counted,
    word,
)
from simulated import TURN, Clock, Disk, SimulatedJournal, SimulatedLoop

ACCOUNTS = (TELEGRAM, XMPP, WEB)
ALIAS = "machine"

pytestmark = pytest.mark.timeout(900)  # a failing example is made small before it is shown

MOMENTS = st.sampled_from([5e-6, 2e-5, 4e-5, 7e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4])
"""Seconds within which a few turns of the loop are done, and not more."""

WHERE = st.lists(st.sampled_from(CHATS), max_size=3)
"""Where people speak, just before something happens."""

WHILES = st.sampled_from([0.02, 0.3, 1.0, 4.0, 15.0])
LONG = st.sampled_from([30.0])

IDLE = 20.0
"""Seconds until who has nothing to do falls asleep."""

SLICE, SLICES = 1e-5, 60
"""How often, and how long, is looked for what is shown before a death."""

TRIES = 3
"""How often an event is tried; one that fails so often is set aside."""

DEATHS = 3
"""How often a process dies in one example: an event that was in hand in five would be blamed."""

END = 150.0
"""Simulated seconds in which nothing happens, after which all that is missing will never come."""

LINGER = 40.0
"""Simulated seconds in which something could yet be shown twice."""


class Notebook:
    """What handlers do: how often they fail, and what they saw."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.hopeless: set[str] = set()
        self.heard: dict[str, list[str]] = defaultdict(list)
        self.tries: defaultdict[str, int] = defaultdict(lambda: 1)
        """How often each is handled, if nothing else fails."""
        self.numbers = itertools.count()


def application(notebook: Notebook) -> Any:
    """A bot that answers everybody twice, and everything in the room once."""

    class Bot(ChatConsumer):
        async def chat_message(self, event: Event) -> None:
            text = word(event)
            notebook.heard[self.conversation].append(text)
            if self.kind == "room":
                await self.reply(f"{text}.r")
                self._fail(text)
                return
            learned = await self.once(self._learn_something)
            await self.reply(f"{text}.0.{learned}")
            self._fail(text)
            count = self.session["count"] = self.session.get("count", 0) + 1
            await self.reply(f"{text}.1.{learned}.{count}")

        async def _learn_something(self) -> int:
            return next(notebook.numbers)

        def _fail(self, text: str) -> None:
            if notebook.faults[text] > 0 or text in notebook.hopeless:
                notebook.faults[text] -= 1
                raise RuntimeError("the test's handler fails")

    return Bot.as_asgi()


class Life:
    """One process of the gateway, from its start to its death."""

    def __init__(
        self, disk: Disk, clock: Clock, networks: Networks, notebook: Notebook, browser: Browser
    ) -> None:
        self.loop = SimulatedLoop(clock, disk)
        self.board: Switchboard
        self._networks, self._browser = networks, browser
        self._application = application(notebook)
        self._journal: SimulatedJournal
        self._work: asyncio.Task[None]
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        hub = HubLayer()
        channel_layers.set("default", hub)
        self._journal = SimulatedJournal(self.loop)
        scopes = frozenset({"telegram", "xmpp", "web"})
        self.board = Switchboard(
            self._application, self._journal, hub, scopes=scopes, idle_seconds=IDLE
        )
        self._journal.start()
        self._work = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        """What the runner does; ends if the ledger is away at the start."""
        board = self.board
        try:
            await board.start()
            await board.rooms.configure({"lobby": RoomSettings(members=(GROUP, MUC))})
            supervisors = [self._supervisor(account) for account in ACCOUNTS]
            async with asyncio.TaskGroup() as tasks:
                for supervisor in supervisors:
                    tasks.create_task(supervisor.run())
                await board.leases.want({*ACCOUNTS, ROOM_ACCOUNT})
                for work in (
                    board.keep_looking(),
                    board.leases.keep(),
                    board.conversations.keep_sweeping(),
                    self._browser.read(board.log),
                ):
                    tasks.create_task(work)
        except* LedgerAway:
            pass  # it starts anew

    def _supervisor(self, account: str) -> Supervisor:
        server = Wire(account, None, self.board.port(account))
        server.identity, server.networks = account, self._networks
        server.keeps_log = account == WEB  # type: ignore[misc]
        self.board.register(account, server)
        return Supervisor(server, self.board.leases, leased=not server.keeps_log)

    def run(self, seconds: float) -> bool:
        """Let time pass; False if the process ended."""
        self.loop.run_until_complete(asyncio.wait({self._work}, timeout=seconds))
        return not self._work.done()

    def sleep(self) -> None:
        """Whoever has nothing to do falls asleep."""
        self.loop.call_soon(lambda: self.board.conversations.sweep(idle_seconds=0))
        self.run(TURN)

    def die(self) -> None:
        """End where it is: what is not on disk is lost."""
        if self._work.done():
            self._work.result()
        self._journal.kill()
        for server in self.board.servers.values():
            server.over = True  # type: ignore[attr-defined]
        self.loop.end()


class Machine(RuleBasedStateMachine):
    """People, networks, a disk, and one gateway after the other."""

    def __init__(self, ledger: str) -> None:
        super().__init__()
        self.clock = Clock()
        self.disk = Disk(ledger, self.clock)
        self.networks = Networks(self.clock)
        self.browser = Browser(self.networks)
        self.notebook = Notebook()
        self.deaths = 0
        self.undisturbed = True
        """Whether neither process nor ledger has ever failed."""
        self._inserted = self.disk.inserted()
        self._inserted.__enter__()
        self.life = self._live()

    def _live(self) -> Life:
        with self.clock.rules():
            return Life(self.disk, self.clock, self.networks, self.notebook, self.browser)

    def _die(self) -> None:
        self.undisturbed = False
        with self.clock.rules():
            self.life.die()
        self.networks.forget()

    def _run(self, seconds: float) -> None:
        """Let time pass; a process that ended by itself is started again."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            with self.clock.rules():
                runs = self.life.run(end - self.clock.now)
            if not runs:
                self._die()
                self.clock.now += 1
                self.life = self._live()

    def _speak(self, chats: list[str], seconds: float) -> None:
        for chat in chats:
            self.networks.say(chat)
        self._run(seconds)

    # People

    @rule(chat=st.sampled_from(CHATS), count=st.integers(1, 3))
    def say(self, chat: str, count: int) -> None:
        """Somebody says something."""
        for _ in range(count):
            self.networks.say(chat)

    @rule()
    def all_say(self) -> None:
        """Everybody says something."""
        for chat in CHATS:
            self.networks.say(chat)

    @rule(chat=st.sampled_from(CHATS), times=st.integers(1, TRIES))
    def say_what_fails(self, chat: str, times: int) -> None:
        """Somebody says something at which the handler fails, now and then, or always."""
        text = self.networks.say(chat)
        if times == TRIES:
            self.notebook.hopeless.add(text)
        self.notebook.faults[text] = times
        self.notebook.tries[text] = min(times + 1, TRIES)

    @rule()
    def come_or_go(self) -> None:
        """The browser connects, or is closed."""
        self.browser.connected = not self.browser.connected

    # Networks

    @rule(account=st.sampled_from(ACCOUNTS), back=st.integers(1, 4))
    def tell_again(self, account: str, back: int) -> None:
        """A network repeats what it was told that we have."""
        self.networks.repeat(account, back)

    @rule(
        chat=st.sampled_from([chat for chat in CHATS if not chat.startswith(WEB)]),
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=3),
        seconds=st.sampled_from([0.5, 5.0, 40.0]),
    )
    def answer_otherwise(self, chat: str, outcomes: list[str], seconds: float) -> None:
        """The next requests do not simply succeed."""
        self.networks.plans[chat].extend(outcomes)
        self.networks.wait_seconds = seconds

    @rule(account=st.sampled_from((TELEGRAM, XMPP)), seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def flood(self, account: str, seconds: float) -> None:
        """While people speak in all its chats, a network asks for a pause."""
        self.networks.floods[account] = seconds
        self._speak([chat for chat in CHATS if account_of(chat) == account], 0.02)

    @rule(account=st.sampled_from((TELEGRAM, XMPP)), seconds=st.sampled_from([0.0, 1e-4, 0.1, 3.0]))
    def take_time(self, account: str, seconds: float) -> None:
        """A network is slow, or quick again."""
        self.networks.seconds[account] = seconds

    @rule(account=st.sampled_from((TELEGRAM, XMPP)))
    def be_offline(self, account: str) -> None:
        """Nothing reaches a network, or again it does."""
        self.networks.offline ^= {account}

    # Disk

    @rule(seconds=st.sampled_from([0.0, 1e-5, 5e-5, 0.01, 0.4]))
    def be_slow(self, seconds: float) -> None:
        """Reads and commits take time."""
        self.disk.seconds = seconds

    @rule(
        chats=WHERE, moment=MOMENTS, away=st.booleans(), seconds=st.sampled_from([1.0, 7.0, 20.0])
    )
    def fail(self, chats: list[str], moment: float, *, away: bool, seconds: float) -> None:
        """While people speak, the ledger goes away, or somebody else writes, for a while."""
        self._speak(chats, moment)
        self.undisturbed = False
        self.disk.away, self.disk.locked = away, not away
        self._run(seconds)
        self.disk.away = self.disk.locked = False

    @rule(chats=WHERE, moment=MOMENTS, count=st.integers(1, 3))
    def fail_to_commit(self, chats: list[str], moment: float, count: int) -> None:
        """While people speak, some commits fail."""
        self._speak(chats, moment)
        self.undisturbed = False
        self.disk.lost_commits = count

    # The process

    @rule(seconds=MOMENTS)
    def go_on_a_moment(self, seconds: float) -> None:
        """A few turns of the loop are done."""
        self._run(seconds)

    @rule(seconds=WHILES)
    def go_on_a_while(self, seconds: float) -> None:
        """All that can be done is done."""
        self._run(seconds)

    @rule(seconds=LONG)
    def go_on_long(self, seconds: float) -> None:
        """Everybody falls asleep."""
        self._run(seconds)

    @rule()
    def sleep(self) -> None:
        """Whoever has nothing to do falls asleep."""
        with self.clock.rules():
            self.life.sleep()

    @precondition(lambda self: self.deaths < DEATHS)
    @rule(
        chats=WHERE,
        shown=st.integers(0, 6),
        moment=st.sampled_from([0.0, 5e-6, 2e-5, 5e-5, 2e-4]),
        pause=st.sampled_from([0.0, 2.0, 30.0]),
    )
    def die(self, chats: list[str], shown: int, moment: float, pause: float) -> None:
        """People speak, and when so much was shown the process is killed; it comes again."""
        self._speak(chats, moment)
        goal = self.networks.count + shown
        for _ in range(SLICES):
            if self.networks.count >= goal:
                break
            self._run(SLICE)
        self._run(moment)
        self.deaths += 1
        self._die()
        self.clock.now += pause
        self.life = self._live()

    # The promise

    @invariant()
    def nobody_complains(self) -> None:
        """What must not happen did not."""
        assert not self.networks.wrong

    def teardown(self) -> None:
        """Without further faults everything comes to its end, and nothing is missing."""
        try:
            if self.networks.wrong:
                return
            self._come_to_the_end()
            assert complaints(self.networks, self.notebook.hopeless) == []
            assert list(counted(self.networks, self.notebook.hopeless)) == []
            self._check_what_was_handled()
        finally:
            self._die()
            self._inserted.__exit__(None, None, None)

    def _check_what_was_handled(self) -> None:
        for chat, heard in self.notebook.heard.items():
            if chat in self.networks.said:
                assert list(dict.fromkeys(heard)) == self.networks.said[chat]
            if self.undisturbed:
                tries = Counter(heard)
                assert tries == {text: self.notebook.tries[text] for text in tries}

    def _come_to_the_end(self) -> None:
        self.disk.heal()
        self.networks.heal()
        self.browser.connected = True
        seen, end = -1, self.clock.now + END
        while complaints(self.networks, self.notebook.hopeless) and self.clock.now < end:
            self._run(5)
            if self.networks.count != seen:
                seen, end = self.networks.count, self.clock.now + END
        self._run(LINGER)


@pytest.fixture
def fresh_ledger(empty_ledger: Path, tmp_path: Path) -> Iterator[Any]:
    """Makes a ledger, new each time."""
    path = tmp_path / "machine.sqlite3"
    options = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
        "transaction_mode": "IMMEDIATE",
        "timeout": 0.1,
    }
    connections.databases[ALIAS] = connections.databases["empty"] | {
        "NAME": str(path),
        "OPTIONS": options,
    }

    def make() -> str:
        for former in tmp_path.glob("machine.sqlite3*"):
            former.unlink()
        shutil.copy(empty_ledger, path)
        return ALIAS

    yield make
    del connections.databases[ALIAS]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for a few rows only, so that it is often full and the tables hold the rest."""
    for module, bounds in (
        (conversation, {"QUEUE": 4}),
        (line, {"DEPTH": 3}),
        (log, {"PAGE": 2}),
        (outbox, {"DEPTH": 3, "LINES": 2, "BROADCASTS": 1}),
        (posted, {"MOST": 3}),
    ):
        for name, bound in bounds.items():
            monkeypatch.setattr(module, name, bound)


# Who is killed before its first step leaves what it was to wait for.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.usefixtures("small_pages")
def test_nothing_is_lost_whatever_fails(fresh_ledger: Any) -> None:
    many = int(os.environ.get("GATEWAY_MACHINE", "0"))
    as_it_is = bool(os.environ.get("GATEWAY_MACHINE_AS_IT_IS"))
    layer = channel_layers.set("default", HubLayer())
    try:
        run_state_machine_as_test(
            lambda: Machine(fresh_ledger()),  # type: ignore[arg-type]
            settings=settings(
                max_examples=many or 45,
                stateful_step_count=40,
                deadline=None,
                derandomize=not many,
                database=None,
                phases=(Phase.generate,) if as_it_is else (Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        channel_layers.set("default", layer)
