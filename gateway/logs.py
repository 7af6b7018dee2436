"""Logs: text where a person reads them, JSON where a machine does, and never a secret.

Secrets are taken out of the finished line, whatever brought them there: a message, an argument,
an exception of a library that quotes the address it could not reach.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterable
from typing import IO, Any

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from gateway.redaction import Redaction

QUIET = ("httpx", "httpcore", "aiohttp.access", "asyncio", "daphne")
"""Libraries whose INFO is noise, or names addresses that hold a token."""

OURS = ("gateway", "protocols", "consumers", "routing")
"""Only these speak at DEBUG: a library's DEBUG may spell out a login or what people say."""


UNAVAILABLE = 503


class RedactingFormatter(logging.Formatter):
    """Another formatter's lines, redacted."""

    def __init__(self, inner: logging.Formatter, redaction: Redaction) -> None:
        super().__init__()
        self.inner = inner
        self.redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """The finished line."""
        return self.redaction(self.inner.format(record))


def setup(
    secrets: Iterable[str] = (), *, verbosity: int = 0, stream: IO[str] | None = None
) -> None:
    """Send all logs to the stream (standard error). ``verbosity``: -1 quiet, 0, 1 with debugging.

    Tracebacks are shown from 1 on; otherwise an exception is one line that says where it arose.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    formatter = _formatter(stream.isatty(), tracebacks=verbosity > 0)
    handler.setFormatter(RedactingFormatter(formatter, Redaction(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if verbosity < 0 else logging.INFO)
    logging.getLogger("django.request").addFilter(_is_news)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    if verbosity > 0:
        for name in OURS:
            logging.getLogger(name).setLevel(logging.DEBUG)
    logging.captureWarnings(True)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is no answer of ``/readyz``, which may be asked every second: why is told once."""
    return getattr(record, "status_code", None) != UNAVAILABLE


def _formatter(terminal: bool, *, tracebacks: bool) -> ProcessorFormatter:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=not terminal),
        *((structlog.processors.format_exc_info,) if tracebacks else (exception_in_one_line,)),
    ]
    render = _text() if terminal else structlog.processors.JSONRenderer()
    return ProcessorFormatter(
        foreign_pre_chain=shared, processors=[ProcessorFormatter.remove_processors_meta, render]
    )


def _text() -> Processor:
    colours = not os.environ.get("NO_COLOR")
    # Not the library's own choice of traceback: that shows the values of variables.
    return structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def exception_in_one_line(_: Any, __: str, event: EventDict) -> EventDict:
    """Put an exception's name, words and place where its traceback would be."""
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else None
    if error is not None:
        event["error"] = f"{type(error).__name__}: {error}"
        if frames := traceback.extract_tb(error.__traceback__):
            event["at"] = f"{frames[-1].filename}:{frames[-1].lineno}"
    return event
