"""Names of files: whatever a stranger sends, it can be saved and harms nobody."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.names import LONGEST, clean_file_name, disposition


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("..", "file"),
        ("", "file"),
        (" . ", "file"),
        ("nul.txt", "file"),
        ("a\x00b\nc.txt", "a b c.txt"),
        ("invoice\u202egpj.exe", "invoice gpj.exe"),
        ('what?*"<>|:.txt', "what_______.txt"),
        (".htaccess", "htaccess"),
        ("Übung 図.pdf", "Übung 図.pdf"),
    ],
)
def test_a_name_is_made_fit(given_name: str, kept: str) -> None:
    assert clean_file_name(given_name) == kept


def test_a_long_name_keeps_its_ending() -> None:
    assert clean_file_name("x" * 500 + ".tar.gz") == "x" * (LONGEST - 3) + ".gz"


@given(st.text())
def test_no_name_leads_out_of_its_directory(text: str) -> None:
    name = clean_file_name(text)
    assert name
    assert not set(name) & set('/\\\0\n\r"')
    assert not name.startswith(".")


@given(st.text())
def test_no_name_has_characters_that_control(text: str) -> None:
    name = clean_file_name(text)
    assert not [sign for sign in name if unicodedata.category(sign) in ("Cc", "Cs")]
    assert not set(name) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@given(st.text(max_size=400))
def test_a_name_is_never_too_long(text: str) -> None:
    assert len(clean_file_name(text)) <= LONGEST


@given(st.text())
def test_a_clean_name_stays_as_it_is(text: str) -> None:
    name = clean_file_name(text)
    assert clean_file_name(name) == name


@given(st.text())
def test_a_disposition_is_one_ascii_header(text: str) -> None:
    header = disposition(clean_file_name(text), inline=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_a_disposition_names_the_file_in_every_script() -> None:
    assert disposition("Ü b.txt", inline=True) == (
        "inline; filename=\"_ b.txt\"; filename*=UTF-8''%C3%9C%20b.txt"
    )
