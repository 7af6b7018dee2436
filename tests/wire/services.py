"""A real Redis, PostgreSQL and PgBouncer for tests: own directories and ports, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from programs import START_SECONDS, end, free_port, listening, needed, started

POSTGRES_USER = "postgres"
"""Who runs PostgreSQL where we are root, as whom it refuses to run."""


class Redis:
    """A server without persistence, to be started and stopped any number of times."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = await started(
            needed("redis-server"), *words, directory=tempfile.gettempdir()
        )
        await listening(self.port, self._process)

    async def stop(self) -> None:
        """End it; what it held is forgotten."""
        await end(self._process)
        self._process = None


class Postgres:
    """A cluster with one empty database; durable enough for a test, which needs no fsync.

    ``durable`` leaves all settings as PostgreSQL has them by default: for measuring.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self.directory = directory
        self.durable = durable
        self.port = free_port()
        self.url = f"postgres://gateway@127.0.0.1:{self.port}/postgres"
        self._process: asyncio.subprocess.Process | None = None

    async def create(self) -> None:
        """Make the cluster."""
        if os.geteuid() == 0:
            shutil.chown(self.directory, POSTGRES_USER)
        options = ["--username=gateway", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        process = await started(
            *_as_postgres(), _postgres("initdb"), "--no-sync", *options, self._data
        )
        if await process.wait() != 0:
            raise RuntimeError(f"initdb ended with exit code {process.returncode}")

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = ["-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        options += [] if self.durable else ["-F"]
        self._process = await started(
            *_as_postgres(), _postgres("postgres"), "-D", self._data, *options
        )
        await listening(self.port, self._process)
        async with asyncio.timeout(START_SECONDS):
            # It listens before it is ready, and refuses those who come too early.
            while not await self._ready():  # noqa: ASYNC110 - another program has no event
                await asyncio.sleep(0.02)

    async def _ready(self) -> bool:
        address = ("-h", "127.0.0.1", "-p", str(self.port))
        probe = await started(_postgres("pg_isready"), "--quiet", *address)
        return await probe.wait() == 0

    async def stop(self) -> None:
        """End it, without waiting for its clients."""
        await end(self._process, signal.SIGINT)
        self._process = None

    @property
    def _data(self) -> str:
        return str(self.directory / "data")


@asynccontextmanager
async def redis() -> AsyncIterator[Redis]:
    """A running Redis."""
    server = Redis()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def postgres(*, durable: bool = False, parent: str | None = None) -> AsyncIterator[Postgres]:
    """A running PostgreSQL, in a directory that its user can reach."""
    with tempfile.TemporaryDirectory(prefix="gateway-postgres-", dir=parent) as directory:
        server = Postgres(Path(directory), durable=durable)
        await server.create()
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@asynccontextmanager
async def pooler(server: Postgres) -> AsyncIterator[str]:
    """The URL of a PgBouncer whose clients get another session for each transaction."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gateway-pooler-") as directory:
        settings = _pooler_settings(Path(directory), port, server.port)
        process = await started(*_as_postgres(), needed("pgbouncer"), settings)
        try:
            await listening(port, process)
            yield f"postgres://gateway@127.0.0.1:{port}/postgres"
        finally:
            await end(process)


def _pooler_settings(directory: Path, port: int, behind: int) -> str:
    directory.chmod(0o755)
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={behind} user=gateway\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\n"
    )
    return str(settings)


def _postgres(program: str) -> str:
    """A program of the newest PostgreSQL; Debian keeps them out of the path."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{program}"),
        key=lambda path: int(path.parent.parent.name),
    )
    return str(found[-1]) if found else needed(program)


def _as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(POSTGRES_USER)
    # setpriv becomes the program it runs, so that a signal reaches the server itself.
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [needed("setpriv"), *ids]
