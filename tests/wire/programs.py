"""Programs that tests start: where they are, on which port they listen, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
from itertools import islice
from pathlib import Path

PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections: one of these could be taken meanwhile."""

START_SECONDS = 60
"""Where fifteen programs want two cores an ejabberd was seen to need more than twenty."""

STOP_SECONDS = 30


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many of them; none is given twice, though it may not be in use yet."""
    return list(islice(filter(_is_free, _drawn), count))


_drawn = iter(random.sample(PORTS, len(PORTS)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def needed(program: str) -> str:
    """Where a program is; a test that cannot run fails."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"{program} is needed for this test: sh tests/packages.sh")
    return found


async def started(
    *command: str, directory: str | Path = "/", **environment: str
) -> asyncio.subprocess.Process:
    """A program at work, whose words nobody reads."""
    nothing = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env=os.environ | environment,
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
    )


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until something takes connections on a port, or the process has ended."""
    async with asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
    raise RuntimeError(f"the server ended with exit code {process.returncode}")


async def end(
    process: asyncio.subprocess.Process | None, number: signal.Signals = signal.SIGTERM
) -> None:
    """End a program, in order if it can; one that never began has ended."""
    if process is None or process.returncode is not None:
        return
    process.send_signal(number)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
