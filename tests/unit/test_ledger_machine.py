"""The ledger's queries under a process that may die at any step, over a network that may cut.

Hypothesis chooses the steps. What the process knows is gone when it dies, and what it had queued
for the ledger too; what is committed and what the network was told stay. What is said with a
handled mark is not waited for: when the ledger is away for it, nothing behind it in its chain is
carried out, and who said it begins anew.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache, partial
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db import connections
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.ledger.chain import Chain
from gateway.vocabulary.ids import room_key

pytestmark = pytest.mark.timeout(600)  # half a minute where nothing else runs

PEOPLE = ("telegram:default:1", "telegram:default:2")
MEMBER = "xmpp:default:lobby@rooms"
"""A member of the room that all people are heard in."""
ROOM = room_key("lobby")
BEFORE = [f"before {number}" for number in range(6)]
"""What the room has said in the beginning, and the member was not shown."""
PAGE = 2
"""Rows read at once: few, so that a page is often full."""

ACTIVITIES = ("receiving", "looking", "reading", "handling", "committing", "sending")
LATER = ("looking", "handling", "committing", "sending")
"""Those that make a difference when they are late, or come alone."""

ROUNDS = 1_000
"""Within so many everything comes to its end, when nothing dies."""

Told = Callable[[Any], None]


@cache
def schema() -> str:
    """The tables, as the migrations make them."""
    alias = "machine"
    connections.databases[alias] = {**connections.databases["default"], "NAME": ":memory:"}
    call_command("migrate", database=alias, verbosity=0, interactive=False)
    script = "\n".join(connections[alias].connection.iterdump())
    connections[alias].close()
    del connections[alias], connections.databases[alias]
    return script


class Store:
    """A database in memory, with what ``Rows`` asks of a connection of Django's."""

    vendor = "sqlite"
    wrap_database_errors = nullcontext()

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(schema())

    def ensure_connection(self) -> None:
        """It is there."""


