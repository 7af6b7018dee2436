"""What every test finds: Django set up as the gateway sets it up, over a directory of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is, and what it draws, decides nothing: each run is as the one before.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

_directory = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Configure Django before a test module imports a model; it can be done once a process."""
    from gateway import settings
    from gateway.config import load

    directory = config.stash[_directory] = tempfile.TemporaryDirectory(prefix="gateway-tests-")
    settings.configure(load(environment={}, directory=Path(directory.name)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    config.stash[_directory].cleanup()
