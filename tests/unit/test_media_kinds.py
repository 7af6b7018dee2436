"""What a file is, and where one may be from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.kinds import INLINE, UNKNOWN, kind_of_type, plain_type, type_from_content
from gateway.media.sources import (
    account_of_source,
    check_sources,
    is_url,
    local_path,
    source_of_upload,
    upload_id,
)

NOTHING = bytes(64)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + NOTHING
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + NOTHING
GIF = b"GIF89a" + NOTHING
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + NOTHING
WAV = b"RIFF\x10\0\0\0WAVEfmt " + NOTHING
MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + NOTHING
M4A = b"\0\0\0\x20ftypM4A \0\0\2\0isomiso2" + NOTHING
WEBM = (
    b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + NOTHING
)
OGG = b"OggS\0\2" + bytes(22) + b"OpusHead" + NOTHING
PDF = b"%PDF-1.7\n" + NOTHING
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.mark.parametrize(
    ("head", "announced", "found"),
    [
        (PNG, None, "image/png"),
        (PNG, "text/html", "image/png"),
        (JPEG, "image/png", "image/jpeg"),
        (GIF, "image/gif", "image/gif"),
        (WEBP, None, "image/webp"),
        (WAV, None, "audio/wav"),
        (MP4, None, "video/mp4"),
        (MP4, "audio/mp4", "audio/mp4"),
        (M4A, None, "audio/mp4"),
        (WEBM, None, "video/webm"),
        (WEBM, "audio/webm", "audio/webm"),
        (OGG, None, "audio/ogg"),
        (PDF, None, "application/pdf"),
        (b"hello", "text/plain; charset=utf-8", "text/plain"),
        (b"hello", None, UNKNOWN),
        (b"hello", "image/png", UNKNOWN),
        (b"", None, UNKNOWN),
    ],
)
def test_the_content_decides(head: bytes, announced: str | None, found: str) -> None:
    assert type_from_content(head, announced) == found


@pytest.mark.parametrize("head", [HTML, SVG, b"\xef\xbb\xbf" + HTML, b"\n\n" + SVG, b"hello"])
@pytest.mark.parametrize("announced", [None, "image/png", "image/jpeg", "video/mp4"])
def test_what_could_hold_a_script_is_never_shown(head: bytes, announced: str | None) -> None:
    assert type_from_content(head, announced) not in INLINE


@given(st.binary(max_size=200), st.text())
def test_every_file_has_a_type(head: bytes, announced: str) -> None:
    assert plain_type(type_from_content(head, announced))


@given(st.text(), st.text())
def test_a_type_is_one_word_of_ascii(first: str, second: str) -> None:
    name = plain_type(f"{first}/{second}")
    assert name.isascii()
    assert not set(name) & set(' \n\r";,')


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("image/png", "photo"),
        ("image/gif", "animation"),
        ("video/mp4", "video"),
        ("audio/ogg", "audio"),
        ("image/svg+xml", "document"),
        ("application/pdf", "document"),
    ],
)
def test_a_type_makes_a_kind_of_attachment(name: str, kind: str) -> None:
    assert kind_of_type(name) == kind


# Sources

UPLOAD = source_of_upload("A" * 22)


@pytest.mark.parametrize(
    ("source", "account"),
    [
        ("telegram:default/AgAC", "telegram:default"),
        ("telegram:shop-1/a/b:c", "telegram:shop-1"),
        ("https://example.org/x", None),
        ("file:/etc/passwd", None),
        ("file:///etc/passwd", None),
        (UPLOAD, None),
        ("telegram:default/", None),
        ("", None),
    ],
)
def test_a_source_may_name_an_account(source: str, account: str | None) -> None:
    assert account_of_source(source) == account


@pytest.mark.parametrize(
    "source",
    [
        f"{UPLOAD}/../../secret",
        f"{UPLOAD}\n",
        source_of_upload("../../../../etc/passwd"),
        source_of_upload("." * 22),
        "file:/etc/passwd",
        f"https://example.org/{UPLOAD}",
    ],
)
def test_only_an_id_is_an_upload(source: str) -> None:
    assert upload_id(source) is None


def test_an_upload_is_known_by_its_id() -> None:
    assert upload_id(UPLOAD) == "A" * 22


def naming(source: str) -> dict[str, Any]:
    return {"type": "web.message", "attachments": [{"kind": "photo", "source": source}]}


@pytest.mark.parametrize(
    "source",
    [
        "file:/etc/passwd",
        "file:///etc/passwd",
        "/etc/passwd",
        "telegram:default/AgAC",
        "telegram:other/AgAC",
        f"{UPLOAD}/..",
    ],
)
def test_a_visitor_names_no_file_of_the_machine_or_of_another_network(source: str) -> None:
    with pytest.raises(ValueError, match="not its own"):
        check_sources(naming(source), "web:default")


@pytest.mark.parametrize("source", [UPLOAD, "https://example.org/x", "telegram:default/AgAC"])
def test_a_network_names_addresses_uploads_and_files_of_its_own(source: str) -> None:
    check_sources(naming(source), "telegram:default")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("file:/tmp/a b%20c", Path("/tmp/a b%20c")),
        ("file:///tmp/a%20b", Path("/tmp/a b")),
        ("https://example.org/", None),
    ],
)
def test_a_local_file_is_named_by_its_path(source: str, path: Path | None) -> None:
    assert local_path(source) == path


def test_only_addresses_of_the_web_are_urls() -> None:
    assert [is_url(one) for one in ("https://x/", "http://x/", "ftp://x/", UPLOAD)] == [
        True,
        True,
        False,
        False,
    ]
