"""The pictures of the page in the documentation.

``PICTURES=docs/pictures python -m pytest tests/wire/test_page_pictures.py`` makes them anew; a font
with coloured emoji has to be installed for that. ``LOOKS=all`` takes narrow and dark ones too.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from browser import Page
from pictures import LOOKS, PICTURES, take

MOST = 150_000
"""Bytes of one picture."""


@pytest.mark.parametrize("look", LOOKS if os.environ.get("LOOKS") else [""])
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small(tab: Page, tmp_path: Path, name: str, look: str) -> None:
    directory = Path(os.environ.get("PICTURES") or tmp_path)
    file = directory / f"page-{name}{look}.png"
    take(tab, name, look, file)
    assert file.stat().st_size < MOST
