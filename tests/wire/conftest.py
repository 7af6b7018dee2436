"""The browser and the chat room of the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from browser import Page
    from chatroom import Chatroom


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    """One browser for all tests of a module."""
    from browser import chromium

    with chromium() as page:
        yield page


@pytest.fixture(scope="module")
def house() -> Iterator[Chatroom]:
    """One chat room for all tests of a module, each of which lets it ``forget`` the others."""
    from chatroom import Chatroom  # Django is set up by now

    with Chatroom().serving() as chatroom:
        yield chatroom
