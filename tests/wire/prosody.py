"""A real Prosody for tests: its own configuration, data and ports, gone afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from programs import end, free_ports, listening, started

PROGRAM = Path("/usr/bin/prosody")
PASSWORD = "correct horse & <battery>"
HOST = "localhost"
ROOMS = "conference.localhost"
BRIDGE = "bridge.localhost"
SECRET = "open & <sesame>"

CONFIGURATION = """
run_as_root = true
daemonize = false
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
log = {{ info = "{directory}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
http_ports = {{ {http_port} }}
https_ports = {{ }}
http_default_host = "files.localhost"
http_interfaces = {{ "127.0.0.1" }}
component_ports = {{ {component_port} }}
modules_enabled = {{
    "roster"; "saslauth"; "disco"; "carbons"; "smacks"; "ping"; "offline"; {modules}
}}
modules_disabled = {{ "s2s"; "s2s_auth_certs" }}
{network_settings}
authentication = "internal_plain"
storage = "internal"
admins = {{ "admin@localhost" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
smacks_hibernation_time = {hibernation}
c2s_stanza_size_limit = {largest}
ssl = {{ certificate = "{certificate}", key = "{key}" }}
VirtualHost "localhost"
Component "conference.localhost" "muc"
    modules_enabled = {{ {room_modules} }}
    muc_room_default_public = true
    muc_room_default_persistent = {persistent}
Component "bridge.localhost"
    component_secret = "{secret}"
"""
FILES = """
Component "files.localhost" "http_file_share"
    http_external_url = "http://127.0.0.1:{http_port}/"
    http_file_share_size_limit = {largest_file}
"""
AT_ONCE = "network_settings = { nagle = false, opportunistic_writes = true }"
"""What spares stanzas some 30 ms; a Prosody as it is shipped waits."""


class Prosody:
    """One server, to be started and stopped any number of times over the same data."""

    def __init__(
        self,
        directory: Path,
        *,
        tls: bool = True,
        archive: bool = False,
        hibernation: int = 60,
        nagle: bool = False,
        largest: int = 262_144,
        largest_file: int = 0,
        users: Iterable[str] = ("bot", "alice", "bob", "eve"),
    ) -> None:
        if not PROGRAM.exists():
            raise RuntimeError(f"{PROGRAM} is needed for this test: apt-get install prosody")
        self.directory = directory
        self.port, self.tls_port, self.component_port, http_port = free_ports(4)
        self.certificate = directory / "certificate.pem"
        self._configuration = directory / "prosody.cfg.lua"
        self._users = tuple(users)
        self._process: asyncio.subprocess.Process | None = None
        key = directory / "key.pem"
        write_certificate(self.certificate, key)
        files = FILES.format(http_port=http_port, largest_file=largest_file)
        modules = ('"tls";' if tls else "") + ('"mam";' if archive else "")
        self._configuration.write_text(
            CONFIGURATION.format(
                directory=directory,
                port=self.port,
                tls_port=self.tls_port,
                http_port=http_port,
                component_port=self.component_port,
                secret=SECRET,
                modules=modules,
                hibernation=hibernation,
                largest=largest,
                network_settings="" if nagle else AT_ONCE,
                certificate=self.certificate,
                key=key,
                room_modules='"muc_mam"' if archive else "",
                # The archive of a room that is not persistent goes with the last who leaves.
                persistent="true" if archive else "false",
            )
            + (files if largest_file else "")
        )
        for user in self._users:
            self._register(user)

    def _register(self, user: str) -> None:
        """Make an account, as mod_auth_internal_plain stores it."""
        accounts = self.directory / "data" / HOST / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        (accounts / f"{user}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}"; }};\n')

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._process = await started(str(PROGRAM), "--config", str(self._configuration))
        for port in (self.port, self.component_port):
            await listening(port, self._process)

    async def stop(self) -> None:
        """End it in order."""
        await end(self._process)
        self._process = None

    async def kill(self) -> None:
        """End it at once, with nothing told to anybody."""
        await end(self._process, signal.SIGKILL)
        self._process = None


def write_certificate(certificate: Path, key: Path, *names: str) -> None:
    """Write a self-signed certificate for localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    hosts = [x509.DNSName(host) for host in (names or (HOST, ROOMS))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
