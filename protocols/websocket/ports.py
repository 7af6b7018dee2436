"""Taking a TCP port, and saying who has it when it is taken."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gateway.vocabulary.errors import StartError

BACKLOG = 1024
"""Connections that may wait to be accepted; a room of a thousand comes back all at once."""

_LISTENING = "0A"


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen on ``host`` and ``port`` (0: a free one); raises ``StartError`` if that cannot be."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"[ws] host {host!r} is no address of this machine") from error
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.setblocking(False)
        taken.bind(address)
        taken.listen(BACKLOG)
    except OSError as error:
        taken.close()
        raise StartError(_refusal(host, port, error)) from error
    return taken


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        process = holder(port)
        by = f" by process {process}" if process else ""
        return f"port {port} of {host} is taken{by}; choose another with --port or [ws] port"
    return f"cannot listen on port {port} of {host}: {error.strerror}"


def holder(port: int) -> int | None:
    """The process that listens on a port, if this machine says so (Linux, own processes)."""
    inodes = {f"socket:[{inode}]" for inode in _inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        if not inodes.isdisjoint(_open_files(process)):
            return int(process.name)
    return None


def _open_files(process: Path) -> Iterator[str]:
    """What a process has open; files that are closed meanwhile, and what is not ours, are left."""
    with suppress(OSError):
        for file in (process / "fd").iterdir():
            with suppress(OSError):
                yield os.readlink(file)


def _inodes(port: int) -> list[str]:
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        rows = (line.split() for line in lines)
        found += [
            row[9] for row in rows if row[3] == _LISTENING and row[1].endswith(f":{port:04X}")
        ]
    return found
