"""Uploads and links, through ``gateway serve`` and through the web server alone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.delivery.server import Media as MediaOfPort
from gateway.media.links import PATH
from gateway.media.serving import Serving as Giving
from gateway.media.store import Bounds, Media
from gateway.testing.port import MemoryPort
from gateway.vocabulary.events import Attachment
from protocols.websocket.server import Server
from protocols.websocket.settings import Settings
from serving import Serving

MEBIBYTE = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(1000)
HTML = b"<!doctype html><script>alert(1)</script>"
SECONDS = 20


class Site:
    """The web server over files of its own, and a browser that has opened the page's chat."""

    def __init__(self, server: Server, media: Media, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.media = media
        self.http = http

    def url(self, path: str) -> str:
        assert self.server.address is not None
        host, port = self.server.address
        return f"http://{host}:{port}{path}"

    async def open_chat(self) -> None:
        """Get the visitor's cookie."""
        async with self.http.ws_connect(self.url("/ws/chat/")) as tab:
            await tab.receive_json()

    async def raw_upload(
        self, length: int, body: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Begin an upload of ``length`` bytes with some of them."""
        assert self.server.address is not None
        cookies = self.http.cookie_jar.filter_cookies(URL(self.url("/")))
        cookie = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in cookies.items())
        reader, writer = await asyncio.open_connection(*self.server.address)
        head = f"Host: localhost\r\nCookie: {cookie}\r\nContent-Length: {length}"
        writer.write(f"POST /media/?name=a HTTP/1.1\r\n{head}\r\n\r\n".encode() + body)
        return reader, writer

    async def upload(self, body: Any, query: str = "?name=a", **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.url(f"/media/{query}")
        async with self.http.post(url, data=body, headers=named) as answer:
            return answer.status, await answer.json()

    async def get(
        self, link: str | None, method: str = "GET", **headers: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        assert link is not None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(method, self.url(link), headers=named) as answer:
            return answer, await answer.read()

    async def link(self, body: bytes, name: str = "a", announced: str = "") -> str:
        """The link of a file with this content."""

        async def pieces() -> AsyncIterator[bytes]:
            yield body

        link = self.media.link(await self.media.keep(pieces(), "ada", name, announced))
        assert link is not None
        return link


class PortWithFiles(MemoryPort):
    """A port whose files are real."""

    media: MediaOfPort  # type: ignore[assignment]


@asynccontextmanager
async def site_over(media: Media, **given: Any) -> AsyncIterator[Site]:
    port = PortWithFiles("web:default")
    port.media = media
    port.mounts[PATH] = Giving(media)
    server = Server("web:default", Settings(port=0, close_timeout=1, **given), port)
    running = asyncio.create_task(server.run())
    try:
        await until(lambda: server.address)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            yield Site(server, media, http)
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=SECONDS)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_over(Media(tmp_path, Bounds(most=3 * MEBIBYTE))) as site:
        yield site


@pytest.fixture
async def open_site(site: Site) -> Site:
    await site.open_chat()
    return site


# Giving


async def test_a_picture_is_shown_where_it_is(site: Site) -> None:
    answer, body = await site.get(await site.link(PNG, "a b.png"))
    assert (answer.status, body) == (200, PNG)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"].startswith('inline; filename="a b.png"')


@pytest.mark.parametrize("announced", ["text/html", "image/svg+xml", "image/png", ""])
@pytest.mark.parametrize("body", [HTML, b"<svg onload='alert(1)'/>", b"<?xml version='1.0'?>"])
async def test_a_document_is_only_a_download(site: Site, body: bytes, announced: str) -> None:
    answer, _ = await site.get(await site.link(body, "a.html", announced))
    assert answer.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("body", [PNG, HTML])
async def test_no_file_is_run_in_a_browser(site: Site, body: bytes) -> None:
    answer, _ = await site.get(await site.link(body))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_part_is_given(site: Site) -> None:
    answer, body = await site.get(await site.link(PNG), Range="bytes=8-11")
    assert (answer.status, body) == (206, PNG[8:12])
    assert answer.headers["Content-Range"] == f"bytes 8-11/{len(PNG)}"


async def test_a_part_that_is_not_there_is_refused(site: Site) -> None:
    answer, _ = await site.get(await site.link(PNG), Range="bytes=9999-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(PNG)}")


async def test_a_part_of_another_file_is_the_whole(site: Site) -> None:
    headers = {"Range": "bytes=8-11", "If_Range": '"other"'}
    answer, body = await site.get(await site.link(PNG), **headers)
    assert (answer.status, body) == (200, PNG)


async def test_a_head_has_no_body(site: Site) -> None:
    answer, body = await site.get(await site.link(PNG), "HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(PNG))


async def test_what_a_browser_has_is_not_given_again(site: Site) -> None:
    link = await site.link(PNG)
    tag = (await site.get(link))[0].headers["ETag"]
    answer, _ = await site.get(link, If_None_Match=tag)
    assert answer.status == 304


async def test_an_empty_file_is_given(site: Site) -> None:
    answer, body = await site.get(await site.link(b""))
    assert (answer.status, body) == (200, b"")


async def test_a_large_file_is_given_whole(site: Site) -> None:
    content = bytes(range(256)) * (3 * MEBIBYTE // 256)
    _, body = await site.get(await site.link(content))
    assert body == content


@pytest.mark.parametrize("token", ["", "x", "AAAA", "%00", "..%2F..%2Fetc%2Fpasswd"])
async def test_a_made_up_link_leads_nowhere(site: Site, token: str) -> None:
    answer, body = await site.get(f"/media/{token}/a")
    assert (answer.status, body) == (404, b"There is no such file.\n")


async def test_a_link_ends(tmp_path: Path) -> None:
    now = [1000.0]
    media = Media(tmp_path, Bounds(link=60), clock=lambda: now[0])
    async with site_over(media) as site:
        link = await site.link(PNG)
        now[0] += 60
        answer, body = await site.get(link)
    assert (answer.status, body) == (410, b"The link has expired.\n")


async def test_a_file_that_went_is_gone(site: Site, tmp_path: Path) -> None:
    link = await site.link(PNG)
    for file in (tmp_path / "uploads").iterdir():
        file.unlink()
    answer, body = await site.get(link)
    assert (answer.status, body) == (410, b"The file is not there any more.\n")


async def test_a_file_that_cannot_be_fetched_now_is_asked_for_later(site: Site) -> None:
    async def broken(source: str) -> AsyncIterator[bytes]:
        raise ConnectionResetError
        yield b""

    site.media.open = broken
    photo: Attachment = {"kind": "photo", "source": "telegram:default/AgAC"}
    answer, _ = await site.get(site.media.link(photo))
    assert answer.status == 503
    assert answer.headers["Retry-After"]


async def test_a_link_is_only_for_reading(site: Site) -> None:
    answer, _ = await site.get(await site.link(PNG), "DELETE")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


# Uploads


async def test_a_visitor_uploads(open_site: Site) -> None:
    status, kept = await open_site.upload(PNG, "?name=../a%20b.png", Content_Type="text/html")
    assert (status, kept["name"], kept["type"], kept["size"]) == (201, "a b.png", "image/png", 1016)


async def test_an_upload_can_be_looked_at(open_site: Site) -> None:
    _, kept = await open_site.upload(PNG)
    _, body = await open_site.get(open_site.media.link(kept))
    assert body == PNG


async def test_an_upload_may_be_larger_than_another_body(open_site: Site) -> None:
    status, _ = await open_site.upload(io.BytesIO(bytes(2 * MEBIBYTE)))
    assert open_site.server.settings.max_body < 2 * MEBIBYTE
    assert status == 201


async def test_an_upload_may_not_say_how_long_it_is(open_site: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(100_000)

    status, kept = await open_site.upload(pieces())
    assert (status, kept["size"]) == (201, 1_000_000)


async def test_another_path_takes_no_larger_body(open_site: Site) -> None:
    url = open_site.url("/media/more/")
    async with open_site.http.post(url, data=io.BytesIO(bytes(2 * MEBIBYTE))) as answer:
        assert answer.status == 413


async def test_an_upload_that_is_announced_too_large_is_told_the_limit(open_site: Site) -> None:
    status, error = await open_site.upload(io.BytesIO(bytes(4 * MEBIBYTE)))
    assert (status, error) == (
        413,
        {"code": "too_large", "detail": "The file is larger than 3 MB."},
    )


async def test_an_upload_that_becomes_too_large_is_told_the_limit(open_site: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield bytes(10_000)

    status, error = await open_site.upload(pieces())
    assert (status, error["code"]) == (413, "too_large")


async def test_an_empty_upload_is_refused(open_site: Site) -> None:
    status, error = await open_site.upload(b"")
    assert (status, error["detail"]) == (403, "The file is empty.")


async def test_who_never_opened_the_chat_uploads_nothing(site: Site) -> None:
    status, error = await site.upload(PNG)
    assert (status, error["code"]) == (403, "refused")


async def test_the_page_of_somebody_else_uploads_nothing(open_site: Site) -> None:
    status, error = await open_site.upload(PNG, Origin="https://evil.example")
    assert (status, error["code"]) == (403, "refused")


async def test_a_client_that_goes_leaves_nothing(open_site: Site, tmp_path: Path) -> None:
    _, writer = await open_site.raw_upload(100_000, bytes(50_000))
    await until(lambda: list((tmp_path / "uploads").glob(".draft-*")))
    writer.close()
    await until(lambda: not list((tmp_path / "uploads").iterdir()))


async def test_an_upload_is_begun_before_it_is_here(open_site: Site, tmp_path: Path) -> None:
    _, writer = await open_site.raw_upload(100_000, b"x")
    await until(lambda: list((tmp_path / "uploads").glob(".draft-*")))
    writer.close()


async def test_what_is_not_taken_is_not_read(open_site: Site) -> None:
    """A client is held up when the file is written more slowly than it comes."""
    going = asyncio.Event()
    seen = 0

    async def slowly(pieces: AsyncIterator[bytes], *rest: str) -> Attachment:
        nonlocal seen
        await going.wait()
        async for piece in pieces:
            seen += len(piece)
        return {"kind": "document", "size": seen}

    open_site.media.keep = slowly  # type: ignore[method-assign]
    open_site.media.most = 200 * MEBIBYTE
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            yield bytes(MEBIBYTE)
            sent += 1

    uploading = asyncio.create_task(open_site.upload(flood()))
    await until_still(lambda: sent)
    assert sent < 50
    going.set()
    assert await uploading == (201, {"kind": "document", "size": 100 * MEBIBYTE})


async def test_an_upload_that_stands_still_is_given_up(tmp_path: Path) -> None:
    async with site_over(Media(tmp_path), body_timeout=0.2) as site:
        await site.open_chat()
        reader, writer = await site.raw_upload(100_000, b"x")
        async with asyncio.timeout(SECONDS):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await until(lambda: not list((tmp_path / "uploads").iterdir()))


async def until(true: Any) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - what is awaited here has no event
            await asyncio.sleep(0.01)


async def until_still(value: Any) -> None:
    """Wait until a value has stayed the same for a while."""
    async with asyncio.timeout(SECONDS):
        while True:
            before = value()
            await asyncio.sleep(0.3)
            if before == value() > 0:
                return


# The whole


async def test_a_running_gateway_takes_a_file_and_gives_it(tmp_path: Path) -> None:
    gateway = Serving(tmp_path, "[media]\nmax_megabytes = 2\n")
    browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
    async with gateway, browser:
        async with browser.ws_connect(f"{gateway.page}/ws/rooms/lobby/") as tab:
            await tab.receive_json()
        url = f"{gateway.page}/media/?name=a.png&room=lobby"
        async with browser.post(url, data=PNG) as answer:
            kept = await answer.json()
        assert answer.status == 201
        assert kept["type"] == "image/png"
        async with browser.post(f"{gateway.page}/media/?room=nowhere", data=PNG) as answer:
            assert answer.status == 403
        async with browser.get(f"{gateway.page}{link_of(tmp_path, kept)}") as answer:
            assert await answer.read() == PNG
    assert [file.name for file in (tmp_path / "media" / "uploads").iterdir()] == [
        kept["source"].partition("/")[2]
    ]


def link_of(directory: Path, kept: Attachment) -> str:
    """The link that the gateway over a directory gives of a file, by the key that it keeps."""
    from django.test import override_settings

    with override_settings(SECRET_KEY=(directory / "gateway.secret").read_text().strip()):
        link = Media(directory / "media").link(kept)
    assert link is not None
    return link
