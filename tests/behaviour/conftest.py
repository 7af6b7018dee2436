"""A whole gateway but for its networks: a switchboard over a ledger, servers that record."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections

from gateway.testing import TelegramCommunicator, WebCommunicator, XmppCommunicator
from gateway.vocabulary.events import Author

if TYPE_CHECKING:
    from house import House

PLACES = {
    "telegram": ("telegram:default:1", "telegram:default:-5"),
    "xmpp": ("xmpp:default:alice@example.org", "xmpp:default:lobby@conference.example.org"),
    "web": ("web:default:~alice", "web:default:den"),
}

ON_BOTH = (
    "test_changes",
    "test_deaths",
    "test_held",
    "test_moves",
    "test_notes",
    "test_outbox",
    "test_parking",
    "test_rooms",
)
"""Modules whose tests run over SQLite and over PostgreSQL: they rest on the ledger's queries."""

_numbers = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what rests on the ledger's queries over each database."""
    if "ledger" in metafunc.fixturenames and metafunc.module.__name__ in ON_BOTH:
        metafunc.parametrize("ledger", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "empty.sqlite3"
    connections.databases["empty"] = {**connections.databases["default"], "NAME": str(path)}
    call_command("migrate", database="empty", verbosity=0, interactive=False)
    connections["empty"].close()
    return path


@pytest.fixture(scope="session")
def cluster() -> Iterator[dict[str, Any]]:
    """A PostgreSQL with our tables; its settings for Django."""
    from services import postgres

    with asyncio.Runner() as runner:
        running = postgres()
        server = runner.run(running.__aenter__())
        parsed: Any = dj_database_url.parse(server.url)
        database = {**connections.databases["default"], "OPTIONS": {}, **parsed}
        connections.databases["cluster"] = database
        try:
            call_command("migrate", database="cluster", verbosity=0, interactive=False)
            yield database
        finally:
            connections["cluster"].close()
            runner.run(running.__aexit__(None, None, None))


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[str]:
    """The alias of a ledger of the test's own: SQLite, but for modules ``ON_BOTH``."""
    on_postgres = getattr(request, "param", "sqlite") == "postgres"
    alias = f"ledger-{next(_numbers)}"
    connections.databases[alias] = request.getfixturevalue(
        "emptied_postgres" if on_postgres else "sqlite_copy"
    )
    yield alias
    connections[alias].close()
    del connections[alias]
    del connections.databases[alias]


@pytest.fixture
def sqlite_copy(empty_ledger: Path, tmp_path: Path) -> dict[str, Any]:
    """The settings of an empty SQLite ledger."""
    path = tmp_path / "gateway.sqlite3"
    shutil.copy(empty_ledger, path)
    return {**connections.databases["empty"], "NAME": str(path)}


@pytest.fixture
def emptied_postgres(cluster: dict[str, Any]) -> dict[str, Any]:
    """The settings of a PostgreSQL ledger: one for all, because to make one takes a second."""
    models = apps.get_app_config("gateway_ledger").get_models()
    with connections["cluster"].cursor() as cursor:
        cursor.execute("; ".join(f"DELETE FROM {model._meta.db_table}" for model in models))
    return cluster


@pytest.fixture
async def house(ledger: str) -> AsyncIterator[House]:
    """A gateway that serves once an application moved in."""
    from house import House  # its models need Django, which is configured after this file is read

    house = House(ledger)
    yield house
    await house.stop(1.0)  # what is held up may be for ever


@pytest.fixture(params=list(PLACES))
def protocol(request: pytest.FixtureRequest) -> str:
    """One protocol after the other."""
    return str(request.param)


@pytest.fixture
def private(protocol: str) -> str:
    """A conversation with one person."""
    return PLACES[protocol][0]


@pytest.fixture
def group(protocol: str) -> str:
    """A conversation with several."""
    return PLACES[protocol][1]


@pytest.fixture
def tom(protocol: str) -> Author:
    """Somebody else than the one who speaks if nobody is named."""
    people: dict[str, Any] = {
        "telegram": TelegramCommunicator.person(7, "Tom"),
        "xmpp": XmppCommunicator.person("tom@example.org", "Tom"),
        "web": WebCommunicator.person("tom", "Tom"),
    }
    author: Author = people[protocol]
    return author
