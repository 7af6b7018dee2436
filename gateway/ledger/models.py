"""The tables of the ledger.

Django makes and migrates them; ``queries`` reads and writes them with plain SQL, because a
message passes here four times and the object layer costs ten times the statement. Events,
facts and sessions are JSON in text columns: no query looks inside them.
"""

# mypy: disable-error-code="misc"

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

NEW, WAITING, HANDLED, DEAD, HELD = range(5)
"""States of an inbox row. Waiting: a dialogue of its handler waits for a person. Held: its
turn has not come, nobody is given it."""

QUEUED, SENT, REFUSED, UNKNOWN = range(4)
"""States of an outbox row."""


class Conversation(models.Model):
    """What is known of a conversation: its facts, and the session its application keeps."""

    key = models.TextField(primary_key=True)
    account = models.TextField()
    facts = models.TextField()
    session = models.TextField(db_default="{}")
    grouped = models.BooleanField(db_default=False)
    """Whether it is a group: such a one is entered again after a restart."""

    class Meta:
        """Where it is kept."""

        db_table = "gateway_conversation"
        indexes: ClassVar = [
            models.Index(
                fields=["account"], condition=Q(grouped=True), name="gateway_conversation_groups"
            )
        ]


class Alias(models.Model):
    """A name that a conversation once had, before its chat moved."""

    name = models.TextField(primary_key=True)
    conversation = models.TextField(db_index=True)
    """Its name now."""
    at = models.FloatField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_alias"


class Inbox(models.Model):
    """An event from a network, committed before the network is told that we have it."""

    identity = models.TextField()
    """The account as its network names it: the numeric bot id, the bare JID."""
    delivery = models.TextField(null=True)
    conversation = models.TextField()
    event = models.TextField()
    state = models.SmallIntegerField(db_default=NEW)
    tries = models.SmallIntegerField(db_default=0)
    deaths = models.SmallIntegerField(db_default=0)
    until = models.FloatField(null=True)
    at = models.FloatField()
    held = models.TextField(null=True)
    """What it waits for in the state ``HELD``, by the name that its server gave it."""

    class Meta:
        """Where it is kept."""

        db_table = "gateway_inbox"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["identity", "delivery"], name="gateway_inbox_delivery")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["conversation", "id"],
                condition=Q(state__lt=HANDLED),
                name="gateway_inbox_open",
            ),
            models.Index(
                fields=["identity", "held", "id"],
                condition=Q(held__isnull=False),
                name="gateway_inbox_held",
            ),
        ]


class Outbox(models.Model):
    """An event for a network, kept until the network has it."""

    account = models.TextField()
    conversation = models.TextField()
    key = models.TextField(unique=True)
    """(handling conversation, cause, ordinal), or the sender's own ref: said once."""
    sender = models.TextField()
    event = models.TextField()
    state = models.SmallIntegerField(db_default=QUEUED)
    parts = models.SmallIntegerField(db_default=0)
    """How many of its parts the network has."""
    native = models.TextField(null=True)
    error = models.TextField(null=True)
    broadcast = models.BooleanField(db_default=False)
    """Whether it was said to many at once: answers to people go first."""
    at = models.FloatField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_outbox"
        indexes: ClassVar = [
            models.Index(
                fields=["account", "broadcast", "conversation", "id"],
                condition=Q(state=QUEUED),
                name="gateway_outbox_lines",
            ),
            models.Index(
                fields=["id"],
                condition=Q(state__in=(REFUSED, UNKNOWN), error__isnull=False),
                name="gateway_outbox_letters",
            ),
        ]


class Stream(models.Model):
    """A log's name, its random epoch and its last sequence number."""

    name = models.TextField(primary_key=True)
    epoch = models.TextField()
    head = models.BigIntegerField(db_default=0)

    class Meta:
        """Where it is kept."""

        db_table = "gateway_stream"


