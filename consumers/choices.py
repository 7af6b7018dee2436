"""Which question a button belongs to: one that was asked before answers no later one."""

from __future__ import annotations

from typing import Any

from gateway.vocabulary.events import Event, kind_of
from gateway.vocabulary.sends import rows_from_buttons

OVER = "That question is over, or was asked of somebody else."
"""What is answered to who presses a button of no question that is open to them."""

_MARK = "ask\u2063"
"""What the data of such a button begins with; an invisible character that nobody writes."""


def marked(buttons: Any, question: str) -> list[list[dict[str, Any]]]:
    """The buttons of a question: what they mean says to which one they belong."""
    return [
        [_marked(dict(button), question) for button in row] for row in rows_from_buttons(buttons)
    ]


def _marked(button: dict[str, Any], question: str) -> dict[str, Any]:
    if "data" in button:
        button["data"] = f"{_MARK}{question}\u2063{button['data']}"
    return button


def question_of(event: Event) -> str | None:
    """The question that an action answers; None for other actions and for words."""
    data = event.get("data") if kind_of(event) == "action" else None
    if not isinstance(data, str) or not data.startswith(_MARK):
        return None
    return data.split("\u2063", 2)[1]


def words_of(event: Event) -> str:
    """What a person answers: what they write, or what the button means that they press."""
    if kind_of(event) == "message":
        return str(event["text"])
    data = str(event["data"] or "")
    return data.split("\u2063", 2)[2] if question_of(event) is not None else data