class Network:
    """What people said, what of it is confirmed, and what was shown."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, str]] = []
        self.confirmed = 0
        self.said: dict[str, list[str]] = defaultdict(list)
        self.shown: dict[str, list[str]] = defaultdict(list)
        self.unknown: dict[str, str] = {}
        """What may be shown once more in a conversation, because its fate was unknown."""

    def show(self, conversation: str, text: str) -> None:
        """Show something; again only if it is excused."""
        shown = self.shown[conversation]
        assert text not in shown or self.unknown.get(conversation) == text, "a needless repeat"
        shown.append(text)
        self.unknown.pop(conversation, None)

    def lose_fates(self) -> None:
        """The process died: of each conversation, only the last message was not confirmed."""
        shown = {key: texts for key, texts in self.shown.items() if texts}
        self.unknown = {conversation: texts[-1] for conversation, texts in shown.items()}


class Write(NamedTuple):
    """What waits for the writer; ``told`` hears of the result, ``failed`` that there is none."""

    operation: Callable[[Any], Any]
    told: Told
    chain: Chain | None
    failed: Callable[[], None]


class Reader:
    """One conversation of the process: what it has in memory, and how far its handler is."""

    def __init__(self) -> None:
        self.items: list[tuple[int, str]] = []
        self.held: set[int] = set()
        self.behind = True
        self.reading = False
        self.said = 0
        self.waits = False
        self.chain = Chain()
        self.posted = 0
        """What was said with a handled mark, and is not committed."""


class Process:
    """All that is gone when it dies."""

    def __init__(self) -> None:
        self.journal: list[Write] = []
        self.readers: dict[str, Reader] = {key: Reader() for key in (*PEOPLE, MEMBER)}
        self.lines: dict[str, list[Any]] = defaultdict(list)
        self.sending: set[str] = set()
        self.behind = True
        self.looking = False
        self.polling = False


class Machine(RuleBasedStateMachine):
    """A gateway: everybody gets two answers to each message, and the room's member is shown it."""

    def __init__(self) -> None:
        super().__init__()
        from gateway.ledger import queries
        from gateway.ledger.rows import Rows

        self.queries = queries
        self.store = Store()
        self.rows = Rows(self.store)
        self.network = Network()
        self.process = Process()
        self.idle: str | None = None
        """Who handles nothing for a while."""
        queries.open_stream(self.rows, ROOM)
        queries.keep_cursor(self.rows, MEMBER, ROOM, 0)
        for text in BEFORE:
            queries.append(self.rows, ROOM, text, {"text": text}, 0.0)
        self.store.connection.commit()

    # The ledger

    def write(
        self,
        operation: Callable[[Any], Any],
        told: Told = lambda _: None,
        chain: Chain | None = None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Queue an operation, as ``Journal`` does."""
        self.process.journal.append(Write(operation, told, chain, failed))

    @precondition(lambda self: self.process.journal)
    @rule(count=st.integers(1, 4))
    def commit(self, count: int) -> None:
        """The writer commits a batch, and tells."""
        for tell in self._commit(count):
            tell()

    @precondition(lambda self: any(write.chain for write in self.process.journal))
    @rule(count=st.integers(1, 2))
    def be_away(self, count: int) -> None:
        """The ledger is away for what nobody waits for; the rest waits until it is there."""
        lost = [write for write in self.process.journal if write.chain is not None][:count]
        for write in lost:
            assert write.chain is not None
            write.chain.broken = True
            self.process.journal.remove(write)
        for write in lost:
            write.failed()

    def _commit(self, count: int) -> list[Callable[[], None]]:
        batch = self.process.journal[:count]
        del self.process.journal[:count]
        told: list[Callable[[], None]] = []
        for write in batch:
            if write.chain is not None and write.chain.broken:
                told.append(write.failed)
            else:
                told.append(partial(write.told, write.operation(self.rows)))
        self.store.connection.commit()
        return told

    # Death

    @rule()
    def die(self) -> None:
        """The process is killed, and comes again."""
        self.store.connection.rollback()
        self.process = Process()
        self.network.lose_fates()

    @precondition(lambda self: self.process.journal)
    @rule(count=st.integers(1, 4), committed=st.booleans())
    def die_at_a_commit(self, count: int, committed: bool) -> None:
        """The process is killed before or after it commits, before it tells anybody."""
        if committed:
            self._commit(count)
        else:
            for write in self.process.journal[:count]:
                if write.chain is None or not write.chain.broken:
                    write.operation(self.rows)
        self.die()

    # In

    @rule(person=st.sampled_from(PEOPLE))
    def say(self, person: str) -> None:
        """Somebody says something."""
        number = len(self.network.updates)
        self.network.updates.append((person, f"{number}"))
        self.network.said[person] += [f"{number}.0", f"{number}.1"]

    def poll(self) -> None:
        """The network gives all that is not confirmed; the next poll would confirm it."""
        updates = list(enumerate(self.network.updates))[self.network.confirmed :]
        if updates:
            self.process.polling = True
            self.write(partial(self._record, updates), partial(self._recorded, len(updates)))

    @rule()
    def deliver_again(self) -> None:
        """The network repeats what it had been told that we have."""
        confirmed = list(enumerate(self.network.updates))[: self.network.confirmed]
        self.write(partial(self._record, confirmed))

    def _record(self, updates: list[Any], rows: Any) -> list[Any]:
        return [
            (
                person,
                self.queries.record(rows, "4242", str(number), person, {"text": text}, 0.0).value(),
                text,
            )
            for number, (person, text) in updates
        ]

    def _recorded(self, count: int, found: list[Any]) -> None:
        self.network.confirmed += count
        self.process.polling = False
        for person, number, text in found:
            reader = self.process.readers[person]
            if number is None:
                continue
            if reader.behind or reader.reading:
                reader.behind = True
            else:
                self._put(reader, number, text)

    def _put(self, reader: Reader, number: int, text: str) -> None:
        if number not in reader.held:
            reader.held.add(number)
            reader.items.append((number, text))

    # Handling

    def read(self, conversation: str) -> None:
        """A conversation reads what waits in its table."""
        reader = self.process.readers[conversation]
        if reader.reading or (conversation != MEMBER and not reader.behind):
            return
        reader.behind, reader.reading = False, True
        find = self._entries if conversation == MEMBER else self._unhandled
        self.write(partial(find, conversation, set(reader.held)), partial(self._found, reader))

    def _unhandled(self, conversation: str, held: set[int], rows: Any) -> list[tuple[int, str]]:
        found = self.queries.unhandled(rows, conversation, {f"i{row}" for row in held}, PAGE)
        return [(received.id, received.event["text"]) for received in found]

    def _entries(self, conversation: str, held: set[int], rows: Any) -> list[tuple[int, str]]:
        cursor = self.queries.cursor(rows, conversation)
        assert cursor is not None
        after = max(held | {cursor[1]})
        found = self.queries.entries(rows, ROOM, after, PAGE)
        return [(seq, event["text"]) for seq, event in found]

    def _found(self, reader: Reader, found: list[tuple[int, str]]) -> None:
        reader.reading = False
        reader.behind = reader.behind or len(found) == PAGE
        for number, text in found:
            self._put(reader, number, text)

    def handle(self, conversation: str) -> None:
        """A handler does its next step: it says something, tells the room, or has done."""
        reader = self.process.readers[conversation]
        if not reader.items or reader.waits or conversation == self.idle:
            return
        number, text = reader.items[0]
        if conversation == MEMBER:
            move = partial(
                self.queries.move_cursor, conversation=MEMBER, stream=ROOM, position=number
            )
            self._done(reader, MEMBER, number, self._queueing(MEMBER, number, 0, text), move)
        elif reader.said < 2:
            self._answer(reader, conversation, number, f"{text}.{reader.said}")
        else:
            settle = partial(self.queries.settle, inbox=number)
            tell = partial(self._append, f"lobby|{conversation}|{number}", text)
            self._done(reader, conversation, number, tell, settle)

    def _answer(self, reader: Reader, conversation: str, number: int, text: str) -> None:
        """Say something and wait for it; before that, for what was said without waiting."""
        if reader.posted or reader.chain.broken:
            return
        reader.waits = True

        def queued(row: Any) -> None:
            reader.waits = False
            reader.said += 1
            self._offer(row)

        self.write(self._queueing(conversation, number, reader.said, text), queued)

    def _queueing(
        self, conversation: str, number: int, ordinal: int, text: str
    ) -> Callable[[Any], Any]:
        key = f"{conversation}|{number}|{ordinal}"
        event = {"text": text}

        def queue(rows: Any) -> Any:
            account = conversation.rpartition(":")[0]
            queued = self.queries.queue(rows, account, conversation, key, conversation, event, 0.0)
            row = queued.value()
            if row is None:
                return None
            return self.queries.Outgoing(row, conversation, conversation, event, 0)

        return queue

    def _append(self, key: str, text: str, rows: Any) -> None:
        self.queries.append(rows, ROOM, key, {"text": text}, 0.0)

    def _done(
        self,
        reader: Reader,
        conversation: str,
        number: int,
        say: Callable[[Any], Any],
        mark: Callable[[Any], Any],
    ) -> None:
        """What is said with the mark is not waited for; the next event is taken at once."""
        reader.items.pop(0)
        reader.said = 0
        reader.posted += 1
        process = self.process

        def both(rows: Any) -> Any:
            said = say(rows)
            mark(rows)
            return said

        def committed(said: Any) -> None:
            reader.posted -= 1
            self._offer(said)

        def failed() -> None:
            reader.posted -= 1
            if not reader.posted:
                process.readers[conversation] = Reader()

        self.write(both, committed, reader.chain, failed)

    # Out

    def look(self) -> None:
        """The outbox reads its table."""
        if self.process.looking:
            return
        self.process.behind = self.process.looking = True
        held = set(self._held())
        self.write(partial(self._queued, held), self._looked)

    def _held(self) -> Iterator[int]:
        for line in self.process.lines.values():
            yield from (row.id for row in line)

    def _queued(self, held: set[int], rows: Any) -> list[Any]:
        accounts = {key.rpartition(":")[0] for key in (*PEOPLE, MEMBER)}
        return [
            row
            for account in sorted(accounts)
            for conversation in self.queries.lines(rows, account, "", PAGE, broadcast=False)
            for row in self.queries.line(rows, account, conversation, PAGE + len(held))
            if row.id not in held
        ]

    def _looked(self, rows: list[Any]) -> None:
        self.process.looking = False
        self.process.behind = len(rows) >= PAGE
        for row in rows:
            if row.id not in self._held():
                self.process.lines[row.conversation].append(row)

    def _offer(self, row: Any) -> None:
        if row is None or self.process.behind:
            return  # it was said before, or it is in the table, behind others
        if row.id not in self._held():
            self.process.lines[row.conversation].append(row)

    def send(self, conversation: str, *, cut: bool = False) -> None:
        """The first of a line goes to the network; ``cut``: it is shown, and nobody says so."""
        line = self.process.lines[conversation]
        if not line or conversation in self.process.sending:
            return
        row = line[0]
        text = row.event["text"]
        self.network.show(conversation, text)
        if cut:
            self.network.unknown[conversation] = text
            return
        self.process.sending.add(conversation)
        process = self.process

        def settled(_: Any) -> None:
            process.sending.discard(conversation)
            process.lines[conversation].pop(0)

        self.write(partial(self.queries.sent, outbox=row.id, parts=1, native="1"), settled)

    # Time

    @rule(rounds=st.integers(1, 5), idle=st.sampled_from((*LATER, "")), member=st.booleans())
    def go_on(self, rounds: int, idle: str, *, member: bool) -> None:
        """All goes well for a while, but for one part, or the member, that may do nothing."""
        self.idle = None if member else MEMBER
        for _ in range(rounds):
            self._work(idle)
        self.idle = None

    @rule()
    def handle_ahead(self) -> None:
        """The member is shown a page before any of it is committed."""
        self.read(MEMBER)
        self._committing()
        for _ in range(PAGE):
            self.handle(MEMBER)

    @rule(rounds=st.integers(1, 3), activity=st.sampled_from(LATER))
    def do(self, rounds: int, activity: str) -> None:
        """One part does something, and no other."""
        for _ in range(rounds):
            getattr(self, f"_{activity}")()

    @rule(conversation=st.sampled_from((*PEOPLE, MEMBER)))
    def cut(self, conversation: str) -> None:
        """An answer of the network is lost."""
        self.send(conversation, cut=True)

    # The promise

    @invariant()
    def nothing_is_shown_out_of_order(self) -> None:
        for conversation in PEOPLE:
            first = list(dict.fromkeys(self.network.shown[conversation]))
            assert first == self.network.said[conversation][: len(first)]

    def teardown(self) -> None:
        """Without further deaths everything comes to its end, and nothing is missing."""
        for _ in range(ROUNDS):
            self._work()
            if self._all_is_done():
                break
        for person in PEOPLE:
            assert list(dict.fromkeys(self.network.shown[person])) == self.network.said[person]
        heard = [event["text"] for _, event in self.queries.entries(self.rows, ROOM, 0, 10_000)]
        assert sorted(heard[len(BEFORE) :], key=int) == [text for _, text in self.network.updates]
        assert list(dict.fromkeys(self.network.shown[MEMBER])) == heard
        self.store.connection.close()

    def _all_is_done(self) -> bool:
        rest = self.rows.one(
            "SELECT (SELECT COUNT(*) FROM gateway_inbox WHERE state = 0)"
            " + (SELECT COUNT(*) FROM gateway_outbox WHERE state = 0)"
            " + (SELECT head FROM gateway_stream) - (SELECT position FROM gateway_cursor)"
        )
        confirmed = self.network.confirmed == len(self.network.updates)
        return confirmed and not self.process.journal and rest == (0,)

    def _work(self, idle: str = "") -> None:
        for activity in ACTIVITIES:
            if activity != idle:
                getattr(self, f"_{activity}")()

    def _receiving(self) -> None:
        if not self.process.polling:
            self.poll()

    def _looking(self) -> None:
        self.look()

    def _reading(self) -> None:
        for conversation in (*PEOPLE, MEMBER):
            self.read(conversation)

    def _handling(self) -> None:
        for conversation in (*PEOPLE, MEMBER):
            self.handle(conversation)

    def _committing(self) -> None:
        while self.process.journal:
            self.commit(4)

    def _sending(self) -> None:
        for conversation in (*PEOPLE, MEMBER):
            self.send(conversation)


Machine.TestCase.settings = settings(
    max_examples=400,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
test_nothing_is_lost_whenever_the_process_dies = Machine.TestCase
