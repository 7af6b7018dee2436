"""What one broadcast to a room of browsers costs: our web platform beside stock Channels.

    python benchmarks/websocket_broadcast.py [--sockets 1000] [--seconds 5]

Both servers run one after the other, each in a process of its own, against the same clients: a
client says about 200 characters, everybody gets them, and ``--flight`` broadcasts are under way
at a time. What counts is the server's CPU time per delivery; the deliveries per second are a
lower bound, because the clients share the machine. "stock" is Daphne with the consumer of
Channels' tutorial and its InMemoryChannelLayer. Takes about 20 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

TEXT = "bench " + "x" * 194
MARK = b'"bench '
WARM_SECONDS = 1.0
CONNECTING = 50
"""Handshakes under way at a time."""


# The servers.


def serve_ours() -> None:
    """Our server over a log in memory: the ledger has benchmarks of its own."""
    from gateway import settings
    from gateway.config import load

    with tempfile.TemporaryDirectory() as directory:
        settings.configure(load(environment={}, directory=Path(directory)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_ours())


async def _ours() -> None:
    from gateway.delivery.server import Arrival
    from gateway.delivery.status import State
    from gateway.testing.port import MemoryPort
    from protocols.websocket.server import Server
    from protocols.websocket.settings import Settings

    class LoggingPort(MemoryPort):
        def _accept(self, arrival: Arrival) -> None:
            self.streams.append(arrival.conversation, arrival.event)

    port = LoggingPort("web:default")
    server = Server("web:default", Settings(port=0), port)

    def say(status: Any) -> None:
        if status.state is State.CONNECTED and server.address:
            print(server.address[1], flush=True)

    port.status.listener = say
    await server.run()


def serve_stock() -> None:
    """Daphne and the tutorial's chat, as Channels' documentation has them."""
    from daphne.server import Server
    from django.conf import settings

    layer = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    settings.configure(SECRET_KEY="benchmark", CHANNEL_LAYERS={"default": layer})
    server = Server(_tutorial(), endpoints=["tcp:0:interface=127.0.0.1"], signal_handlers=False)
    server.ready_callable = lambda: print(server.listening_addresses[0][1], flush=True)
    server.run()


def _tutorial() -> Any:
    from channels.generic.websocket import AsyncWebsocketConsumer

    class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
        async def connect(self) -> None:
            await self.channel_layer.group_add("chat", self.channel_name)
            await self.accept()

        async def disconnect(self, code: int) -> None:
            await self.channel_layer.group_discard("chat", self.channel_name)

        async def receive(self, text_data: str = "", bytes_data: bytes = b"") -> None:
            message = json.loads(text_data)["text"]
            await self.channel_layer.group_send(
                "chat", {"type": "chat.message", "message": message}
            )

        async def chat_message(self, event: dict[str, Any]) -> None:
            await self.send(text_data=json.dumps({"message": event["message"]}))

    return ChatConsumer.as_asgi()


# The clients.


@dataclass
class Crowd:
    """All clients together: what they received, and the broadcasts under way."""

    sockets: list[Client] = field(default_factory=list)
    received: int = 0
    wanted: int = 0
    speaker: int = 0
    speaking: bool = False

    def speak(self) -> None:
        """One more broadcast; everybody has a turn, because a single client may not say much."""
        self.speaker = (self.speaker + 1) % len(self.sockets)
        self.sockets[self.speaker].say()
        self.wanted += len(self.sockets)

    def heard(self, count: int) -> None:
        before, self.received = self.received, self.received + count
        size = len(self.sockets)
        for _ in range(self.received // size - before // size if self.speaking else 0):
            self.speak()


class Client(asyncio.Protocol):
    """One browser: counts the frames that carry the text."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.opened = asyncio.get_running_loop().create_future()
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(
            b"GET /ws/rooms/lobby/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        self.data += data
        if not self.opened.done():
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self.data = rest
            self.opened.set_result(None)
        self._frames()

    def _frames(self) -> None:
        data, at, count = self.data, 0, 0
        while len(data) - at >= 4:
            size = data[at + 1]
            begin = at + (4 if size == 126 else 2)
            end = begin + (int.from_bytes(data[at + 2 : at + 4], "big") if size == 126 else size)
            if end > len(data):
                break
            count += data.find(MARK, begin, end) >= 0
            at = end
        self.data = data[at:]
        if count:
            self.crowd.heard(count)

    def say(self) -> None:
        payload = json.dumps({"type": "message", "text": TEXT}).encode()
        head = b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4)
        self.transport.write(head + payload)


async def connect(port: int, sockets: int) -> Crowd:
    crowd = Crowd()
    gate = asyncio.Semaphore(CONNECTING)
    loop = asyncio.get_running_loop()

    async def one() -> None:
        async with gate:
            _, client = await loop.create_connection(lambda: Client(crowd), "127.0.0.1", port)
            await client.opened
            crowd.sockets.append(client)

    await asyncio.gather(*(one() for _ in range(sockets)))
    return crowd


# The measurement.


@dataclass(frozen=True)
class Result:
    """What one server did."""

    name: str
    microseconds: float
    per_second: float
    kibibytes: float
    missing: int


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kibibytes(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def measure(name: str, options: argparse.Namespace) -> Result:
    command = [sys.executable, __file__, "--serve", name]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)  # noqa: ASYNC220
    assert process.stdout is not None
    try:
        port = int(await asyncio.to_thread(process.stdout.readline))
        empty = resident_kibibytes(process.pid)
        crowd = await connect(port, options.sockets)
        await asyncio.sleep(0.5)
        memory = (resident_kibibytes(process.pid) - empty) / options.sockets
        return await broadcast(name, process.pid, crowd, options, memory)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def broadcast(
    name: str, process: int, crowd: Crowd, options: argparse.Namespace, memory: float
) -> Result:
    crowd.speaking = True
    for _ in range(options.flight):
        crowd.speak()
    await asyncio.sleep(WARM_SECONDS)
    received, cpu, began = crowd.received, cpu_seconds(process), time.perf_counter()
    await asyncio.sleep(options.seconds)
    received, cpu = crowd.received - received, cpu_seconds(process) - cpu
    seconds = time.perf_counter() - began
    crowd.speaking = False
    until = time.perf_counter() + 5
    while crowd.received < crowd.wanted and time.perf_counter() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for client in crowd.sockets:
        client.transport.abort()
    per_delivery = cpu / max(received, 1) * 1e6
    missing = crowd.wanted - crowd.received
    return Result(name, per_delivery, received / seconds, memory, missing)


async def compare(options: argparse.Namespace) -> None:
    print(f"{options.sockets} sockets, {options.flight} broadcasts in flight")
    print(
        f"{'server':8}{'CPU us/delivery':>18}{'deliveries/s':>15}{'KiB/socket':>13}{'missing':>10}"
    )
    for name in SERVERS:
        result = await measure(name, options)
        print(
            f"{result.name:8}{result.microseconds:18.1f}{result.per_second:15.0f}"
            f"{result.kibibytes:13.1f}{result.missing:10}"
        )


SERVERS = {"ours": serve_ours, "stock": serve_stock}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--flight", type=int, default=4)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.serve:
        SERVERS[options.serve]()
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(compare(options))


if __name__ == "__main__":
    main()
