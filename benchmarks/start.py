"""How long the gateway takes to answer and to start, and what it weighs at rest.

    python benchmarks/start.py [--runs 3]

``gateway --help``; ``gateway serve`` in a fresh directory (it makes its tables) and again, until
it says that it is ready, and the resident size two seconds later: with the page only, and with
Telegram (the simulated Bot API), XMPP (a Prosody of its own, in /usr/bin) and the page. Wall
clock, from the start of the process. About a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from measure import ENVIRONMENT, ROOT, print_machine, print_table, resident_kibibytes, spread

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "wire")]

from gateway.testing.botapi import BotApi  # noqa: E402
from prosody import HOST, PASSWORD, Prosody  # noqa: E402
from serving import Serving  # noqa: E402

REST_SECONDS = 2.0
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
CONFIGURATION = """
[telegram]
token = "{token}"
api_url = "{api}"
[xmpp]
jid = "bot@{host}"
password = "{password}"
host = "127.0.0.1"
port = {port}
tls = "off"
"""


@dataclass
class Starts:
    """What was seen of one way to serve."""

    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)


def seconds_to_run(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


async def start(configuration: str, starts: Starts) -> None:
    """Once in a new directory, and once more in the same."""
    with tempfile.TemporaryDirectory() as directory:
        serving = Serving(Path(directory), configuration)
        for seconds in (starts.first, starts.second):
            began = time.perf_counter()
            await serving.start()
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(REST_SECONDS)
            starts.mebibytes.append(resident_kibibytes(serving.pid) / 1024)
            await serving.stop()


async def serve(runs: int) -> dict[str, Starts]:
    found = {"page": Starts(), "three protocols": Starts()}
    with tempfile.TemporaryDirectory() as directory:
        prosody = Prosody(Path(directory))
        await prosody.start()
        try:
            async with BotApi() as api:
                api.bot(token=TOKEN)
                quoted = PASSWORD.replace('"', '\\"')
                three = CONFIGURATION.format(
                    token=TOKEN, api=api.url, host=HOST, password=quoted, port=prosody.port
                )
                for _ in range(runs):
                    await start("", found["page"])
                    await start(three, found["three protocols"])
        finally:
            await prosody.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print_machine()
    python = [seconds_to_run(sys.executable, "-c", "pass") for _ in range(options.runs)]
    shown = [seconds_to_run(sys.executable, "-m", "gateway", "--help") for _ in range(options.runs)]
    print(f"python -c pass   {spread([1000 * one for one in python], '{:.0f}')} ms")
    print(f"gateway --help   {spread([1000 * one for one in shown], '{:.0f}')} ms\n")
    rows = [
        (name, spread(one.first, "{:.2f}"), spread(one.second, "{:.2f}"), spread(one.mebibytes))
        for name, one in asyncio.run(serve(options.runs)).items()
    ]
    print_table(("gateway serve", "first ready s", "second ready s", "resident MiB"), rows)


if __name__ == "__main__":
    main()
