"""For tests of applications and of protocol servers: no token, no account, no network."""

from gateway.testing.communicators import (
    Communicator,
    RoomCommunicator,
    TelegramCommunicator,
    WebCommunicator,
    XmppCommunicator,
)
from gateway.testing.memory import MemoryGateway

__all__ = [
    "Communicator",
    "MemoryGateway",
    "RoomCommunicator",
    "TelegramCommunicator",
    "WebCommunicator",
    "XmppCommunicator",
]
