"""What can go wrong, and what each error says about what to do next.

* ``GatewayError``
    * ``ConfigurationError``: wrong words in the configuration; exit code 2.
    * ``StartError``: could not start; exit code 3.
    * ``CredentialsRefused``: the network does not accept the account; it is stopped, not retried.
    * ``LedgerAway``: the ledger cannot be written now; what asked for it was not recorded.
    * ``RoomError``: a room command that cannot be carried out; the text is for the person.
    * ``MediaError``: a file that cannot be had; the text is for the person.
    * ``DeliveryError``: the fate of one outgoing event
        * ``NotSent``: it certainly did not reach the network; try again.
        * ``Delayed``: the network wants it later.
        * ``Uncertain``: the connection died after the request was written.
        * ``Refused``: the network will never take it.
        * ``Moved``: the chat has another address now.
* ``UnknownEvent`` (a ``ValueError``): an application sent a type that nobody knows.
* ``ConversationClosed`` (an ``OSError``): an application sent after its conversation ended.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything the gateway itself raises; its text is a sentence for people."""


class ConfigurationError(GatewayError):
    """The configuration cannot be used; the text names the key and what would be right."""


class StartError(GatewayError):
    """The gateway cannot start here and now."""


class CredentialsRefused(GatewayError):
    """The network refused the account for good; the account stops, the others go on."""


class LedgerAway(GatewayError):
    """The ledger cannot be written; nothing may be acknowledged."""


class RoomError(GatewayError):
    """A room command that cannot be carried out; the text may be shown to the person."""


class DeliveryError(GatewayError):
    """One outgoing event did not simply arrive."""


class NotSent(DeliveryError):
    """Nothing of the event reached the network, so that it can be sent again."""


class Delayed(DeliveryError):
    """The network takes the event after ``seconds``: this chat's, or all of the account's."""

    def __init__(self, detail: str, *, seconds: float, whole_account: bool = False) -> None:
        super().__init__(detail)
        self.seconds = seconds
        self.whole_account = whole_account


class Uncertain(DeliveryError):
    """The request was written and no answer came: nobody knows whether it took effect."""


class Refused(DeliveryError):
    """The network will never take this event. ``code`` is one of the codes of the spec."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Moved(DeliveryError):
    """The chat lives at another place now (Bot API: ``migrate_to_chat_id``)."""

    def __init__(self, conversation: str) -> None:
        super().__init__(f"moved to {conversation}")
        self.conversation = conversation


class MediaError(GatewayError):
    """A file cannot be had. ``code``: ``"too_large"``, ``"gone"`` or ``"refused"``.

    ``again``: the same may work later, because only the way to the file is broken now.
    """

    def __init__(self, code: str, detail: str, *, again: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.again = again

    def of_delivery(self) -> DeliveryError:
        """What it means for an event that was to bring the file."""
        return NotSent(str(self)) if self.again else Refused(self.code, str(self))


class UnknownEvent(ValueError):
    """An application sent an event of a type that its server does not know."""


class ConversationClosed(OSError):
    """An application sent an event after its conversation had ended (ASGI: after close)."""