class Entry(models.Model):
    """One entry of a log."""

    stream = models.TextField()
    seq = models.BigIntegerField()
    key = models.TextField(unique=True)
    event = models.TextField()
    at = models.FloatField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_entry"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stream", "seq"], name="gateway_entry_place")
        ]


class Cursor(models.Model):
    """How far a conversation has read the log of its room."""

    conversation = models.TextField(primary_key=True)
    stream = models.TextField()
    position = models.BigIntegerField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_cursor"


class Room(models.Model):
    """A named meeting place."""

    name = models.TextField(primary_key=True)
    title = models.TextField(db_default="")
    access = models.TextField()
    code = models.TextField(db_default="")

    class Meta:
        """Where it is kept."""

        db_table = "gateway_room"


class Member(models.Model):
    """A conversation that is in a room; in at most one."""

    conversation = models.TextField(primary_key=True)
    room = models.TextField(db_index=True)
    configured = models.BooleanField(db_default=False)

    class Meta:
        """Where it is kept."""

        db_table = "gateway_member"


class Copy(models.Model):
    """Where a message appears: one row for each part in each conversation."""

    message = models.TextField()
    """A room's id of it, or the ref of a send to the conversation."""
    conversation = models.TextField()
    part = models.SmallIntegerField(db_default=0)
    native = models.TextField()
    author = models.TextField()
    origin_id = models.TextField(null=True)
    """What its author's client calls it; not unique, the latest counts."""
    buttons = models.TextField(null=True)
    at = models.FloatField(db_default=0)

    class Meta:
        """Where it is kept."""

        db_table = "gateway_copy"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "native"], name="gateway_copy_native"),
            models.UniqueConstraint(
                fields=["message", "conversation", "part"], name="gateway_copy_message"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["conversation", "author", "origin_id"],
                condition=Q(origin_id__isnull=False),
                name="gateway_copy_origin",
            ),
            models.Index(
                fields=["conversation", "at"],
                condition=Q(buttons__isnull=False),
                name="gateway_copy_buttons",
            ),
        ]


class Reaction(models.Model):
    """What one person shows on one message of a room."""

    message = models.TextField()
    author = models.TextField()
    emoji = models.TextField()
    name = models.TextField()
    origin = models.TextField(null=True)

    class Meta:
        """Where it is kept."""

        db_table = "gateway_reaction"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["message", "author", "emoji"], name="gateway_reaction_once"
            )
        ]


class Step(models.Model):
    """Something a handler learned before it ended: an answer, the result of a ``once``."""

    conversation = models.TextField()
    cause = models.TextField()
    ordinal = models.SmallIntegerField()
    result = models.TextField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_step"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "cause", "ordinal"], name="gateway_step_place"
            )
        ]


class Membership(models.Model):
    """A conversation in a group of the channel layer that is not a room."""

    group = models.TextField()
    conversation = models.TextField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_membership"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["group", "conversation"], name="gateway_membership_once"
            )
        ]


class Lease(models.Model):
    """Which process is the home of an account, and until when."""

    name = models.TextField(primary_key=True)
    holder = models.TextField()
    host = models.TextField()
    pid = models.IntegerField()
    token = models.BigIntegerField(db_default=1)
    """Rises with each change of the holder: a late write of a former one can be told."""
    until = models.FloatField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_lease"


class Dead(models.Model):
    """What was set aside, where a person sees it."""

    conversation = models.TextField(null=True)
    account = models.TextField()
    event = models.TextField()
    error = models.TextField()
    at = models.FloatField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_dead"
        indexes: ClassVar = [models.Index(fields=["at"], name="gateway_dead_at")]


class Note(models.Model):
    """A word that an account, or the ledger itself, keeps."""

    account = models.TextField()
    name = models.TextField()
    value = models.TextField()

    class Meta:
        """Where it is kept."""

        db_table = "gateway_note"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "name"], name="gateway_note_name")
        ]
