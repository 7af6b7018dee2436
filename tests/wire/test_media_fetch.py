"""Files fetched from servers that lie, stall, flood, and lead somewhere else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.media import fetch
from gateway.media.addresses import Networks
from gateway.media.store import Bounds, Media
from gateway.vocabulary.errors import MediaError
from gateway.vocabulary.events import Attachment
from lying import Liar

MOST = 100_000
LOOPBACK = Networks.from_names(["127.0.0.0/8"])


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with Liar() as server:
        yield server


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(tmp_path, Bounds(most=MOST, networks=LOOPBACK))


def attachment(source: str, **more: Any) -> Attachment:
    return {"kind": "photo", "source": source, **more}  # type: ignore[typeddict-item]


async def refusal(media: Media, source: str, **more: Any) -> tuple[str, bool]:
    """The code of the error that a file leads to, and whether it may be tried again."""
    with pytest.raises(MediaError) as caught:
        await media.file(attachment(source, **more))
    return caught.value.code, caught.value.again


async def test_a_file_is_fetched(liar: Liar, media: Media) -> None:
    file = await media.file(attachment(liar.gives("/a", b"hello")))
    assert file.read_bytes() == b"hello"


async def test_a_file_is_fetched_once(liar: Liar, media: Media) -> None:
    url = liar.gives("/a", b"hello")
    for _ in range(3):
        await media.file(attachment(url))
    assert liar.asked == ["/a"]


async def test_those_who_want_a_file_at_one_time_share_it(liar: Liar, media: Media) -> None:
    url = liar.gives("/a", b"hello")
    await asyncio.gather(*(media.file(attachment(url)) for _ in range(5)))
    assert liar.asked == ["/a"]


async def test_who_gives_up_takes_the_file_from_nobody(liar: Liar, media: Media) -> None:
    going = asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        await going.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    liar.answers["/a"] = answer
    impatient = asyncio.create_task(media.file(attachment(liar.url("/a"))))
    patient = asyncio.create_task(media.file(attachment(liar.url("/a"))))
    await asyncio.wait_for(liar.once_asked.wait(), 10)
    impatient.cancel()
    going.set()
    assert (await patient).read_bytes() == b"hello"


async def test_a_file_of_a_former_life_is_not_fetched_again(liar: Liar, tmp_path: Path) -> None:
    url = liar.gives("/a", b"hello")
    for _ in range(2):
        await Media(tmp_path, Bounds(networks=LOOPBACK)).file(attachment(url))
    assert liar.asked == ["/a"]


async def test_the_least_recently_used_file_goes(liar: Liar, tmp_path: Path) -> None:
    times = iter(range(1, 1000))
    bounds = Bounds(cache=25, networks=LOOPBACK)
    media = Media(tmp_path, bounds, clock=lambda: float(next(times)))
    urls = [liar.gives(f"/{name}", name.encode() * 10) for name in "abc"]
    for url in [urls[0], urls[1], urls[0], urls[2]]:
        await media.file(attachment(url))
    kept = sorted(file.read_bytes()[:1] for file in (tmp_path / "cache").iterdir())
    assert kept == [b"a", b"c"]


async def test_what_is_announced_as_too_large_is_not_asked_for(liar: Liar, media: Media) -> None:
    url = liar.gives("/a", b"hello")
    assert await refusal(media, url, size=MOST + 1) == ("too_large", False)
    assert liar.asked == []


async def test_what_its_server_calls_too_large_is_not_read(liar: Liar, media: Media) -> None:
    url = liar.says("/a", f"200 OK\nContent-Length: {MOST + 1}")
    assert await refusal(media, url) == ("too_large", False)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_file_without_end_is_not_read_to_it(
    liar: Liar, media: Media, chunked: bool, tmp_path: Path
) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        lines = b"Transfer-Encoding: chunked\r\n" if chunked else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")
        while True:
            piece = bytes(10_000)
            writer.write(b"2710\r\n" + piece + b"\r\n" if chunked else piece)
            await writer.drain()
            sent += 10_000

    liar.answers["/a"] = flood
    assert await refusal(media, liar.url("/a")) == ("too_large", False)
    assert not list((tmp_path / "cache").iterdir())
    assert sent < 100 * MOST


async def test_more_than_was_announced_is_not_taken(liar: Liar, media: Media) -> None:
    url = liar.says("/a", "200 OK\nContent-Length: 5", b"hello and much more")
    with contextlib.suppress(MediaError):  # or taken for no file, as what came makes it
        assert (await media.file(attachment(url))).read_bytes() == b"hello"


async def test_less_than_was_announced_is_no_file(liar: Liar, media: Media, tmp_path: Path) -> None:
    url = liar.says("/a", "200 OK\nContent-Length: 50", b"hello")
    assert await refusal(media, url) == ("gone", True)
    assert not list((tmp_path / "cache").iterdir())


async def test_what_is_compressed_is_not_unpacked(liar: Liar, media: Media) -> None:
    bomb = gzip.compress(bytes(10 * MOST))
    head = f"200 OK\nContent-Encoding: gzip\nContent-Length: {len(bomb)}"
    assert await refusal(media, liar.says("/a", head, bomb)) == ("refused", False)


async def test_nothing_compressed_is_asked_for(liar: Liar, media: Media) -> None:
    await media.file(attachment(liar.gives("/a", b"hello")))
    assert b"\r\nAccept-Encoding: identity\r\n" in liar.heads[0]


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        ("404 Not Found", "gone", False),
        ("410 Gone", "gone", False),
        ("403 Forbidden", "refused", False),
        ("206 Partial Content", "refused", False),
        ("429 Too Many Requests", "gone", True),
        ("503 Service Unavailable", "gone", True),
    ],
)
async def test_an_answer_says_whether_to_ask_again(
    liar: Liar, media: Media, status: str, code: str, again: bool
) -> None:
    url = liar.says("/a", f"{status}\nContent-Length: 0")
    assert await refusal(media, url) == (code, again)


async def test_a_file_that_is_gone_is_not_asked_for_again_at_once(liar: Liar, media: Media) -> None:
    url = liar.says("/a", "404 Not Found\nContent-Length: 0")
    for _ in range(3):
        assert await refusal(media, url) == ("gone", False)
    assert liar.asked == ["/a"]


async def test_what_did_not_work_may_work_later(liar: Liar, media: Media) -> None:
    assert await refusal(media, liar.says("/a", "503 Busy\nContent-Length: 0")) == ("gone", True)
    assert await media.file(attachment(liar.gives("/a", b"hello")))


async def test_a_server_that_does_not_listen_may_later(liar: Liar, media: Media) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert await refusal(media, url) == ("gone", True)


async def test_a_server_that_never_answers_is_left(
    liar: Liar, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", aiohttp.ClientTimeout(total=5, sock_read=0.2))
    assert await refusal(media, liar.url("/silence")) == ("gone", True)


async def test_what_is_no_http_is_no_file(liar: Liar, media: Media) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")

    liar.answers["/a"] = answer
    assert await refusal(media, liar.url("/a")) == ("gone", True)


# Where it leads


async def test_a_near_address_is_not_asked(liar: Liar, tmp_path: Path) -> None:
    media = Media(tmp_path)
    liar.gives("/a", b"secret")
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0"):
        source = liar.url("/a", host).replace("http:", "https:")
        assert await refusal(media, source) == ("refused", False), host
    assert liar.asked == []


async def test_without_tls_only_an_allowed_network_is_asked(liar: Liar, tmp_path: Path) -> None:
    assert await refusal(Media(tmp_path), liar.gives("/a", b"x")) == ("refused", False)


async def test_a_redirect_is_followed(liar: Liar, media: Media) -> None:
    liar.gives("/b", b"hello")
    url = liar.says("/a", "302 Found\nLocation: /b\nContent-Length: 0")
    assert (await media.file(attachment(url))).read_bytes() == b"hello"


@pytest.mark.parametrize(
    "target",
    [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "https://[fe80::1]/",
        "file:///etc/passwd",
        "https://user:secret@example.org/",
        "https://example.org:22/",
    ],
)
async def test_a_redirect_leads_nowhere_else(liar: Liar, media: Media, target: str) -> None:
    url = liar.says("/a", f"302 Found\nLocation: {target}\nContent-Length: 0")
    assert await refusal(media, url) == ("refused", False)


async def test_redirects_end(liar: Liar, media: Media) -> None:
    for number in range(9):
        head = f"302 Found\nLocation: /{number + 1}\nContent-Length: 0"
        liar.says(f"/{number}", head)
    assert await refusal(media, liar.url("/0")) == ("refused", False)
    assert liar.asked == ["/0", "/1", "/2", "/3"]


async def test_it_is_the_address_behind_a_name_that_is_checked(
    liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is connected to, so that a name may mean anything at any moment (DNS rebinding)."""
    near = {"host": "127.0.0.1", "port": liar.port, "family": socket.AF_INET}

    async def resolve(*args: object, **options: object) -> list[dict[str, Any]]:
        return [{"hostname": "rebinding.example", "proto": 0, "flags": 0, **near}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    source = f"https://rebinding.example:{liar.port}/a"
    assert await refusal(Media(tmp_path), source) == ("refused", False)
    assert liar.asked == []


# The files of accounts, of applications and of nobody


async def test_a_file_of_an_account_is_opened_by_its_server(media: Media) -> None:
    async def opened(source: str) -> AsyncIterator[bytes]:
        yield b"opened "
        yield source.encode()

    media.open = opened
    file = await media.file(attachment("telegram:default/AgAC"))
    assert file.read_bytes() == b"opened telegram:default/AgAC"


async def test_what_breaks_in_an_accounts_server_is_tried_again(media: Media) -> None:
    async def broken(source: str) -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    media.open = broken
    assert await refusal(media, "telegram:default/AgAC") == ("gone", True)


async def test_what_an_accounts_server_refuses_is_refused(media: Media) -> None:
    async def refusing(source: str) -> AsyncIterator[bytes]:
        raise MediaError("too_large", "Bots fetch no more than 20 MB.")
        yield b""

    media.open = refusing
    assert await refusal(media, "telegram:default/AgAC") == ("too_large", False)


async def test_the_file_of_an_application_is_taken_as_it_is(media: Media, tmp_path: Path) -> None:
    own = tmp_path / "own.bin"
    own.write_bytes(bytes(MOST + 1))
    assert await media.file(attachment(f"file:{own}")) == own


async def test_a_file_that_an_application_only_names_is_gone(media: Media) -> None:
    assert await refusal(media, "file:/nonexistent") == ("gone", False)


async def test_what_nobody_knows_is_refused(media: Media) -> None:
    assert await refusal(media, "../../etc/passwd") == ("refused", False)


async def test_an_attachment_without_a_file_is_no_question(media: Media) -> None:
    with pytest.raises(ValueError, match="no file"):
        await media.file({"kind": "location"})


# Uploads


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_an_upload_is_kept_and_found(media: Media) -> None:
    kept = await media.keep(pieces(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(50)), "ada", "a/b.png")
    assert kept == {
        "kind": "photo",
        "source": kept["source"],
        "name": "b.png",
        "type": "image/png",
        "size": 66,
    }
    assert (await media.file(kept)).stat().st_size == 66


async def test_an_upload_that_is_too_large_leaves_nothing(media: Media, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="larger than"):
        await media.keep(pieces(bytes(MOST), b"x"), "ada", "a")
    assert not list((tmp_path / "uploads").iterdir())


async def test_an_upload_that_breaks_off_leaves_nothing(media: Media, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise MediaError("gone", "The client went.")

    with pytest.raises(MediaError):
        await media.keep(broken(), "ada", "a")
    assert not list((tmp_path / "uploads").iterdir())


async def test_uploads_end_where_there_is_no_room(tmp_path: Path) -> None:
    media = Media(tmp_path, Bounds(cache=10))
    await media.keep(pieces(bytes(10)), "ada", "a")
    with pytest.raises(MediaError, match="no room"):
        await media.keep(pieces(b"x"), "bob", "b")


async def test_an_upload_is_taken_away_after_its_days(tmp_path: Path) -> None:
    now = [1000.0]
    media = Media(tmp_path, Bounds(keep=100), clock=lambda: now[0])
    kept = await media.keep(pieces(b"hello"), "ada", "a")
    made = (await media.file(kept)).stat().st_mtime
    assert await media.tidy(made + 99) == 0
    assert await media.tidy(made + 101) == 1
    with pytest.raises(MediaError, match="not there any more"):
        await media.file(kept)


async def test_what_was_never_finished_is_taken_away(media: Media, tmp_path: Path) -> None:
    draft = tmp_path / "cache" / ".draft-0"
    draft.parent.mkdir()
    draft.write_bytes(b"half")
    await media.tidy(draft.stat().st_mtime + 4000)
    assert not draft.exists()
