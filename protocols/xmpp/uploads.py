"""Files that our server keeps for us, so that others can fetch them (XEP-0363)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
from slixmpp.exceptions import IqError, IqTimeout, XMPPError

from gateway.delivery.server import Port
from gateway.media.kinds import type_of_file
from gateway.media.names import clean_file_name
from gateway.vocabulary.errors import Delayed, DeliveryError, MediaError, Refused
from gateway.vocabulary.events import Attachment, Event
from protocols.xmpp.identity import Identity
from protocols.xmpp.link import Link
from protocols.xmpp.slots import (
    AGAIN_SECONDS,
    UPLOAD,
    Slot,
    largest_from_form,
    outcome_from_condition,
    outcome_from_status,
    slot_from_answer,
    slot_request,
)
from protocols.xmpp.stream import Stream

logger = logging.getLogger(__name__)

DISCO_SECONDS = 10
SLOT_SECONDS = 20
TIMEOUT = aiohttp.ClientTimeout(total=600, sock_connect=15, sock_read=60)
TRIES = 3
"""So often is one file offered; then the message is said with a link to it, or its name."""
REMEMBERED = 1000
"""Messages whose files could not be placed."""
SERVICES = 20
"""Services of a server that are asked what they are."""


class Uploads:
    """The upload service of our server, if it has one."""

    def __init__(self, us: Identity, port: Port, link: Link, authority: Path | None) -> None:
        self._us = us
        self._port = port
        self._link = link
        self._authority = authority
        self._service: str | None = None
        self._failed: OrderedDict[str, int] = OrderedDict()

    async def look(self, stream: Stream, domain: str) -> None:
        """Learn whether there is a service, and how large a file it takes."""
        self._service = None
        own = stream.boundjid.domain  # a component would ask itself, and wait
        asked = [domain, *(jid for jid in await _services(stream, domain) if jid != own)]
        most = self._port.media.most
        answers = await asyncio.gather(*(_largest(stream, jid, most) for jid in asked))
        for jid, largest in zip(asked, answers, strict=True):
            if largest:
                self._service, self._us.largest_file = jid, largest
                logger.info("uploads go to %s, of %s bytes at most", jid, largest)
                return
        self._us.largest_file = None

    async def placed(self, event: Event) -> Event:
        """The event with its file where others can fetch it; raises a ``DeliveryError``."""
        files = [file for file in event.get("attachments") or () if file.get("source")]
        if not files:
            return event
        try:
            return event | {"attachments": [await self._place(file) for file in files]}
        except Delayed as error:
            if self._often_enough(str(event.get("ref"))):
                raise Refused("refused", str(error)) from error
            raise

    def _often_enough(self, ref: str) -> bool:
        """Count a failure; whether the message goes on without its file."""
        self._failed[ref] = self._failed.get(ref, 0) + 1
        if len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)
        return self._failed[ref] >= TRIES

    async def _place(self, file: Attachment) -> Attachment:
        try:
            path = await self._port.media.file(file)
        except MediaError as error:
            if error.again:
                raise Delayed(str(error), seconds=AGAIN_SECONDS) from error
            raise error.of_delivery() from error
        try:
            with await asyncio.to_thread(path.open, "rb") as stream:
                return await self._put(file, path, stream)
        except OSError as error:
            raise Refused("gone", f"the file cannot be read: {error.strerror}") from error

    async def _put(self, file: Attachment, path: Path, stream: BinaryIO) -> Attachment:
        size = await asyncio.to_thread(stream.seek, 0, 2)
        await asyncio.to_thread(stream.seek, 0)
        kind = str(file.get("type") or await asyncio.to_thread(type_of_file, path))
        name = clean_file_name(file.get("name") or path.name)
        slot = await self._slot(name, size, kind)
        await self._send(slot, stream, size, kind)
        placed: Attachment = {**file, "source": slot.fetch, "name": name}
        placed["size"], placed["type"] = size, kind
        return placed

    async def _slot(self, name: str, size: int, kind: str) -> Slot:
        if self._service is None:
            raise Refused("refused", "our server keeps no files (XEP-0363)")
        iq: Any = self._link.ready().make_iq_get(ito=self._service)
        iq.append(slot_request(name, size, kind))
        try:
            answer = await iq.send(timeout=SLOT_SECONDS)
        except IqTimeout:
            said = f"{self._service} did not answer in {SLOT_SECONDS} s"
            raise Delayed(said, seconds=AGAIN_SECONDS) from None
        except IqError as error:
            raise outcome_from_condition(error.condition, error.iq.xml) from None
        return slot_from_answer(answer.xml)

    async def _send(self, slot: Slot, stream: BinaryIO, size: int, kind: str) -> None:
        headers = {**slot.headers, "Content-Type": kind, "Content-Length": str(size)}
        trust = ssl.create_default_context()
        if self._authority is not None:
            trust.load_verify_locations(self._authority)
        outcome: DeliveryError | None
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as session,
                session.put(
                    slot.put, data=stream, headers=headers, ssl=trust, allow_redirects=False
                ) as answer,
            ):
                outcome = outcome_from_status(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            # The address holds a secret of ours; it is not to be named.
            said = f"the upload failed: {type(error).__name__}"
            raise Delayed(said, seconds=AGAIN_SECONDS) from None
        if outcome is not None:
            raise outcome


async def _services(stream: Stream, domain: str) -> list[str]:
    try:
        found = await stream.plugin["xep_0030"].get_items(jid=domain, timeout=DISCO_SECONDS)
    except XMPPError:
        return []
    return [str(jid) for jid, _, _ in found["disco_items"]["items"]][:SERVICES]


async def _largest(stream: Stream, jid: str, most: int) -> int | None:
    """The bytes that a service takes, ``most`` if it does not say; None if it is another one."""
    try:
        found = await stream.plugin["xep_0030"].get_info(
            jid=jid, timeout=DISCO_SECONDS, cached=False
        )
    except XMPPError:
        return None
    if UPLOAD not in found["disco_info"]["features"]:
        return None
    return min(largest_from_form(found.xml) or most, most)
