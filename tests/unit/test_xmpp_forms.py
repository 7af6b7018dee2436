"""Buttons as ad-hoc commands: what is open, what is asked, and what is answered."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from protocols.xmpp.choices import OPTIONS, PLACES, Choice, Choices, choice_from_event
from protocols.xmpp.forms import (
    CommandRefused,
    button_from_form,
    error_from_refusal,
    question_from_choice,
    request_from_element,
    thanks_from_choice,
)

C = "{http://jabber.org/protocol/commands}"
X = "{jabber:x:data}"
CHOICE = Choice("n", "m1", "Tea?", (("0", "Yes"), ("2", "No")), (("More", "https://tea.example"),))
ROWS = [
    [{"text": "Yes", "data": "y"}, {"text": "More", "url": "https://tea.example"}],
    [{"text": "No", "data": "n"}],
]


def event(kind: str = "message", **body: Any) -> dict[str, Any]:
    return {"type": f"chat.{kind}", "text": "Tea?", "buttons": ROWS, **body}


def command(inside: str = "", **attributes: str) -> Element:
    element = ElementTree.fromstring(f"<command xmlns='{C[1:-1]}'>{inside}</command>")
    element.attrib.update(attributes)
    return element


def form(*values: str, kind: str = "submit") -> Element:
    inside = "".join(f"<value>{value}</value>" for value in values)
    return ElementTree.fromstring(
        f"<x xmlns='jabber:x:data' type='{kind}'><field var='button'>{inside}</field></x>"
    )


# What is open


def test_buttons_are_numbered_over_all_rows_and_links_stand_apart() -> None:
    choice = choice_from_event(event(), "m1", "n")
    assert choice == CHOICE


def test_the_name_is_the_beginning_of_the_text() -> None:
    choice = choice_from_event(event(text=f"{'long ' * 50}\n1. Yes"), "m1", "n")
    assert choice.name.startswith("long long")
    assert len(choice.name) == 60


def test_no_more_options_than_a_form_can_bear() -> None:
    rows = [[{"text": "x", "data": "x"}]] * (OPTIONS + 1)
    assert len(choice_from_event(event(buttons=rows), "m1", "n").options) == OPTIONS


def test_the_last_message_with_buttons_is_open() -> None:
    choices = Choices()
    choices.said("a", event(), "m1")
    choices.said("a", event(), "m2")
    choices.said("a", event(buttons=[]), "m3")
    found = choices.at("a")
    assert found is not None
    assert found.id == "m2"


def test_links_alone_are_no_choice() -> None:
    choices = Choices()
    choices.said("a", event(buttons=[ROWS[0][1:]]), "m1")
    assert choices.at("a") is None


@pytest.mark.parametrize("change", [event("edit", buttons=[]), {"type": "chat.delete"}])
def test_a_message_that_loses_its_buttons_is_closed(change: dict[str, Any]) -> None:
    choices = Choices()
    choices.said("a", event(), "m1")
    choices.said("a", change, "m1")
    assert choices.at("a") is None


def test_a_change_of_another_message_closes_nothing() -> None:
    choices = Choices()
    choices.said("a", event(), "m2")
    choices.said("a", event("edit", buttons=[]), "m1")
    choices.said("a", event("delete"), "m1")
    assert choices.at("a") is not None


def test_edited_buttons_keep_the_name_of_their_command() -> None:
    choices = Choices()
    choices.said("a", event(), "m1")
    before = choices.at("a")
    choices.said("a", event("edit", buttons=ROWS[1:]), "m1")
    after = choices.at("a")
    assert before is not None
    assert after is not None
    assert (after.node, after.options) == (before.node, (("0", "No"),))


def test_so_many_places_are_remembered() -> None:
    choices = Choices()
    for number in range(PLACES + 1):
        choices.said(f"p{number}", event(), "m1")
    assert choices.at("p0") is None
    assert choices.at(f"p{PLACES}") is not None


# What is asked


@pytest.mark.parametrize(
    ("attributes", "condition", "detail"),
    [
        ({"node": "n", "action": "next"}, "bad-request", "bad-action"),
        ({"node": "n", "action": "dance"}, "bad-request", "malformed-action"),
        ({"action": "execute"}, "item-not-found", ""),
        ({"node": "n" * 1000}, "item-not-found", ""),
        ({"node": "n", "action": "complete"}, "bad-request", "bad-sessionid"),
        ({"node": "n", "sessionid": "s" * 1000}, "bad-request", "bad-sessionid"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    attributes: dict[str, str], condition: str, detail: str
) -> None:
    with pytest.raises(CommandRefused) as caught:
        request_from_element(command(**attributes))
    assert (caught.value.condition, caught.value.detail) == (condition, detail)


def test_to_execute_is_what_is_asked_if_nothing_is_said() -> None:
    request = request_from_element(command(node="n"))
    assert (request.node, request.action, request.session) == ("n", "execute", None)


def test_the_chosen_button_is_read_from_the_form() -> None:
    assert button_from_form(form("2"), CHOICE) == "2"


@pytest.mark.parametrize(
    "filled", [None, form(), form("1"), form("0", "2"), form("0", kind="form"), form("-1")]
)
def test_a_form_that_chooses_no_button_is_refused(filled: Element | None) -> None:
    with pytest.raises(CommandRefused, match="bad-payload"):
        button_from_form(filled, CHOICE)


# What is answered


def test_the_form_offers_the_buttons_by_their_numbers() -> None:
    question = question_from_choice(CHOICE, "s")
    assert (question.get("status"), question.get("sessionid")) == ("executing", "s")
    options = question.findall(f"{X}x/{X}field[@type='list-single']/{X}option")
    assert [(o.get("label"), o.findtext(f"{X}value")) for o in options] == [
        ("Yes", "0"),
        ("No", "2"),
    ]


def test_the_form_shows_links_as_fixed_text() -> None:
    question = question_from_choice(CHOICE, "s")
    shown = question.findtext(f"{X}x/{X}field[@type='fixed']/{X}value")
    assert shown == "More: https://tea.example"


def test_who_chose_is_told_what() -> None:
    thanks = thanks_from_choice(CHOICE, "s", "2")
    assert (thanks.get("status"), thanks.findtext(f"{C}note")) == ("completed", "You chose: No")


def test_a_refusal_is_an_error_with_the_condition_of_commands() -> None:
    error = error_from_refusal(CommandRefused("bad-request", "bad-payload"))
    assert error.get("type") == "modify"
    assert error.find("{urn:ietf:params:xml:ns:xmpp-stanzas}bad-request") is not None
    assert error.find(f"{C}bad-payload") is not None
