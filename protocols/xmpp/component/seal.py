"""How our own words in the mouth of a puppet are known again, also in an archive years later."""

from __future__ import annotations

import hashlib
import hmac
from xml.etree.ElementTree import Element

NAMESPACE = "urn:chat-gateway:puppet:0"
SEAL = f"{{{NAMESPACE}}}seal"


class Seal:
    """Marks a message by its id under the component's secret: nobody else's can pass for ours.

    Who copies a message of ours, id and mark, keeps only their own copy from being heard.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode("utf-8", "surrogatepass")

    def of(self, name: str) -> str:
        """The mark of the message with the id ``name``."""
        said = name.encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, b"puppet\0" + said, hashlib.sha256).hexdigest()[:32]

    def element(self, name: str) -> str:
        """The mark, as it stands in a stanza."""
        return f"<seal xmlns='{NAMESPACE}' by='{self.of(name)}'/>"

    def holds(self, message: Element) -> bool:
        """Whether a message is ours."""
        found = message.find(SEAL)
        if found is None:
            return False
        given = found.get("by", "").encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, self.of(message.get("id", "")).encode())
