"""What remote people are called, and how what they say is sealed."""

from __future__ import annotations

import re
import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.component.address import (
    attributes_of,
    identified,
    sent_from,
    with_element,
    without_namespace,
)
from protocols.xmpp.component.names import (
    jid_from_author,
    local_from_author,
    named,
    nicks_from_name,
)
from protocols.xmpp.component.seal import Seal
from protocols.xmpp.stanzas import stanza_from_event
from protocols.xmpp.text import attribute_from_text

IDS = st.one_of(
    st.text(),
    st.from_regex(r"[a-z]{1,8}:[a-zA-Z0-9~@/:.&'\"<> \\-]{0,130}", fullmatch=True),
)
SAFE = re.compile(r"[^\s\"&'/:<>@]{1,1023}")
"""RFC 7622, 3.3.1, as far as ASCII goes."""


def test_an_author_has_a_readable_jid() -> None:
    jid = jid_from_author("telegram:42", "bridge.example.org")
    assert jid == r"telegram\3a42@bridge.example.org/gateway"


@given(IDS)
def test_every_author_has_a_jid_that_servers_leave_as_it_is(author: str) -> None:
    local = local_from_author(author)
    assert SAFE.fullmatch(local)
    assert local.isascii()
    assert local == local.lower()


@given(IDS, IDS)
def test_no_two_authors_share_a_jid(one: str, other: str) -> None:
    assert (local_from_author(one) == local_from_author(other)) == (one == other)


@given(IDS)
def test_nobody_is_the_bot(author: str) -> None:
    assert local_from_author(author) != "bot"


@pytest.mark.parametrize("ids", [("web:~Ab", "web:~aB"), ("web:~a b", r"web:~a\20b")])
def test_authors_whom_servers_would_confuse_are_apart(ids: tuple[str, str]) -> None:
    assert local_from_author(ids[0]).lower() != local_from_author(ids[1]).lower()


def test_a_name_is_tried_as_it_is_and_then_with_its_network() -> None:
    nicks = nicks_from_name("Ada", "telegram", "telegram:1")
    assert nicks[:3] == ["Ada", "Ada (telegram)", "Ada (telegram) 2"]


def test_nobody_takes_the_suffix_of_a_network() -> None:
    assert nicks_from_name("Ada (web)", "telegram", "telegram:1")[0] == "Ada [web]"


@given(st.text(), IDS)
def test_every_nick_can_be_shown(name: str, author: str) -> None:
    for nick in nicks_from_name(name, "telegram", author):
        assert nick.strip() == nick != ""
        assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in nick)


def test_what_the_bot_says_for_somebody_bears_their_name() -> None:
    author = {"id": "telegram:1", "name": "Ada", "handle": None, "kind": "person", "private": None}
    event = {
        "type": "chat.edit",
        "id": "1",
        "text": "hi *you*",
        "spans": [{"style": "bold", "start": 0, "end": 2}],
        "author": author,
        "origin": "telegram:default:-1",
        "reply_to": "7",
        "quoted": {"author": "Bo", "text": "so"},
    }
    said = named(event)
    assert said["text"] == "Ada (telegram): hi *you*"
    assert said["spans"] == [{"style": "bold", "start": 16, "end": 18}]
    assert (said["type"], said["reply_to"]) == ("chat.edit", "7")


def test_what_the_bot_says_for_somebody_stays_in_one_piece() -> None:
    text = "word " * 4_000
    author = {"id": "a", "name": "Ada", "handle": None, "kind": "person", "private": None}
    event = {"type": "chat.message", "text": text, "author": author, "origin": None, "ref": "r"}
    assert len(named(event)["text"]) >= len(text)


# What a component writes


@given(st.text(), st.text(), st.text())
def test_a_stanza_gets_its_sender_and_keeps_everything_else(
    to: str, text: str, sender: str
) -> None:
    event = {"type": "chat.message", "text": text}
    before = stanza_from_event(event, to=to, kind="chat", name="n")
    after = ElementTree.fromstring(sent_from(before, sender))
    assert after.attrib.pop("from") == ElementTree.fromstring(
        f"<a b='{attribute_from_text(sender)}'/>"
    ).get("b")
    assert ElementTree.tostring(after) == ElementTree.tostring(ElementTree.fromstring(before))


def test_a_sender_that_is_there_stays() -> None:
    stanza = "<message to='a' from='b' id='c'/>"
    assert sent_from(stanza, "x") == stanza


def test_an_id_that_is_there_stays() -> None:
    assert identified("<message id='c'/>", "x") == "<message id='c'/>"


def test_what_looks_like_an_attribute_within_one_is_none() -> None:
    assert dict(attributes_of("<iq to=\"a from='b'\" id='&apos;'/>")) == {
        "to": "a from='b'",
        "id": "'",
    }


def test_a_stanza_of_an_application_loses_the_namespace_of_clients() -> None:
    xml = "<message xmlns='jabber:client' to='a'><body>x</body><e xmlns='urn:e'/></message>"
    written = without_namespace(xml)
    assert "jabber:client" not in written
    assert ElementTree.fromstring(written).findtext("body") == "x"


# The seal


def sealed(secret: str, name: str) -> ElementTree.Element:
    stanza = f"<message id='{attribute_from_text(name)}'><body>x</body></message>"
    return ElementTree.fromstring(with_element(stanza, Seal(secret).element(name)))


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126)))
def test_what_we_sealed_is_known_again(name: str) -> None:
    assert Seal("secret").holds(sealed("secret", name))


def test_what_others_sealed_is_not_ours() -> None:
    assert not Seal("secret").holds(sealed("other", "name"))


def test_a_seal_counts_for_one_id_only() -> None:
    message = sealed("secret", "name")
    message.set("id", "other")
    assert not Seal("secret").holds(message)


def test_a_seal_of_strange_characters_harms_nobody() -> None:
    message = sealed("secret", "name")
    message[-1].set("by", "ü" * 32)
    assert not Seal("secret").holds(message)
