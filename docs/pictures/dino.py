"""Dino, an XMPP client of other people's, on a screen that nobody sees."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Self

SECONDS = 30
DISPLAY = ":77"


class Dino:
    """One account in one window, as large as the screen."""

    def __init__(self, home: Path, jid: str, password: str, size: tuple[int, int]) -> None:
        self._account = (jid, password)
        self._size = size
        self._processes: list[Process] = []
        self._home = home
        self._database = home / "data" / "dino" / "dino.db"
        folders = {"DATA_HOME": "data", "CONFIG_HOME": "config", "CACHE_HOME": "cache"}
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "DISPLAY": DISPLAY,
            "GDK_BACKEND": "x11",
            "GSK_RENDERER": "cairo",
            "GIO_USE_NETWORK_MONITOR": "base",  # else loopback alone is no network
            "XDG_RUNTIME_DIR": str(home),
            **{f"XDG_{name}": str(home / folder) for name, folder in folders.items()},
        }

    async def __aenter__(self) -> Self:
        """Start it twice: it makes its database, and then it finds an account in there."""
        self._home.mkdir(mode=0o700)
        width, height = self._size
        await self._run("Xvfb", DISPLAY, "-screen", "0", f"{width}x{height}x24", "-noreset")
        await until(Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists, "the screen")
        first = await self._run("dbus-run-session", "--", "dino-im")
        await until(lambda: self._number("select count(*) from settings") > 0, "the database")
        await end(first)
        self._set_up()
        await self._run("dbus-run-session", "--", "dino-im")
        await self.counts("conversation", 1)
        return self

    async def __aexit__(self, *error: object) -> None:
        for process in reversed(self._processes):
            await end(process)

    async def _run(self, *command: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self._environment,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    async def _tool(self, *command: str) -> None:
        process = await self._run(*command)
        await asyncio.wait_for(process.wait(), SECONDS)

    def _set_up(self) -> None:
        account = (
            "insert into account (bare_jid, resourcepart, password, alias, enabled,"
            " roster_version, mam_earliest_synced) values (?, 'dino', ?, 'Alice', 1, '', 0)"
        )
        size = "insert or replace into settings (key, value) values (?, ?)"
        with closing(sqlite3.connect(self._database)) as database, database:
            database.execute(account, self._account)
            for key, pixels in zip(("window_width", "window_height"), self._size, strict=True):
                database.execute(size, (key, pixels))

    def _number(self, query: str, *values: str) -> int:
        """The number that its database answers; 0 while there is none."""
        if not self._database.exists():
            return 0
        try:
            with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
                return int(database.execute(query, values).fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    async def counts(self, table: str, count: int) -> None:
        """Wait until it has so many: a ``reaction``, a ``file_transfer``."""
        query = f"select count(*) from {table}"
        await until(lambda: self._number(query) >= count, f"{count} of {table} in Dino")

    async def shown(self, text: str) -> None:
        """Wait until it has a message with these words."""
        query = "select count(*) from message where instr(body, ?)"
        await until(lambda: self._number(query, text) > 0, f"{text!r} in Dino")

    async def say(self, text: str) -> None:
        """Type into its window."""
        await self._tool("xdotool", "type", "--delay", "12", text)
        await self._tool("xdotool", "key", "Return")

    async def picture(self, path: Path) -> None:
        """Take a screenshot, when it has drawn what it knows, and points at no message."""
        for height in (self._size[1] // 3, 120, 25):
            await self._tool("xdotool", "mousemove", "150", str(height))
            await asyncio.sleep(0.3)
        await asyncio.sleep(3)
        await self._tool("import", "-window", "root", str(path))


async def end(process: Process) -> None:
    """End a process, with those that it started."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGTERM)
        await process.wait()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    for _ in range(SECONDS * 10):
        if condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never: {what}")
