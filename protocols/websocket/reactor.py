"""Twisted on our event loop: the one place that knows how Daphne's reactor is kept in its place.

Daphne wants to own the process: importing ``daphne.server`` makes a loop and installs a reactor
on it, ``run`` runs that reactor, and stopping the reactor stops the loop. So, in this order:

1. inside the running loop a reactor is installed on that loop, before ``daphne.server`` is
   imported (it keeps a reactor of this kind that it finds) or any ``twisted.internet.reactor``;
2. the spare loop that ``daphne.server`` made is closed;
3. the reactor is started without signal handlers, and never run or stopped.

A process has one reactor. The product has one loop too; tests have one after the other, so a
reactor whose loop no longer runs is moved to the one that does. What a server leaves behind on
its old loop is lost, which is why ``Server.close`` comes first.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from gateway.vocabulary.errors import StartError

logger = logging.getLogger(__name__)


def running_reactor() -> Any:
    """Twisted's reactor, running on the running loop; raises ``StartError`` if that cannot be."""
    loop = asyncio.get_running_loop()
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        reactor = _install(loop)
    elif not hasattr(reactor, "_asyncioEventloop"):
        raise StartError("something imported twisted.internet.reactor before the web server did")
    elif reactor._asyncioEventloop is not loop:
        _move(reactor, loop)
    _close_spare_loop(loop)
    if not reactor._started:
        reactor.startRunning(installSignalHandlers=False)
    return reactor


def _install(loop: asyncio.AbstractEventLoop) -> Any:
    from twisted.internet import asyncioreactor
    from twisted.logger import globalLogBeginner

    # Without a beginning Twisted keeps its log in memory, and prints it at some point.
    globalLogBeginner.beginLoggingTo([_log], redirectStandardIO=False, discardBuffer=True)
    asyncioreactor.install(loop)
    return sys.modules["twisted.internet.reactor"]


def _close_spare_loop(loop: asyncio.AbstractEventLoop) -> None:
    from daphne.server import twisted_loop

    if twisted_loop is not loop and not twisted_loop.is_running():
        twisted_loop.close()


def _move(reactor: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Take the reactor to another loop; it has no public way."""
    old = reactor._asyncioEventloop
    if old.is_running():
        raise StartError("Twisted runs on another event loop of this process")
    if not old.is_closed():
        reactor.removeAll()
        reactor.removeReader(reactor.waker)
    reactor._readers.clear()
    reactor._writers.clear()
    reactor._asyncioEventloop = loop
    reactor._timerHandle = reactor._scheduledAt = None
    reactor.addReader(reactor.waker)
    reactor._reschedule()


def _log(event: dict[str, Any]) -> None:
    """Hand Twisted's errors to our log; autobahn's words on every bad client are not errors."""
    if event["log_level"].name in ("error", "critical"):
        from twisted.logger import formatEvent

        failure = event.get("log_failure")
        reason = (failure.type, failure.value, failure.getTracebackObject()) if failure else None
        logger.error("%s", formatEvent(event) or "unhandled error in Twisted", exc_info=reason)
