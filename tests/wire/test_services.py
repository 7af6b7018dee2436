"""The servers that other tests stand on do what those tests take for granted."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psycopg
from redis.asyncio import Redis as Client

from services import postgres, redis


async def test_redis_answers_and_answers_again_after_a_restart() -> None:
    async with redis() as server:
        async with Client.from_url(server.url) as first:
            await first.set("a", 1)
        await server.stop()
        await server.start()
        async with Client.from_url(server.url) as second:
            assert await second.get("a") is None


async def test_postgres_answers_and_remembers_after_a_restart() -> None:
    async with postgres() as server:
        async with await psycopg.AsyncConnection.connect(server.url) as first:
            await first.execute("CREATE TABLE remembered (a int)")
        await server.stop()
        await server.start()
        async with await psycopg.AsyncConnection.connect(server.url) as second:
            cursor = await second.execute("SELECT count(*) FROM remembered")
            assert await cursor.fetchone() == (0,)


async def test_the_tables_can_be_made_in_postgres(tmp_path: Path) -> None:
    async with postgres() as server:
        code = (
            "from pathlib import Path\n"
            "from gateway import settings\n"
            "from gateway.config import load\n"
            f"settings.configure(load(environment={{'GATEWAY_DATABASE': {server.url!r}}},"
            f" directory=Path({str(tmp_path)!r})))\n"
            "from django.core.management import call_command\n"
            "call_command('migrate', verbosity=0)\n"
            "call_command('migrate', check_unapplied=True, verbosity=0)"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        assert (process.returncode, errors.decode()) == (0, "")
