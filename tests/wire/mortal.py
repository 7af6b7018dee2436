"""A gateway that dies and comes back, over the same ledger."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

LAUNCHER = Path(__file__).parent / "dying.py"
SECONDS = 30


class Mortal:
    """Lives that a nursery (``dying.py``) starts; what they printed is in ``gateway.log``."""

    def __init__(self, directory: Path, configuration: str, bot: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.log = directory / "gateway.log"
        (directory / "echo.py").write_text(bot)
        (directory / "gateway.toml").write_text(configuration)
        self._nursery: Process | None = None
        self._pid = 0
        self._death: asyncio.Task[int] | None = None

    async def __aenter__(self) -> Mortal:
        with self.log.open("a") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *(sys.executable, str(LAUNCHER), "serve"),
                cwd=self.directory,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
            )
        assert await self._line() == "ready", f"it cannot start, see {self.log}"
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self.kill()
        if self._death is not None:
            await self._death
        self._nursery.stdin.close()
        await asyncio.wait_for(self._nursery.wait(), SECONDS)

    async def _line(self) -> str:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        return (await self._nursery.stdout.readline()).decode().strip()

    @property
    def alive(self) -> bool:
        """Whether it lives."""
        return self._death is not None and not self._death.done()

    async def start(self, point: str = "", passage: int = 1) -> None:
        """Start it, armed with a point of ``dying`` or unarmed."""
        assert not self.alive
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(f"{point}/{passage}\n".encode())
        self._pid = int(await asyncio.wait_for(self._line(), SECONDS))
        self._death = asyncio.create_task(self._ended())

    async def _ended(self) -> int:
        return int(await self._line())

    def kill(self) -> None:
        """Kill it, without waiting for the end."""
        if self.alive:
            os.kill(self._pid, signal.SIGKILL)

    async def death(self, seconds: float) -> int:
        """Wait for its end; the exit code. Raises ``TimeoutError``."""
        assert self._death is not None
        return await asyncio.wait_for(asyncio.shield(self._death), seconds)

    async def stop(self) -> int:
        """Stop it with SIGTERM; its exit code."""
        if self.alive:
            os.kill(self._pid, signal.SIGTERM)
        return await self.death(SECONDS)
