"""A pytest plugin: Django set up as the gateway sets it up, and a simulated Bot API.

Name it in your ``conftest.py``: ``pytest_plugins = ["gateway.testing.plugin"]``. A project that
has Django settings of its own (``DJANGO_SETTINGS_MODULE``) keeps them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from gateway.testing.memory import MemoryGateway

_directory = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Configure Django over a directory of its own, before a test imports a model."""
    from django.conf import settings as django

    from gateway import settings
    from gateway.config import load

    if not django.configured:
        directory = config.stash[_directory] = tempfile.TemporaryDirectory(prefix="gateway-")
        settings.configure(load(environment={}, directory=Path(directory.name)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if _directory in config.stash:
        config.stash[_directory].cleanup()


@pytest.fixture
def gateway() -> MemoryGateway:
    """A gateway in memory, for communicators that share rooms and groups."""
    return MemoryGateway()
