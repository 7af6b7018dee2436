"""The connection of a component (XEP-0114): a client's, but for its namespace and its login."""

from __future__ import annotations

import hashlib
from typing import Any
from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import CredentialsRefused, GatewayError
from protocols.xmpp.acknowledgement import Departure, Verdict
from protocols.xmpp.component.address import (
    attributes_of,
    identified,
    sent_from,
    with_element,
)
from protocols.xmpp.component.seal import Seal
from protocols.xmpp.elements import CLIENT
from protocols.xmpp.stream import STREAM_ERROR, STREAM_ERRORS, Stream, Unreachable

ACCEPT = "{jabber:component:accept}"
HANDSHAKE = f"{ACCEPT}handshake"

_SUBSCRIPTIONS = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")


class Taken(Unreachable):
    """Somebody else is connected as this component."""


class ComponentStream(Stream):
    """Speaks for a whole domain; inside of it everything is as in a client's stream."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._secret = self.settings.password.get_secret_value()
        self._seal = Seal(self._secret)
        self.stream_header = (
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{self.stream_ns}' "
            f"to='{self.settings.domain}'>"
        )

    # Login

    def start_stream_handler(self, xml: Element) -> None:
        """Prove that we know the secret (XEP-0114, 3)."""
        proof = f"{xml.get('id', '')}{self._secret}".encode("utf-8", "surrogatepass")
        self.send_raw(f"<handshake>{hashlib.sha1(proof).hexdigest()}</handshake>")

    def _on_accepted(self) -> None:
        if self.online:
            return
        self.sessionstarted = self.bound = True
        self.session_bind_event.set()
        self.event("session_bind", self.boundjid)
        self.event("session_start")
        self._on_negotiated()

    def _on_stream_error(self, xml: Element) -> None:
        tags = [child.tag for child in xml if child.tag.startswith(STREAM_ERRORS)]
        refusal = None if self.online or not tags else self._refusal_of(tags[0])
        if refusal is None:
            super()._on_stream_error(xml)
        else:
            self.drop(refusal)

    def _refusal_of(self, tag: str) -> GatewayError | None:
        domain = self.settings.domain
        match tag.removeprefix(STREAM_ERRORS):
            case "not-authorized":
                said = f"{self.where} refuses the component {domain}: wrong secret"
                return CredentialsRefused(said)
            case "host-unknown":
                said = f"{self.where} knows no component {domain}: it has to be configured there"
                return CredentialsRefused(said)
            case "conflict":
                # Perhaps ourselves: a connection that died, and the server has not noticed yet.
                return Taken(f"{self.where} has another connection of the component {domain}")
        return None

    # In

    def _spawn_event(self, xml: Element) -> None:
        if xml.tag == HANDSHAKE:
            return self._on_accepted()
        if xml.tag != STREAM_ERROR:
            for element in xml.iter():
                if element.tag.startswith(ACCEPT):
                    element.tag = CLIENT + element.tag[len(ACCEPT) :]
        return super()._spawn_event(xml)

    # Out

    def say(self, text: str, verdict: Verdict | None = None) -> Departure:
        """See ``Stream.say``; what is said to nobody is for clients, and is not said."""
        attributes = attributes_of(text)
        if "to" not in attributes:
            return Departure(text)
        subscription = attributes.get("type") in _SUBSCRIPTIONS
        jid = self.boundjid.bare if subscription else self.boundjid.full
        if text.startswith("<message") and attributes.get("from", jid) != jid:
            name = attributes.get("id") or self.new_id()
            text = with_element(identified(text, name), self._seal.element(name))
        return super().say(sent_from(text, jid), verdict)
