"""What is asked of the ledger, statement by statement.

Every function takes ``Rows`` first and does no more than its SQL; those that write are meant for
``Journal.write``. Nothing here knows what an event means.
"""

from gateway.ledger.queries.conversations import (
    change_session,
    facts_and_session,
    groups_and_members,
    keep_facts,
)
from gateway.ledger.queries.copies import keep_copy, message_from_native, native_from_message
from gateway.ledger.queries.inbox import (
    Received,
    conversations_unhandled,
    due_dialogues,
    received_from_row,
    record,
    rewrite,
    set_aside,
    settle,
    settle_delivery,
    try_again,
    unhandled,
    wait,
)
from gateway.ledger.queries.leases import (
    drop_lease,
    holds_lease,
    keep_note,
    lease,
    note,
    take_lease,
)
from gateway.ledger.queries.log import (
    append,
    cursor,
    cursors,
    entries,
    heads,
    keep_cursor,
    move_cursor,
    open_stream,
    position_to_show,
)
from gateway.ledger.queries.outbox import Outgoing, outcome, part_sent, queue, queued, sent
from gateway.ledger.queries.retention import prune_dead, prune_entries, prune_inbox, prune_outbox
from gateway.ledger.queries.rooms import (
    enter_group,
    join,
    keep_room,
    leave,
    leave_group,
    members,
    memberships,
    rename,
    rooms,
    rooms_version,
    touch_rooms,
)
from gateway.ledger.queries.steps import keep_step, steps
from gateway.ledger.queries.writer import become_the_writer

__all__ = [
    "Outgoing",
    "Received",
    "append",
    "become_the_writer",
    "change_session",
    "conversations_unhandled",
    "cursor",
    "cursors",
    "drop_lease",
    "due_dialogues",
    "enter_group",
    "entries",
    "facts_and_session",
    "groups_and_members",
    "heads",
    "holds_lease",
    "join",
    "keep_copy",
    "keep_cursor",
    "keep_facts",
    "keep_note",
    "keep_room",
    "keep_step",
    "lease",
    "leave",
    "leave_group",
    "members",
    "memberships",
    "message_from_native",
    "move_cursor",
    "native_from_message",
    "note",
    "open_stream",
    "outcome",
    "part_sent",
    "position_to_show",
    "prune_dead",
    "prune_entries",
    "prune_inbox",
    "prune_outbox",
    "queue",
    "queued",
    "received_from_row",
    "record",
    "rename",
    "rewrite",
    "rooms",
    "rooms_version",
    "sent",
    "set_aside",
    "settle",
    "settle_delivery",
    "steps",
    "take_lease",
    "touch_rooms",
    "try_again",
    "unhandled",
    "wait",
]
