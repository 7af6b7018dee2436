"""A gateway as people run it: ``gateway serve`` in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from programs import free_port

SECONDS = 60


class Serving:
    """One gateway over one directory, to be started, stopped and killed any number of times."""

    def __init__(
        self,
        directory: Path,
        configuration: str = "",
        *flags: str,
        name: str = "gateway.toml",
    ) -> None:
        self.directory = directory
        self.configuration = directory / name
        self.port = free_port()
        self.flags = flags
        self.output: list[str] = []
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(configuration)

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Serving:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        options = ["--config", str(self.configuration), "--port", str(self.port), *self.flags]
        command = [sys.executable, "-m", "gateway", "serve", *options]
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self.directory, stdout=PIPE, stderr=asyncio.subprocess.STDOUT
        )
        self.output.clear()
        ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read(ready))
        ended = asyncio.create_task(self._process.wait())
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({ended, waiting}, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        ended.cancel()
        if not ready.is_set():
            await self.kill()  # if it lives; its last words are read in any case
            raise RuntimeError("the gateway did not start:\n" + "\n".join(self.output))

    async def _read(self, ready: asyncio.Event) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.output.append(line.decode().rstrip())
            if "ready in" in self.output[-1]:
                ready.set()

    async def says(self, words: str, seconds: float = SECONDS) -> str:
        """Wait until it has printed a line with these words; the line."""
        async with asyncio.timeout(seconds):
            while True:
                for line in list(self.output):
                    if words in line:
                        return line
                await asyncio.sleep(0.05)

    async def quiet(self) -> None:
        """Wait until nothing waits to be sent: what is cut off now has no unknown outcome."""
        async with asyncio.timeout(SECONDS):
            while "waiting to be sent: 0" not in (await self.run("status"))[1]:
                pass

    async def stop(self) -> int:
        """Stop it with SIGTERM; its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int:
        """Kill it with SIGKILL."""
        return await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        assert self._reading is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        code = await asyncio.wait_for(self._process.wait(), SECONDS)
        await self._reading
        return code

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run another verb in the same directory; its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            *arguments,
            cwd=self.directory,
            stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            printed, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, printed.decode()
