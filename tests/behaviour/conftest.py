"""A whole gateway but for its networks: a switchboard over a ledger, servers that record."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
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


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "empty.sqlite3"
    connections.databases["empty"] = {**connections.databases["default"], "NAME": str(path)}
    call_command("migrate", database="empty", verbosity=0, interactive=False)
    connections["empty"].close()
    return path


@pytest.fixture
def ledger(empty_ledger: Path, tmp_path: Path) -> Iterator[str]:
    """The alias of a ledger of the test's own."""
    path = tmp_path / "gateway.sqlite3"
    shutil.copy(empty_ledger, path)
    alias = f"ledger-{tmp_path.name}"
    connections.databases[alias] = {**connections.databases["empty"], "NAME": str(path)}
    yield alias
    connections[alias].close()
    del connections[alias]
    del connections.databases[alias]


@pytest.fixture
async def house(ledger: str) -> AsyncIterator[House]:
    """A gateway that serves once an application moved in."""
    from house import House  # its models need Django, which is configured after this file is read

    house = House(ledger)
    yield house
    await house.stop()


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
