"""``docs/capabilities.md`` is what ``python tests/test_capabilities.py`` writes."""

from __future__ import annotations

from pathlib import Path

from gateway.vocabulary.capabilities import Extensions, page_from_extensions
from protocols.telegram.places import EXTENSIONS
from protocols.websocket.guests import extensions as of_web
from protocols.xmpp import identity as xmpp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "capabilities.md"
UPLOAD = 50_000_000
"""Bytes that the XMPP server of the page takes; it says itself how many."""


def page() -> str:
    """The page as it ought to be."""
    networks: dict[str, Extensions] = {
        "Telegram": EXTENSIONS,
        "XMPP": xmpp.extensions(UPLOAD),
        "XMPP, component": xmpp.extensions(UPLOAD, puppets=True),
        "XMPP without upload": xmpp.extensions(),
        "Web": of_web(),
    }
    return page_from_extensions(networks, whole={"Web"})


def test_the_page_of_capabilities_says_what_the_code_does() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "write it anew: python tests/test_capabilities.py"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
