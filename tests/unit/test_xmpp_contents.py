"""What messages say: text, files and places, what they answer."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.xmpp.contents import contents_from_stanza
from protocols.xmpp.files import location_from_text
from protocols.xmpp.identity import Identity
from protocols.xmpp.occupants import Room

US = Identity("default", "bot@example.org", "Robo")
URL = "https://files.example/up/my%20cat.png"


def said(inside: str, room: Room | None = None) -> dict[str, Any]:
    found = nothing_or(inside, room)
    assert found is not None
    return found


def nothing_or(inside: str, room: Room | None = None) -> dict[str, Any] | None:
    message = ElementTree.fromstring(f"<message xmlns='jabber:client'>{inside}</message>")
    return contents_from_stanza(message, {child.tag: child for child in message}, US, room)


def fallback(for_: str, inside: str) -> str:
    return f"<fallback xmlns='urn:xmpp:fallback:0' for='{for_}'>{inside}</fallback>"


# Text


def test_styling_becomes_spans() -> None:
    assert said("<body>so *what*</body>")["spans"] == [{"style": "bold", "start": 3, "end": 7}]


def test_what_is_unstyled_has_no_spans() -> None:
    found = said("<body>so *what*</body><unstyled xmlns='urn:xmpp:styling:0'/>")
    assert found["text"] == "so *what*"
    assert "spans" not in found


def test_a_spoiler_is_one() -> None:
    found = said("<body>he dies</body><spoiler xmlns='urn:xmpp:spoiler:0'/>")
    assert [span["style"] for span in found["spans"]] == ["spoiler"]


# What it answers

REPLY = "<reply xmlns='urn:xmpp:reply:0' id='r1' to='lobby@muc.example.org/Ada'/>"
QUOTED = "<body>&gt; hi there\n&gt; you\nyes</body>" + REPLY


def test_a_reply_loses_the_quotation_for_old_clients() -> None:
    found = said(QUOTED + fallback("urn:xmpp:reply:0", "<body start='0' end='17'/>"))
    assert (found["text"], found["reply_to"]) == ("yes", "r1")


def test_the_quotation_is_kept_for_whom_it_may_concern() -> None:
    found = said(
        QUOTED + fallback("urn:xmpp:reply:0", "<body start='0' end='17'/>"), Room("l@m", "Robo")
    )
    assert found["quoted"] == {"author": "Ada", "text": "hi there you"}


def test_a_reply_without_a_quotation_quotes_nothing() -> None:
    assert "quoted" not in said(f"<body>yes</body>{REPLY}")


@pytest.mark.parametrize("span", ["start='9' end='3'", "start='0' end='99'", "end='-1'", ""])
def test_a_quotation_that_cannot_be_leaves_the_text(span: str) -> None:
    inside = f"<body>yes</body>{REPLY}" + fallback("urn:xmpp:reply:0", f"<body {span}/>")
    assert said(inside)["text"] == "yes"


def test_a_fallback_for_what_is_not_known_stays() -> None:
    assert said("<body>words</body>" + fallback("urn:example:new", "<body/>"))["text"] == "words"


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4))
def test_ranges_that_overlap_take_nothing_twice(ranges: list[tuple[int, int]]) -> None:
    body = "abcdefghijk"
    spans = "".join(f"<body start='{start}' end='{end}'/>" for start, end in ranges)
    gone = {i for start, end in ranges if start < end <= len(body) for i in range(start, end)}
    left = "".join(letter for i, letter in enumerate(body) if i not in gone)
    found = nothing_or(f"<body>{body}</body>{REPLY}" + fallback("urn:xmpp:reply:0", spans))
    assert (found["text"] if found else "") == left


# Files

OUT_OF_BAND = f"<x xmlns='jabber:x:oob'><url>{URL}</url></x>"
SHARED = f"""<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'>
<file xmlns='urn:xmpp:file:metadata:0'><media-type>image/png</media-type><name>cat.png</name>
<size>70</size><width>3</width><height>4</height></file><sources>
<url-data xmlns='http://jabber.org/protocol/url-data' target='{URL}'/></sources></file-sharing>"""
REFERENCED = f"""<reference xmlns='urn:xmpp:reference:0' type='data'>
<media-sharing xmlns='urn:xmpp:sims:1'><file xmlns='urn:xmpp:jingle:apps:file-transfer:5'>
<media-type>image/png</media-type><name>cat.png</name><size>70</size></file>
<sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='{URL}'/></sources>
</media-sharing></reference>"""
CAT = {"kind": "photo", "source": URL, "name": "cat.png", "type": "image/png", "size": 70}


def test_an_url_out_of_band_is_a_file_and_no_text() -> None:
    found = said(f"<body>{URL}</body>{OUT_OF_BAND}")
    assert found["text"] == ""
    assert found["attachments"] == [
        {"kind": "photo", "source": URL, "name": "my cat.png", "type": "image/png"}
    ]


def test_words_beside_a_file_are_said() -> None:
    assert said(f"<body>look</body>{OUT_OF_BAND}")["text"] == "look"


def test_a_shared_file_is_described() -> None:
    found = said(f"<body>{URL}</body>{OUT_OF_BAND}{SHARED}")
    assert found["attachments"] == [CAT | {"width": 3, "height": 4}]


def test_a_shared_file_needs_no_body() -> None:
    assert said(SHARED)["attachments"][0]["source"] == URL


def test_a_file_of_an_older_client_is_understood() -> None:
    assert said(f"<body>{URL}</body>{REFERENCED}")["attachments"] == [CAT]


def test_what_stands_for_a_file_is_no_text() -> None:
    inside = f"<body>A file: {URL}</body>{SHARED}" + fallback("urn:xmpp:sfs:0", "<body/>")
    assert said(inside)["text"] == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/a",
        "aesgcm://files.example/a#00",
        "file:///etc/passwd",
        "https:///x",
        "",
    ],
)
def test_an_address_that_is_not_fetched_stays_text(url: str) -> None:
    found = said(f"<body>see {url}</body><x xmlns='jabber:x:oob'><url>{url}</url></x>")
    assert (found["text"].strip(), found["attachments"]) == (f"see {url}".strip(), [])


def test_a_name_cannot_lead_elsewhere() -> None:
    inside = SHARED.replace("<name>cat.png</name>", "<name>../../etc/pass\u202ewd</name>")
    assert "/" not in said(inside)["attachments"][0]["name"]


# Places


def test_a_body_that_is_a_place_is_a_location() -> None:
    found = said("<body>geo:51.5,-0.12;u=35</body>")
    place = {"kind": "location", "latitude": 51.5, "longitude": -0.12}
    assert (found["text"], found["attachments"]) == ("", [place])


def test_a_place_beside_words_is_a_location() -> None:
    place = "<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>1</lat><lon>2</lon></geoloc>"
    [found] = said(f"<body>here</body>{place}")["attachments"]
    assert (found["latitude"], found["longitude"]) == (1.0, 2.0)


@pytest.mark.parametrize("text", ["geo:91,0", "geo:1,181", "geo:.,.", "geo:1", "see geo:1,2"])
def test_what_is_no_place_is_text(text: str) -> None:
    assert said(f"<body>{text}</body>")["text"] == text


@given(st.text("geo:0123456789.,;-", max_size=20))
def test_no_text_breaks_the_reading_of_places(text: str) -> None:
    location_from_text("geo:" + text)
