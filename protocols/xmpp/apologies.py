"""What we say to who encrypts: once in each conversation, that we cannot read it."""

from __future__ import annotations

import asyncio
import logging

from gateway.delivery.server import Port
from gateway.vocabulary.errors import DeliveryError, LedgerAway
from protocols.xmpp.encryption import Encryption, sentence
from protocols.xmpp.identity import Identity
from protocols.xmpp.link import Link
from protocols.xmpp.places import Places
from protocols.xmpp.stanzas import id_from_ref, stanza_from_event

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""Conversations that are answered side by side; the others are at their next message."""


class Apologies:
    """Remembers in the ledger where it was said."""

    def __init__(self, us: Identity, port: Port, link: Link, places: Places) -> None:
        self._us = us
        self._port = port
        self._link = link
        self._places = places
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def make(self, place: str, encryption: Encryption) -> None:
        """Say it there, unless it was said before."""
        if place in self._tasks or len(self._tasks) >= AT_ONCE:
            return
        task = self._tasks[place] = asyncio.create_task(self._make(place, encryption))
        task.add_done_callback(lambda _: self._tasks.pop(place, None))

    async def _make(self, place: str, encryption: Encryption) -> None:
        note = f"xmpp.encrypted {place}"
        try:
            if await self._port.noted(note) is None:
                self._say(place, sentence(encryption))
                await self._port.note(note, encryption.name)
        except (LedgerAway, DeliveryError) as error:
            logger.info("place=%s not told that we cannot read it: %s", place, error)

    def _say(self, place: str, text: str) -> None:
        facts = self._places.facts(self._us.key(place))
        kind = "groupchat" if self._places.is_group(place, facts) else "chat"
        stanza = stanza_from_event(
            {"type": "xmpp.message", "text": text},
            to=self._places.address(place),
            kind=kind,
            name=id_from_ref(None),
        )
        self._link.ready().say(stanza)
