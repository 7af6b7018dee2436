"""``gateway`` that kills itself: ``python dying.py "before inbox" 3 serve ...``.

It wraps, from outside, what every message passes, and sends itself SIGKILL at the so-manieth
passage. *Before* a commit is inside the transaction, when all its statements have run; *after* it
is before anybody was told.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import Any

from gateway import settings
from gateway.cli import main

COMMITS = {
    "inbox": "AccountPort._record",
    "outbox": "_queued",
    "handled": "_handled",
    "outcome": "Outbox._sent",
}
"""The operation of the ledger that each commit is known by."""

POINTS = (
    *(f"{when} {commit}" for commit in COMMITS for when in ("before", "after")),
    "before write",
    "after answer",
)


def die(*_: Any) -> None:
    """Be gone, without a word to anybody."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, passage: int) -> None:
    """Die at a point, when it is passed for the so-manieth time; once Django is set up."""
    when, _, what = point.partition(" ")
    if what in COMMITS:
        arm_commit(COMMITS[what], passage, early=when == "before")
    else:
        arm_request(passage, early=when == "before")


def arm_commit(operation: str, passage: int, *, early: bool) -> None:
    """Die when a batch with such an operation is committed."""
    from gateway.ledger.journal import Journal, Pending

    run, passages = Journal._run, count(1)

    def run_and_die(journal: Journal, batch: list[Pending[Any]]) -> None:
        if operation not in map(name_of, batch) or next(passages) != passage:
            return run(journal, batch)
        last: Pending[Any] = Pending(die, None, 0)  # type: ignore[arg-type]
        run(journal, [*batch, last] if early else batch)
        return die()

    Journal._run = run_and_die  # type: ignore[method-assign]


def name_of(pending: Any) -> str:
    """What an operation is called."""
    operation = getattr(pending.operation, "func", pending.operation)
    return str(operation.__qualname__)


def arm_request(passage: int, *, early: bool) -> None:
    """Die around a request that shows something: before it is written, or after its answer."""
    from protocols.telegram.request import Request

    request, passages = Request.do_request, count(1)

    async def request_and_die(pool: Request, **given: Any) -> Any:
        dying = given["url"].endswith("sendMessage") and next(passages) == passage
        if dying and early:
            die()
        try:
            return await request(pool, **given)
        finally:
            if dying:
                die()

    Request.do_request = request_and_die  # type: ignore[method-assign]


def main_with_arms(point: str, passage: str, *arguments: str) -> None:
    """Run the gateway's command line, armed as soon as its modules can be loaded."""
    configure = settings.configure

    def configure_and_arm(*given: Any) -> None:
        configure(*given)
        arm(point, int(passage))

    settings.configure = configure_and_arm
    sys.path[0] = os.getcwd()
    sys.argv = ["gateway", *arguments]
    main()


if __name__ == "__main__":
    main_with_arms(*sys.argv[1:])
