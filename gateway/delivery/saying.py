"""What applications say, on its way into the ledger.

To a room it is an entry of the room's log, to a web chat an entry of that chat's; to every other
network it is a row of the outbox. Each is one commit, and the same send is taken once.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.delivery.line import is_broadcast
from gateway.delivery.record import Send
from gateway.delivery.telling import take_back
from gateway.ledger import queries
from gateway.ledger.queries import Outgoing
from gateway.ledger.rows import Later, Rows
from gateway.vocabulary.events import Author, Event, kind_of
from gateway.vocabulary.ids import account_of, protocol_of, room_name
from gateway.vocabulary.refs import key_of_send, made_ref
from gateway.vocabulary.sends import addressee, author_from_facts

if TYPE_CHECKING:
    from gateway.delivery.switchboard import Switchboard


class Saying:
    """Takes durable sends for a switchboard."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._journal = switchboard.journal

    async def said(
        self,
        conversation: str,
        cause: str | None,
        ordinal: int,
        event: Event,
        suspect: int | None,
    ) -> None:
        """Take one send; returns once it is committed."""
        send = await self.prepared(conversation, cause, ordinal, event, suspect)
        if send.operation is None:
            send.told(None)
        else:
            await self._journal.write(send.operation, then=send.told)

    async def prepared(
        self,
        conversation: str,
        cause: str | None,
        ordinal: int,
        event: Event,
        suspect: int | None = None,
    ) -> Send:
        """What takes one send, in whichever commit."""
        kind = kind_of(event)
        body = {name: value for name, value in event.items() if name not in ("type", "to")}
        names = self._switchboard.names
        named = names.first(conversation)
        body["ref"] = ref = event.get("ref") or made_ref(named, cause, ordinal)
        key = key_of_send(named, cause, ref)
        conversation, to = names.now(conversation), names.now(addressee(conversation, event))
        body["type"] = f"{protocol_of(to)}.{kind}"
        if protocol_of(to) == "room":
            return await self._telling(conversation, to, body)
        if not self._switchboard.keeps_log(to):
            return self._queueing(conversation, to, key, body, suspect)
        if kind == "answer":
            return Send(None, lambda _: self._switchboard.pass_out(to, body))
        return await self._appending(conversation, to, key, body, suspect)

    async def _telling(self, conversation: str, to: str, body: Event) -> Send:
        author = await self._author(conversation, body)
        event = {"origin": conversation, **body, "author": author}
        telling = self._switchboard.rooms.telling(room_name(to), event)

        def told(appended: Any) -> None:
            if telling.told(appended) is None:
                self._not_found(conversation, body)

        return Send(telling.operation, told)

    async def _appending(
        self, conversation: str, to: str, key: str, body: Event, suspect: int | None
    ) -> Send:
        event = {**body, "author": await self._author(to, body), "at": time.time()}
        message = event.pop("message", None)

        def operation(rows: Rows) -> tuple[int, bool] | None:
            return _appended(rows, to, key, event, message, suspect)

        def told(appended: tuple[int, bool] | None) -> None:
            if appended is None:
                self._not_found(conversation, body)
            elif appended[1]:
                self._switchboard.log.publish(to, appended[0], event)
                self._switchboard.watch(to, "out", event)

        return Send(operation, told)

    def _queueing(
        self, conversation: str, to: str, key: str, event: Event, suspect: int | None
    ) -> Send:
        account = account_of(to)
        operation = partial(
            _queued,
            suspect=suspect,
            account=account,
            conversation=to,
            key=key,
            sender=conversation,
            event=event,
            at=time.time(),
            broadcast=is_broadcast(event),
        )

        def told(number: int | None) -> None:
            if number is None:
                return
            if self._switchboard.names.now(to) == to:  # else the line reads the table once more
                row = Outgoing(number, to, conversation, event, 0)
                self._switchboard.send_soon(account, row)
            self._switchboard.watch(to, "out", event)

        return Send(operation, told)

    async def _author(self, conversation: str, body: Event) -> Author:
        """Who is shown to have said it: whoever the event names, else our bot."""
        if (author := body.get("author")) is not None:
            named: Author = author
            return named
        return author_from_facts(conversation, await self._switchboard.facts(conversation))

    def _not_found(self, conversation: str, body: Event) -> None:
        detail = f"{body['id']!r} names no message that can be changed there"
        self._switchboard.tell_failed(conversation, body["ref"], "not_found", detail)


def _appended(
    rows: Rows, chat: str, key: str, event: Event, message: str | None, suspect: int | None
) -> tuple[int, bool] | None:
    """Append to the log of a web chat; None if the event is about nothing that is there."""
    new_message = kind_of(event) == "message"
    if new_message and event.get("reply_to"):
        event["reply_to"] = _entry_meant(rows, chat, event["reply_to"])
    elif not new_message:
        target = _entry_meant(rows, chat, event["id"])
        if target is None:
            return None
        event["id"] = target
    seq, new = queries.append(rows, chat, key, event, event["at"])
    if new:
        _keep_appended(rows, chat, event, message)
        spare(rows, suspect)
    return seq, new


def _keep_appended(rows: Rows, chat: str, event: Event, message: str | None) -> None:
    buttons = event.get("buttons")
    if kind_of(event) == "message":
        queries.keep_copy(
            rows,
            message or event["ref"],
            chat,
            0,
            event["id"],
            event["author"]["id"],
            event["at"],
            buttons=buttons,
        )
    elif kind_of(event) == "edit":
        queries.change_buttons(rows, chat, event["id"], buttons or [])
    elif kind_of(event) == "delete":
        queries.forget_copy(rows, chat, event["id"])
        take_back(rows, chat, event["id"])


def _entry_meant(rows: Rows, chat: str, reference: str) -> str | None:
    """The id, in a web chat, of the message that a reference names."""
    found = queries.copies(rows, chat, reference)
    if found:
        return found[0].native
    return reference if reference.isdecimal() else None


def _queued(rows: Rows, suspect: int | None, **row: Any) -> Later[int | None]:
    queued = queries.queue(rows, **row)
    if suspect is not None and queued.value() is not None:
        spare(rows, suspect)
    return queued


def spare(rows: Rows, suspect: int | None) -> None:
    """A handler recorded something new: should the process die now, its event is not why."""
    if suspect is not None:
        queries.spare(rows, suspect)
