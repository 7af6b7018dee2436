"""The parser of the stream, and a server that is hostile or broken."""

from __future__ import annotations

import pytest

from protocols.xmpp.parser import MAX_ELEMENT, MAX_HEADER, BoundedParser

OPEN = b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"
BOMB = b"<!DOCTYPE l [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>"


def fed(*chunks: bytes) -> tuple[list[str], list[str]]:
    """What the parser refused, and the tags that ended."""
    refused: list[str] = []
    parser = BoundedParser(refused.append)
    ended: list[str] = []
    for chunk in chunks:
        parser.feed(chunk)
        ended += [element.tag for event, element in parser.read_events() if event == "end"]
    return refused, ended


def test_stanzas_pass() -> None:
    assert fed(OPEN, b"<a/><b>", b"x</b>") == ([], ["a", "b"])


def test_many_stanzas_are_not_one_big_one() -> None:
    stanza = b"<a>" + b"x" * 100_000 + b"</a>"
    assert fed(OPEN, *[stanza] * 30)[0] == []


def test_an_element_without_end_is_refused() -> None:
    refused, _ = fed(OPEN, b"<a>", *[b"x" * 65_536] * (MAX_ELEMENT // 65_536 + 1))
    assert "more than" in refused[0]


@pytest.mark.parametrize(
    "chunks",
    [
        (BOMB + OPEN,),
        (b"<", BOMB[1:]),
        (BOMB.decode().encode("utf-16"),),
        (b"<?xml version='1.0' encoding='cp037'?>" + BOMB,),
        (b" " * (MAX_HEADER + 1),),
        (b"HTTP/1.1 400 Bad Request\r\n",),
    ],
)
def test_what_is_no_stream_is_refused_at_once(chunks: tuple[bytes, ...]) -> None:
    assert len(fed(*chunks)[0]) == 1


def test_broken_xml_is_refused_without_telling_what_it_was() -> None:
    [sentence] = fed(OPEN, b"<a>secret</b>")[0]
    assert "secret" not in sentence


def test_an_entity_is_refused() -> None:
    assert len(fed(OPEN, b"<a>&b;</a>")[0]) == 1


def test_after_a_refusal_nothing_is_read() -> None:
    assert fed(OPEN, b"</b>", b"<c/>")[1] == []
