"""What was set aside: arrivals that no handler could do, and sends that no network would take.

Both are letters: an arrival has a row of its own (``12``), a send is its row of the outbox
(``o34``), refused or of unknown fate, for as long as it bears an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.ledger.models import DEAD, NEW, QUEUED, REFUSED, UNKNOWN
from gateway.ledger.queries.inbox import record
from gateway.ledger.queries.names import name_now
from gateway.ledger.queries.outbox import Outgoing
from gateway.ledger.rows import Row, Rows
from gateway.vocabulary.events import Event

_NAME = re.compile(r"(o?)([0-9]{1,18})")
_INBOX = re.compile(r"i([0-9]{1,18})")
_ENTRY = re.compile(r"[^#]+#[0-9]{1,18}")

ARRIVALS = "SELECT id, at, account, conversation, event, error FROM gateway_dead"
# The states stand in the statement, as in the condition of the index: SQLite uses it only so.
SET_ASIDE = f"state IN ({REFUSED}, {UNKNOWN}) AND error IS NOT NULL"
SENDS = f"SELECT id, at, account, conversation, event, error FROM gateway_outbox WHERE {SET_ASIDE}"


@dataclass(frozen=True, slots=True)
class Letter:
    """Something that was set aside."""

    name: str
    at: float
    account: str
    conversation: str | None
    event: Any
    error: str

    @property
    def outgoing(self) -> bool:
        """Whether it was on its way out."""
        return self.name.startswith("o")


def is_letter(name: str) -> bool:
    """Whether a word can be the name of a letter."""
    return _NAME.fullmatch(name) is not None


def letters(rows: Rows, limit: int) -> list[Letter]:
    """The newest letters, the newest last."""
    arrivals = rows.all(f"{ARRIVALS} ORDER BY id DESC LIMIT %s", limit)
    sends = rows.all(f"{SENDS} ORDER BY id DESC LIMIT %s", limit)
    found = [_letter("", row) for row in arrivals] + [_letter("o", row) for row in sends]
    return sorted(found, key=lambda letter: letter.at)[-limit:]


def letter_names(rows: Rows) -> list[str]:
    """The names of all letters, in the order in which they came."""
    arrivals = rows.all("SELECT id FROM gateway_dead ORDER BY id")
    sends = rows.all(f"SELECT id FROM gateway_outbox WHERE {SET_ASIDE} ORDER BY id")
    return [str(row[0]) for row in arrivals] + [f"o{row[0]}" for row in sends]


def letter(rows: Rows, name: str) -> Letter | None:
    """One letter."""
    prefix, number = _parts(name)
    if prefix:
        row = rows.one(f"{SENDS} AND id = %s", number)
    else:
        row = rows.one(f"{ARRIVALS} WHERE id = %s", number)
    return None if row is None else _letter(prefix, row)


def _parts(name: str) -> tuple[str, int]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of a letter")
    return match[1], int(match[2])


def _letter(prefix: str, row: Row) -> Letter:
    number, at, account, conversation, event, error = row
    return Letter(f"{prefix}{number}", at, account, conversation, orjson.loads(event), error)


def failures(rows: Rows, key: str, since: float, limit: int) -> set[str]:
    """The conversations that set an event of this key aside since then."""
    found = rows.all(
        "SELECT conversation, event FROM gateway_dead WHERE at >= %s ORDER BY at LIMIT %s",
        since,
        limit,
    )
    return {
        conversation
        for conversation, event in found
        if conversation and _key_of(orjson.loads(event)) == key
    }


def _key_of(event: Any) -> str:
    return str(event.get("key", "")) if isinstance(event, dict) else ""


# Trying again


def queue_again(rows: Rows, name: str) -> Outgoing | None:
    """Queue a send again: its row; None if it is set aside no more."""
    row = rows.one(
        "UPDATE gateway_outbox SET state = %s, error = NULL,"
        " conversation = COALESCE((SELECT a.conversation FROM gateway_alias a"
        " WHERE a.name = gateway_outbox.conversation), conversation)"  # its chat may have moved
        f" WHERE id = %s AND {SET_ASIDE} RETURNING id, conversation, sender, event, parts",
        QUEUED,
        _parts(name)[1],
    )
    if row is None:
        return None
    number, conversation, sender, event, parts = row
    return Outgoing(number, conversation, sender, orjson.loads(event), parts)


def is_received(found: Letter) -> bool:
    """Whether an arrival came to a conversation by its inbox or its room's log."""
    key = _key_of(found.event)
    if found.conversation is None:
        return False
    return bool(_INBOX.fullmatch(key) or _ENTRY.fullmatch(key))


def receive_again(rows: Rows, found: Letter, at: float) -> str:
    """Make an arrival new again; the conversation whose it is (its chat may have moved).

    A row of the inbox that is there still is the same arrival, with what its handler had
    learned; else the event is recorded anew.
    """
    assert found.conversation is not None
    key, conversation = _key_of(found.event), name_now(rows, found.conversation)
    row = _open_row(rows, key) or _open_delivery(rows, conversation, key)
    if row is None:
        _record_anew(rows, conversation, key, found.event, at)
    rows.run("DELETE FROM gateway_dead WHERE id = %s", _parts(found.name)[1])
    return conversation


REOPEN = "UPDATE gateway_inbox SET state = %s, tries = 0, deaths = 0, until = NULL WHERE "


def _open_row(rows: Rows, key: str) -> Row | None:
    """The key of an arrival names its row."""
    match = _INBOX.fullmatch(key)
    if match is None:
        return None
    where = "id = %s AND state = %s RETURNING conversation"
    return rows.one(REOPEN + where, NEW, int(match[1]), DEAD)


def _open_delivery(rows: Rows, conversation: str, key: str) -> Row | None:
    """A room's entry has a row if its handler once waited for somebody."""
    where = "identity = %s AND delivery = %s RETURNING conversation"
    return rows.one(REOPEN + where, NEW, conversation, key)


def _record_anew(rows: Rows, conversation: str, key: str, event: Event, at: float) -> None:
    entry = "#" in key
    left_out = ("steps",) if entry else ("steps", "key")  # the key names a row that is gone
    body = {name: value for name, value in event.items() if name not in left_out}
    record(rows, conversation, key if entry else None, conversation, body, at)


# Letting go


def let_go(rows: Rows, name: str) -> bool:
    """Take a letter out of sight for good; False if it is there no more.

    The row of a send stays as long as others do, without its error: what was said once is not
    said again.
    """
    prefix, number = _parts(name)
    if not prefix:
        return bool(rows.count("DELETE FROM gateway_dead WHERE id = %s", number))
    return bool(
        rows.count(
            f"UPDATE gateway_outbox SET state = %s, error = NULL WHERE id = %s AND {SET_ASIDE}",
            REFUSED,
            number,
        )
    )
