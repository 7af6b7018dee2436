"""Choices as ad-hoc commands (XEP-0050) with data forms (XEP-0004), to elements and from them.

Nothing here performs I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from protocols.xmpp.choices import Choice
from protocols.xmpp.elements import CLIENT, COMMANDS, DATA, STANZA_ERRORS

COMMAND = f"{{{COMMANDS}}}command"
FORM = f"{{{DATA}}}x"
FIELD = f"{{{DATA}}}field"
VALUE = f"{{{DATA}}}value"

BUTTON = "button"
"""The variable of the form that holds the number of a button."""
ACTIONS = ("execute", "complete", "cancel")
"""What can be asked of a command of one step."""
OTHER_ACTIONS = ("next", "prev")
LONGEST_NAME = 128
"""Characters of a node or session that somebody may name; ours are shorter."""


class CommandRefused(Exception):
    """What was asked cannot be done: the condition of RFC 6120, and perhaps one of XEP-0050."""

    def __init__(self, condition: str, detail: str = "") -> None:
        super().__init__(detail or condition)
        self.condition = condition
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of a command."""

    node: str
    action: str
    session: str | None
    form: Element | None


def request_from_element(command: Element) -> Request:
    """Read a ``<command/>``; raises ``CommandRefused``."""
    action = command.get("action", "execute")
    if action in OTHER_ACTIONS:
        raise CommandRefused("bad-request", "bad-action")
    if action not in ACTIONS:
        raise CommandRefused("bad-request", "malformed-action")
    node, session = command.get("node", ""), command.get("sessionid")
    if not node or len(node) > LONGEST_NAME:
        raise CommandRefused("item-not-found")
    if (session is None and action != "execute") or len(session or "") > LONGEST_NAME:
        raise CommandRefused("bad-request", "bad-sessionid")
    return Request(node, action, session, command.find(FORM))


def button_from_form(form: Element | None, choice: Choice) -> str:
    """Read which button was chosen, its number; raises ``CommandRefused``."""
    if form is None or form.get("type") != "submit":
        raise CommandRefused("bad-request", "bad-payload")
    values = [
        value.text or ""
        for field in form.iterfind(FIELD)
        if field.get("var") == BUTTON
        for value in field.iterfind(VALUE)
    ]
    if len(values) != 1 or values[0] not in dict(choice.options):
        raise CommandRefused("bad-request", "bad-payload")
    return values[0]


def question_from_choice(choice: Choice, session: str) -> Element:
    """Ask which button: the first and only step."""
    command = _command(choice.node, session, "executing")
    actions = SubElement(command, f"{{{COMMANDS}}}actions", execute="complete")
    SubElement(actions, f"{{{COMMANDS}}}complete")
    form = SubElement(command, FORM, type="form")
    SubElement(form, f"{{{DATA}}}title").text = choice.name
    for label, url in choice.links:
        fixed = SubElement(form, FIELD, type="fixed")
        SubElement(fixed, VALUE).text = f"{label}: {url}"
    field = SubElement(form, FIELD, var=BUTTON, type="list-single", label=choice.name)
    SubElement(field, f"{{{DATA}}}required")
    for number, label in choice.options:
        option = SubElement(field, f"{{{DATA}}}option", label=label)
        SubElement(option, VALUE).text = number
    return command


def thanks_from_choice(choice: Choice, session: str, button: str) -> Element:
    """Say that a button counts as pressed."""
    command = _command(choice.node, session, "completed")
    note = SubElement(command, f"{{{COMMANDS}}}note", type="info")
    note.text = f"You chose: {dict(choice.options)[button]}"
    return command


def cancelled(node: str, session: str) -> Element:
    """Say that nothing was pressed."""
    return _command(node, session, "canceled")


def error_from_refusal(refusal: CommandRefused) -> Element:
    """Say why not, as the error of a stanza."""
    kinds = {"bad-request": "modify", "forbidden": "auth"}
    error = Element(f"{CLIENT}error", type=kinds.get(refusal.condition, "cancel"))
    SubElement(error, STANZA_ERRORS + refusal.condition)
    if refusal.detail:
        SubElement(error, f"{{{COMMANDS}}}{refusal.detail}")
    return error


def _command(node: str, session: str, status: str) -> Element:
    return Element(COMMAND, node=node, sessionid=session, status=status)
