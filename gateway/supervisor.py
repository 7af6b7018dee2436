"""Keeps one protocol server running: where its account is at home, and again after a fall."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from gateway.delivery.leases import Leases
from gateway.delivery.server import ProtocolServer
from gateway.delivery.status import State, Status
from gateway.vocabulary.errors import CredentialsRefused, GatewayError, StartError

logger = logging.getLogger(__name__)

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds before a server is started again: doubled each time, with jitter."""

STEADY = 60.0
"""A server that ran so long begins again with the shortest pause."""

LEASE_LOOK = 0.25
"""Seconds between two looks at the (local) lease."""


class Supervisor:
    """Runs one server; its falls are nobody else's."""

    def __init__(self, server: ProtocolServer, leases: Leases, *, leased: bool) -> None:
        self.server = server
        self.status: Status = server.port.status
        self._leases = leases
        self._leased = leased

    async def run(self) -> None:
        """Run the server until cancelled, or until its credentials were refused."""
        pause = SHORTEST
        while True:
            await self._come_home()
            began = time.monotonic()
            try:
                await self._serve()
            except CredentialsRefused as error:
                self.status.set(State.REFUSED, str(error), error=str(error))
                return
            except StartError:
                raise
            except Exception as error:
                self._fell(error)
            if time.monotonic() - began > STEADY:
                pause = SHORTEST
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST)

    def _fell(self, error: Exception) -> None:
        known = isinstance(error, GatewayError | OSError)
        sentence = str(error) if known and str(error) else f"{type(error).__name__}: {error}"
        self.status.set(State.RECONNECTING, sentence, error=sentence)
        logger.debug("account=%s fell", self.server.account, exc_info=error)

    async def _come_home(self) -> None:
        while self._leased and not self._leases.holds(self.server.account):
            if holder := self._leases.elsewhere.get(self.server.account):  # else nobody has asked
                self.status.set(State.ELSEWHERE, f"served by {holder}")
            await asyncio.sleep(LEASE_LOOK)

    async def _serve(self) -> None:
        """Run the server as long as the account is at home here."""
        serving = asyncio.create_task(self.server.run())
        try:
            while not serving.done():
                await asyncio.wait({serving}, timeout=LEASE_LOOK)
                if self._leased and not self._leases.holds(self.server.account):
                    break
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            await self.server.close()
        if not serving.cancelled():
            serving.result()
