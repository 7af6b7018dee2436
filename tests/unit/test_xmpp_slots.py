"""What is said to an upload service, and what it answers."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from gateway.vocabulary.errors import Delayed, Refused
from protocols.xmpp.features import FEATURES, verification
from protocols.xmpp.slots import (
    largest_from_form,
    outcome_from_condition,
    outcome_from_status,
    slot_from_answer,
    slot_request,
)

GOOD = "https://files.example/up/1/cat.png"


def answer(put: str = GOOD, get: str = GOOD, headers: str = "") -> Element:
    return ElementTree.fromstring(
        "<iq xmlns='jabber:client' type='result'><slot xmlns='urn:xmpp:http:upload:0'>"
        f"<put url='{put}'>{headers}</put><get url='{get}'/></slot></iq>"
    )


def test_a_request_names_the_file() -> None:
    asked = slot_request("cat.png", 70, "image/png")
    assert asked.attrib == {"filename": "cat.png", "size": "70", "content-type": "image/png"}


def test_a_slot_has_its_addresses() -> None:
    slot = slot_from_answer(answer())
    assert (slot.put, slot.fetch) == (GOOD, GOOD)


@pytest.mark.parametrize(
    "url", ["http://files.example/x", "http://10.0.0.1/x", "ftp://localhost/x", "", "https://"]
)
def test_an_address_without_tls_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="without TLS"):
        slot_from_answer(answer(put=url))
    with pytest.raises(Refused, match="without TLS"):
        slot_from_answer(answer(get=url))


@pytest.mark.parametrize("url", ["http://127.0.0.1:5280/x", "http://localhost/x", "http://[::1]/x"])
def test_what_never_leaves_this_machine_needs_no_tls(url: str) -> None:
    assert slot_from_answer(answer(put=url)).put == url


def test_only_headers_that_are_allowed_are_sent() -> None:
    headers = (
        "<header name='Authorization'>Basic x</header><header name='Host'>evil</header>"
        "<header name='cookie'>a=b&#10;X-Evil: 1</header>"
    )
    found = slot_from_answer(answer(headers=headers)).headers
    assert found == {"Authorization": "Basic x", "cookie": "a=bX-Evil: 1"}


def test_a_slot_does_not_show_its_secrets() -> None:
    slot = slot_from_answer(answer(headers="<header name='Authorization'>secret</header>"))
    assert repr(slot) == "Slot(files.example)"


def test_an_answer_without_a_slot_is_refused() -> None:
    with pytest.raises(Refused):
        slot_from_answer(Element("{jabber:client}iq"))


@pytest.mark.parametrize(("value", "size"), [("1048576", 1048576), ("", None), ("much", None)])
def test_the_largest_file_is_in_the_form(value: str, size: int | None) -> None:
    info = ElementTree.fromstring(
        "<query><x xmlns='jabber:x:data'><field var='max-file-size'>"
        f"<value>{value}</value></field></x></query>"
    )
    assert largest_from_form(info) == size


def refusal(kind: str, inside: str = "") -> Element:
    return ElementTree.fromstring(
        f"<iq xmlns='jabber:client' type='error'><error type='{kind}'>{inside}</error></iq>"
    )


def test_a_file_too_large_is_refused_as_such() -> None:
    too_large = "<file-too-large xmlns='urn:xmpp:http:upload:0'/>"
    outcome = outcome_from_condition("not-acceptable", refusal("modify", too_large))
    assert isinstance(outcome, Refused)
    assert outcome.code == "too_large"


def test_a_full_quota_is_waited_for() -> None:
    assert isinstance(outcome_from_condition("resource-constraint", refusal("wait")), Delayed)


def test_another_error_is_a_refusal() -> None:
    assert isinstance(outcome_from_condition("forbidden", refusal("auth")), Refused)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, None), (413, Refused), (503, Delayed), (403, Delayed), (404, Refused), (302, Refused)],
)
def test_the_answer_to_an_upload(status: int, outcome: type[Exception] | None) -> None:
    found = outcome_from_status(status)
    assert found is None if outcome is None else isinstance(found, outcome)


def test_capabilities_are_verified_as_the_xep_has_it() -> None:
    # XEP-0115, 5.2
    features = (
        "http://jabber.org/protocol/caps",
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "http://jabber.org/protocol/muc",
    )
    found = verification(("client", "pc", "", "Exodus 0.9.1"), features)
    assert found == "QgayPKawpkPSDYmwT/WM94uAlu0="


def test_each_feature_is_named_once() -> None:
    assert list(FEATURES) == sorted(set(FEATURES))
