"""``gateway`` that kills itself: a nursery that is asked for one life after another.

``python dying.py serve`` loads all that a gateway needs, and then starts one, as a fork of itself,
for each line that it reads: a point and a passage, or an empty line for an unarmed one. It prints
the new process's id, and when that has ended its exit code.

What every message passes is wrapped from outside; at the so-manieth passage the process sends
itself SIGKILL. *Before* a commit is inside the transaction, when all its statements have run;
*after* it is before anybody was told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

COMMITS = {
    "inbox": "AccountPort._record",
    "release": "AccountPort._release",
    "outbox": "_queued",
    "handled": "_handled",
    "copies": "._sent",
    "note": "AccountPort.note.<locals>.<lambda>",
    "entry": "Rooms.telling.<locals>.operation",
    "web log": "._appending.<locals>.operation",
}
"""The operation of the ledger that each commit is known by; its qualified name ends so. It may be
one of those that are carried out with a handled mark."""

POINTS = tuple(
    f"{when} {what}"
    for what in (
        *("inbox of telegram", "outbox of telegram", "handled of telegram", "copies of telegram"),
        "delivery of telegram",
        *("inbox of xmpp", "outbox of xmpp", "handled of xmpp", "copies of xmpp", "note of xmpp"),
        "release of xmpp",
        *("write of xmpp", "answer of xmpp", "offset of xmpp"),
        *("inbox of web", "handled of web", "web log of web", "offset of web"),
        *("entry of room", "handled of room"),
    )
    for when in ("before", "after")
)
"""An offset is how a network is told that we have it: XEP-0198's count, a browser's ``sent``. A
delivery begins before anything is written, and ends with the network's answer."""

HEAVY = ("daphne.http_protocol", "daphne.ws_protocol", "twisted.internet.endpoints")
"""What is imported late and can be earlier."""

Matches = Callable[..., bool]


def die(*_: Any) -> None:
    """Be gone, without a word to anybody."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_when_written() -> None:
    """Be gone once the loop has given the network what is written in this turn."""
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, die)


def arm(point: str, passage: int) -> None:
    """Die at a point, when it is passed for the so-manieth time; once Django is set up."""
    when, _, place = point.partition(" ")
    what, _, network = place.partition(" of ")
    if what in COMMITS:
        return arm_commit(COMMITS[what], network, passage, early=when == "before")
    owner, name, matches, later = moment(what, network)
    return arm_call(owner, name, matches, passage, None if when == "before" else later)


def arm_commit(operation: str, network: str, passage: int, *, early: bool) -> None:
    """Die when a batch with such an operation is committed."""
    from gateway.ledger.journal import Journal, Pending

    run, passages = Journal._run, count(1)

    def run_and_die(journal: Journal, batch: list[Pending[Any]]) -> None:
        all_of_them = [one for pending in batch for one in operations(pending)]
        found = any(name_of(one).endswith(operation) and of(network, one) for one in all_of_them)
        if not found or next(passages) != passage:
            return run(journal, batch)
        last: Pending[Any] = Pending(die, None, 0)  # type: ignore[arg-type]
        run(journal, [*batch, last] if early else batch)
        return die()

    Journal._run = run_and_die  # type: ignore[method-assign]


def operations(pending: Any) -> list[Any]:
    """An operation, and what is said with it."""
    operation = pending.operation
    return [operation, *getattr(operation, "keywords", {}).get("sends", ())]


def name_of(operation: Any) -> str:
    """What an operation is called."""
    return str(getattr(operation, "func", operation).__qualname__)


def of(network: str, operation: Any) -> bool:
    """Whether an operation is about a network; those that do not say are about any."""
    given = getattr(operation, "keywords", {})
    owner = getattr(getattr(operation, "func", None), "__self__", None)
    about = [given.get("account"), given.get("conversation"), getattr(owner, "account", None)]
    about += [getattr(one, "conversation", None) for one in getattr(operation, "args", ())]
    return next((name.startswith(network) for name in about if name), True)


def moment(what: str, network: str) -> tuple[type, str, Matches, Callable[[], None]]:
    """The call that is a moment of a message's way; and how to die right after it."""
    from slixmpp.xmlstream import XMLStream

    from protocols.telegram.server import Server
    from protocols.websocket.sockets import Socket
    from protocols.xmpp.proofs import Proof

    moments: dict[str, tuple[type, str, Matches, Callable[[], None]]] = {
        "delivery of telegram": (Server, "deliver", _anything, die),
        "write of xmpp": (XMLStream, "send_raw", partial(_writes, "<body"), die_when_written),
        "offset of xmpp": (XMLStream, "send_raw", partial(_writes, "<a xmlns"), die_when_written),
        "answer of xmpp": (Proof, "succeed", _anything, die),
        "offset of web": (Socket, "_put", _confirms, die_when_written),
    }
    return moments[f"{what} of {network}"]


def _anything(*_: Any) -> bool:
    return True


def _writes(words: str, _stream: Any, data: Any, *_: Any) -> bool:
    return words in (data if isinstance(data, str) else data.decode())


def _confirms(_socket: Any, frame: dict[str, Any]) -> bool:
    return frame["type"] == "sent"


def arm_call(
    owner: type, name: str, matches: Matches, passage: int, later: Callable[[], None] | None
) -> None:
    """Die before a call, or ``later``, after it."""
    call, passages = getattr(owner, name), count(1)

    def dying(*given: Any, **named: Any) -> bool:
        return matches(*given, **named) and next(passages) == passage

    def call_and_die(*given: Any, **named: Any) -> Any:
        if not dying(*given, **named):
            return call(*given, **named)
        if later is None:
            die()
        result = call(*given, **named)
        if asyncio.iscoroutine(result):
            return finish_and_die(result)
        assert later is not None
        later()
        return result

    setattr(owner, name, call_and_die)


async def finish_and_die(call: Any) -> None:
    """Let a request be answered, or fail, and be gone."""
    try:
        await call
    finally:
        die()


def load_everything() -> None:
    """Import and set up what each life needs, short of opening anything."""
    from gateway import place, registry, settings
    from gateway.config import load

    place.enter(Path.cwd())
    config = load()
    settings.configure(config)
    from gateway.application import load_application

    for name in registry.names():
        registry.server_class(name)
    for module in ("gateway.cli", "gateway.verbs.serve", "gateway.runner", *HEAVY):
        import_module(module)
    load_application(config.application)


def live(point: str, passage: str) -> None:
    """Be a gateway, armed or not; never returns."""
    from gateway.cli import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    print(f"--- {point or 'unarmed'} {passage}", flush=True)
    if point:
        arm(point, int(passage))
    sys.argv = ["gateway", *sys.argv[1:]]
    main()
    raise SystemExit


def nurse() -> None:
    """Start a process for each line, one after the other."""
    sys.path[0] = os.getcwd()
    load_everything()
    print("ready", flush=True)
    for line in sys.stdin:
        point, _, passage = line.strip().rpartition("/")
        pid = os.fork()
        if pid == 0:
            live(point, passage)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    nurse()
