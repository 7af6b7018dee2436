"""The dashboard of a running gateway, in a real browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from browser import chromium
from serving import Serving
from tab import Tab

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


async def test_the_operator_signs_in_once_sees_what_is_said_and_speaks(tmp_path: Path) -> None:
    gateway = Serving(tmp_path)
    with chromium() as page:
        async with gateway, Tab(gateway.page, name="ann") as ann:
            link = re.search(r"http\S+token=\S+", await gateway.says("token="))
            assert link is not None
            await looking(page.open, link[0])
            await looking(page.wait, lambda: "/dashboard/" in page.driver.current_url, "in")
            await looking(page.wait, lambda: "connected" in page.find("#servers").text, "state")
            await ann.say(HOSTILE)
            await looking(page.shows, "#passing .said", HOSTILE)
            await looking(page.say, "hello from the operator", "#words")
            await ann.shown("hello from the operator")
            assert await looking(page.complaints) == []
            await looking(page.picture, tmp_path / "dashboard.png")
            await looking(page.open, link[0])
            assert "used or has expired" in await looking(lambda: page.find("body").text)


async def looking(look: Callable[..., Any], *arguments: Any) -> Any:
    """Use the browser beside the loop: its driver waits."""
    return await asyncio.to_thread(look, *arguments)
