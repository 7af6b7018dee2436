"""What is said to an upload service, and what it answers (XEP-0363). Nothing here performs I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from gateway.vocabulary.errors import Delayed, DeliveryError, Refused

UPLOAD = "urn:xmpp:http:upload:0"
HEADERS = ("authorization", "cookie", "expires")
"""What a service may have us say besides (section 5)."""
AGAIN_SECONDS = 10.0
"""How long to wait after what may have been an accident."""
FULL_SECONDS = 60.0
"""How long to wait when the service says ``wait`` and not how long."""

_NAMESPACE = f"{{{UPLOAD}}}"
_FORM = "{jabber:x:data}"
_DIGITS = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a file goes, and where others fetch it; the headers are secret."""

    put: str
    fetch: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"Slot({urlsplit(self.fetch).hostname})"


def slot_request(name: str, size: int, kind: str) -> Element:
    """Ask for a place for a file."""
    told = {"filename": name, "size": str(size), "content-type": kind}
    return Element(f"{_NAMESPACE}request", told)


def slot_from_answer(iq: Element) -> Slot:
    """Read where to; raises ``Refused`` if no file of ours should go there."""
    put, fetch = iq.find(f".//{_NAMESPACE}put"), iq.find(f".//{_NAMESPACE}get")
    if put is None or fetch is None:
        raise Refused("refused", "the upload service gave no address")
    slot = Slot(put.get("url", ""), fetch.get("url", ""), _headers(put))
    if not (_is_safe(slot.put) and _is_safe(slot.fetch)):
        raise Refused("refused", "the upload service gave an address without TLS")
    return slot


def _headers(put: Element) -> dict[str, str]:
    """The headers that are allowed; line ends in them would make more of them."""
    found = {}
    for header in put.iterfind(f"{_NAMESPACE}header"):
        name, value = header.get("name", "").strip(), header.text or ""
        if name.lower() in HEADERS:
            found[name] = re.sub(r"[\r\n\0]", "", value).strip()
    return found


def _is_safe(url: str) -> bool:
    """Whether it is https, or never leaves this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return bool(host)
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def largest_from_form(info: Element) -> int | None:
    """The largest file that a service says it takes (section 4)."""
    for field in info.iterfind(f".//{_FORM}field[@var='max-file-size']"):
        number = (field.findtext(f"{_FORM}value") or "").strip()
        if _DIGITS.fullmatch(number):
            return int(number)
    return None


def outcome_from_condition(condition: str, iq: Element) -> DeliveryError:
    """What an error means for the message that was to bring the file."""
    if iq.find(f".//{_NAMESPACE}file-too-large") is not None:
        return Refused("too_large", "our server keeps no file of that size")
    error = iq.find("{jabber:client}error")
    if error is not None and error.get("type") == "wait":
        return Delayed(f"the upload service: {condition}", seconds=FULL_SECONDS)
    return Refused("refused", f"the upload service: {condition}")


def outcome_from_status(status: int) -> DeliveryError | None:
    """What the answer to an upload means; None: the file is there."""
    if status in (200, 201, 204):
        return None
    if status == 413:
        return Refused("too_large", "our server keeps no file of that size")
    if status >= 500 or status in (403, 408, 429):  # 403: the slot was too old
        return Delayed(f"the upload service answered {status}", seconds=AGAIN_SECONDS)
    return Refused("refused", f"the upload service answered {status}")
