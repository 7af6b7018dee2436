"""A real ejabberd for tests, with the face of ``prosody.Prosody``: no node name, no epmd."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterable
from pathlib import Path

from programs import START_SECONDS, end, free_ports, listening, started
from prosody import BRIDGE, HOST, PASSWORD, ROOMS, SECRET, write_certificate

PROGRAM = Path("/usr/bin/erl")
CODE = Path("/usr/lib")

CONFIGURATION = """
hosts: [localhost]
loglevel: info
certfiles: ["{directory}/both.pem"]
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true}}
  - {{port: {tls_port}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true}}
{listen}
  - port: {component_port}
    ip: "127.0.0.1"
    module: ejabberd_service
    hosts:
      {bridge}:
        password: "{secret}"
auth_method: internal
modules:
  mod_disco: {{}}
  mod_roster: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_stream_mgmt: {{}}
  mod_muc:
    host: conference.localhost
    default_room_options: {{persistent: {archive}, anonymous: true, mam: {archive}}}
"""

FILES = """
  mod_http_upload:
    access: all
    docroot: "{directory}/files"
    put_url: "http://127.0.0.1:{http_port}/upload"
    max_size: {largest_file}
"""
LISTEN = """
  - {{port: {http_port}, ip: "127.0.0.1", module: ejabberd_http,
      request_handlers: {{/upload: mod_http_upload}}}}
"""
ARCHIVE = """
  mod_mam:
    default: always
"""


class Ejabberd:
    """One server, to be started and stopped any number of times over the same data."""

    def __init__(
        self,
        directory: Path,
        *,
        archive: bool = False,
        largest_file: int = 0,
        users: Iterable[str] = ("bot", "alice", "bob", "eve"),
    ) -> None:
        found = sorted(CODE.glob("*/ejabberd-*/ebin/ejabberd.app"))
        if not (PROGRAM.exists() and found):
            raise RuntimeError("ejabberd is needed for this test: apt-get install ejabberd")
        self.directory = directory
        self.port, self.tls_port, self.component_port, http_port = free_ports(4)
        self.certificate = directory / "certificate.pem"
        self._code = found[0].parent
        self._users = tuple(users)
        self._process: asyncio.subprocess.Process | None = None
        key = directory / "key.pem"
        write_certificate(self.certificate, key, HOST, ROOMS)
        (directory / "both.pem").write_bytes(self.certificate.read_bytes() + key.read_bytes())
        files = FILES.format(directory=directory, http_port=http_port, largest_file=largest_file)
        (directory / "ejabberd.yml").write_text(
            CONFIGURATION.format(
                directory=directory,
                port=self.port,
                tls_port=self.tls_port,
                component_port=self.component_port,
                bridge=BRIDGE,
                secret=SECRET,
                archive=str(archive).lower(),
                listen=LISTEN.strip("\n").format(http_port=http_port) if largest_file else "",
            )
            + (ARCHIVE if archive else "")
            + (files if largest_file else "")
        )

    async def start(self) -> None:
        """Start it, make the accounts, and wait until it takes connections."""
        accounts = ";".join(
            f"ejabberd_auth:try_register(<<{_text(user)}>>,<<{_text(HOST)}>>,<<{_text(PASSWORD)}>>)"
            for user in self._users
        )
        ready = self.directory / "ready"
        ready.unlink(missing_ok=True)
        expression = f"{accounts.replace(';', ',')}, file:write_file({_text(str(ready))}, <<>>)."
        arguments = (
            # Schedulers that wait busily starve themselves where others want the processor: on two
            # cores with three that are busy the start took 36 seconds, and without it three to ten.
            *("+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"),
            *("-noinput", "-pa", str(self._code)),
            *("-mnesia", "dir", _text(str(self.directory / "database"))),
            *("-ejabberd", "config", _text(str(self.directory / "ejabberd.yml"))),
            *("log_path", _text(str(self.directory / "ejabberd.log"))),
            *("-s", "ejabberd", "-eval", expression),
        )
        self._process = await started(
            str(PROGRAM), *arguments, directory=self.directory, HOME=str(self.directory)
        )
        for port in (self.port, self.component_port):
            await listening(port, self._process)
        async with asyncio.timeout(START_SECONDS):
            while not ready.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it in order."""
        await end(self._process)
        self._process = None

    async def kill(self) -> None:
        """End it at once, with nothing told to anybody."""
        await end(self._process, signal.SIGKILL)
        self._process = None


def _text(text: str) -> str:
    """An Erlang string."""
    return json.dumps(text)
