"""The control socket: how verbs such as ``gateway status`` speak to the gateway that runs here.

A Unix socket (0600) beside the database. One JSON object a line:
``{"verb": "send", "arguments": {"to": "lobby", "text": "Hello"}}`` is answered by
``{"ok": true, "result": ...}`` or ``{"ok": false, "error": "a sentence"}``.

Whoever holds the lock of the directory owns the socket, so that one that a crash left behind
needs no guessing: the lock died with its process. A second gateway in the same directory serves
all the same, and takes the socket over when the first is gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import inspect
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.vocabulary.errors import GatewayError

logger = logging.getLogger(__name__)

LINE_LIMIT = 1024 * 1024
"""Bytes of a question."""
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer."""
CONNECTIONS = 32
"""Verbs that may ask at the same time; more wait to be let in."""
IDLE_SECONDS = 60.0
"""How long a connection may stay silent."""
ANSWER_SECONDS = 30.0
"""How long a verb waits for its answer."""
TAKEOVER_SECONDS = 2.0
"""How often a second gateway looks whether the first is gone."""
PATH_LIMIT = 100
"""Bytes of a path that every system takes as a socket's address (``sun_path``)."""

Verb = Callable[..., Awaitable[Any]]


class ControlServer:
    """Answers verbs at a socket; each verb is an async function of keyword arguments."""

    def __init__(
        self, path: Path, verbs: Mapping[str, Verb], *, takeover_seconds: float = TAKEOVER_SECONDS
    ) -> None:
        self.path = path
        self.verbs = dict(verbs)
        self.takeover_seconds = takeover_seconds
        self.opened = asyncio.Event()
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock: int | None = None
        self._server: asyncio.Server | None = None

    async def run(self) -> None:
        """Answer until cancelled; while another gateway answers here, wait for it to be gone."""
        try:
            if not await self.start():
                logger.info("another gateway answers at %s; waiting to take over", self.path)
            while self._server is None:
                await asyncio.sleep(self.takeover_seconds)
                await self.start()
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def start(self) -> bool:
        """Open the socket; False if another gateway has it."""
        lock = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            listening = _listening(self.path)
        except BlockingIOError:
            os.close(lock)
            return False
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock
        self._server = await asyncio.start_unix_server(
            self._connected, sock=listening, limit=LINE_LIMIT
        )
        self.opened.set()
        return True

    async def close(self) -> None:
        """Stop answering and give the socket up."""
        if self._server is None or self._lock is None:
            return
        self.opened.clear()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)
        os.close(self._lock)
        self._server = self._lock = None

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._talk(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._places:
                while await self._exchange(reader, writer):
                    pass
        except (OSError, TimeoutError):
            pass  # Whoever asked is gone, or forgot to go.
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one question; False when there will be no other."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                line = await reader.readline()
        except ValueError:  # The stream's word for a line over the limit.
            await _write(writer, _refusal(f"a question is at most {LINE_LIMIT} bytes"))
            return False
        if not line:
            return False
        await _write(writer, await self.answer(line))
        return True

    async def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one line; never raises, because the next one wants an answer too."""
        try:
            verb, arguments = _question(line)
            return {"ok": True, "result": await self._call(verb, arguments)}
        except (GatewayError, ValueError) as error:
            return _refusal(str(error))
        except Exception as error:
            logger.exception("a verb at the control socket failed")
            return _refusal(f"{type(error).__name__}: the gateway's log says more")

    async def _call(self, name: str, arguments: dict[str, Any]) -> Any:
        verb = self.verbs.get(name)
        if verb is None:
            raise GatewayError(f"there is no verb {name!r}; known are {', '.join(self.verbs)}")
        try:
            inspect.signature(verb).bind(**arguments)
        except TypeError as error:
            raise GatewayError(f"{name}: {error}") from None
        return await verb(**arguments)


def _listening(path: Path) -> socket.socket:
    """A socket bound to the path, for its owner only: it is refused until someone listens."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with _address(path) as address:
            listening.bind(address)
        path.chmod(0o600)
    except BaseException:
        listening.close()
        raise
    return listening


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """The path, or a short way to it (Linux), as socket addresses may not be long."""
    if len(os.fsencode(path)) <= PATH_LIMIT:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _question(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        question = json.loads(line)
        verb, arguments = question["verb"], question.get("arguments", {})
    except (ValueError, TypeError, LookupError, AttributeError):
        verb = arguments = None
    if not isinstance(verb, str) or not isinstance(arguments, dict):
        raise GatewayError('a question is one line: {"verb": "...", "arguments": {...}}')
    return verb, arguments


def _refusal(sentence: str) -> dict[str, Any]:
    return {"ok": False, "error": sentence}


async def _write(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    async with asyncio.timeout(IDLE_SECONDS):
        await writer.drain()


def ask(path: Path, verb: str, **arguments: Any) -> Any:
    """Ask the gateway that runs here; raises ``GatewayError`` with its refusal, or if none runs."""
    question = json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n"
    if len(question) > LINE_LIMIT:
        raise GatewayError(f"that is too long: {LINE_LIMIT} bytes at most")
    line = _asked(path, question)
    if not line.endswith(b"\n"):
        raise GatewayError(f"the gateway at {path} stopped before it had answered")
    answer = json.loads(line)
    if not answer["ok"]:
        raise GatewayError(answer["error"])
    return answer["result"]


def _asked(path: Path, question: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            with _address(path) as address:
                connection.connect(address)
            connection.sendall(question)
            with connection.makefile("rb") as stream:
                return stream.readline(ANSWER_LIMIT)
    except (FileNotFoundError, ConnectionRefusedError):
        sentence = f"no gateway is running here (no answer at {path}); start one with gateway serve"
    except PermissionError:
        sentence = f"only the user who runs the gateway may speak to it ({path})"
    except TimeoutError:
        sentence = f"the gateway did not answer within {ANSWER_SECONDS:g} s ({path})"
    except OSError as error:
        sentence = f"the gateway does not answer ({path}): {error.strerror}"
    raise GatewayError(sentence)
