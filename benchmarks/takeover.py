"""How long an account is without a home when the process that has it dies or hangs.

    python benchmarks/takeover.py [--runs 5]

Two ``gateway serve`` over one ledger (SQLite, and PostgreSQL), both with the token of one bot of
the simulated Bot API. The one that polls gets SIGKILL or SIGSTOP, a person says something at the
same moment, and the time counts until the other one's answer is shown. About two minutes. Needs
PostgreSQL's programs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from measure import ROOT, percentile, print_machine, print_table, spread

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire")]

from gateway.testing.botapi import BotApi  # noqa: E402
from services import postgres  # noqa: E402
from serving import Serving  # noqa: E402

GOAL_SECONDS = 5.0
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
database = "{database}"
[telegram]
token = "{token}"
api_url = "{url}"
limits = "off"
"""
TROUBLES = {"dies": signal.SIGKILL, "hangs": signal.SIGSTOP}
LEASE_SECONDS = 3.6
"""When in the life of its lease the trouble comes is chance."""


@asynccontextmanager
async def two_gateways(api: BotApi, database: str) -> AsyncIterator[tuple[Serving, Serving]]:
    """The first of them has the account."""
    configuration = CONFIGURATION.format(database=database, token=TOKEN, url=api.url)
    with tempfile.TemporaryDirectory() as directory:
        one, two = (
            Serving(Path(directory), configuration, "--protocols", "telegram", name=name)
            for name in ("one.toml", "two.toml")
        )
        async with one, two:
            yield one, two


async def seconds_without_a_home(database: str, trouble: signal.Signals) -> float:
    async with BotApi() as api:
        bot, tom = api.bot(token=TOKEN, username="OurBot"), api.user("Tom")
        async with two_gateways(api, database) as (one, _):
            chat = api.private(tom, bot)
            await tom.says(bot, "/echo before")
            await chat.wait_for("before")
            await one.quiet()
            await asyncio.sleep(random.uniform(0, LEASE_SECONDS))
            began = time.perf_counter()
            os.kill(one.pid, trouble)
            await tom.says(bot, "/echo after")
            await chat.wait_for("after", seconds=30)
            passed = time.perf_counter() - began
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
            return passed


async def measure(runs: int) -> None:
    rows = []
    for name in ("SQLite", "PostgreSQL"):
        for words, trouble in TROUBLES.items():
            found = [await one_run(name, trouble) for _ in range(runs)]
            rows.append([name, words, spread(found, "{:.2f}"), f"{percentile(found, 100):.2f}"])
    print_table(["ledger", "the holder", "seconds", f"longest (goal {GOAL_SECONDS:.0f})"], rows)


async def one_run(name: str, trouble: signal.Signals) -> float:
    if name == "SQLite":
        return await seconds_without_a_home("sqlite:///gateway.sqlite3", trouble)
    async with postgres() as server:
        return await seconds_without_a_home(server.url, trouble)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print_machine()
    asyncio.run(measure(options.runs))
