"""Logs: no secret, one line for an exception, JSON for machines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway import logs
from gateway.redaction import Redaction

SECRET = 'p"äss\\word'
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


class Terminal(io.StringIO):
    """A stream that people read."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the logging of the test run as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*logs.QUIET, *logs.OURS)}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def raising() -> None:
    """Log an exception that quotes a secret."""
    try:
        raise ValueError(f"cannot reach https://api.example.org/bot{TOKEN}/getMe as {SECRET}")
    except ValueError:
        logging.getLogger("gateway.test").exception("failed account=%s", "x:default")


@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_an_exception_shows_no_secret(kind: type[io.StringIO], verbosity: int) -> None:
    stream = kind()
    logs.setup([SECRET], verbosity=verbosity, stream=stream)
    raising()
    said = stream.getvalue()
    assert "•••" in said or "\\u2022" in said
    assert not [hidden for hidden in ("AAHdq", "äss", "\\u00e4ss") if hidden in said]


def test_an_argument_shows_no_secret() -> None:
    stream = io.StringIO()
    logs.setup([SECRET], stream=stream)
    logging.getLogger("gateway").warning("said %r", {"password": SECRET})
    assert "ss" not in json.loads(stream.getvalue())["event"].replace("password", "")


def test_what_is_shaped_like_a_token_is_masked() -> None:
    assert Redaction()(f"/bot{TOKEN}/getMe") == "/bot•••/getMe"


def test_a_longer_secret_leaves_no_rest() -> None:
    assert Redaction(["hush", "hush-hush"])("hush-hush") == "•••"


def test_a_secret_too_short_to_hide_garbles_nothing() -> None:
    assert Redaction(["a"])("a banana") == "a banana"


def test_a_traceback_is_shown_to_those_who_ask() -> None:
    stream = Terminal()
    logs.setup(verbosity=1, stream=stream)
    raising()
    assert "Traceback" in stream.getvalue()


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_otherwise_an_exception_is_one_line(kind: type[io.StringIO]) -> None:
    stream = kind()
    logs.setup(stream=stream)
    raising()
    assert len(stream.getvalue().splitlines()) == 1


def test_a_machine_reads_json() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    logging.getLogger("gateway.x").info("ready", extra={"conversation": "web:default:lobby"})
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "ready",
        "level": "info",
        "logger": "gateway.x",
        "conversation": "web:default:lobby",
    }


def test_a_person_reads_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    logs.setup(stream=stream)
    logging.getLogger("gateway.x").info("ready", extra={"conversation": "web:default:lobby"})
    said = stream.getvalue()
    assert "ready" in said
    assert "conversation=web:default:lobby" in said
    assert "\x1b" not in said


def test_a_librarys_chatter_is_not_shown() -> None:
    stream = io.StringIO()
    logs.setup(verbosity=1, stream=stream)
    logging.getLogger("httpx").info("HTTP Request: POST https://...")
    logging.getLogger("some.library").debug("SEND: <auth>...</auth>")
    assert stream.getvalue() == ""


def test_not_being_ready_is_not_told_each_time_that_somebody_asks() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    for status in (500, 503):
        extra = {"status_code": status}
        logging.getLogger("django.request").error("answered %d", status, extra=extra)
    assert ("answered 500" in stream.getvalue(), "503" in stream.getvalue()) == (True, False)


def test_quiet_shows_warnings_only() -> None:
    stream = io.StringIO()
    logs.setup(verbosity=-1, stream=stream)
    logging.getLogger("gateway").info("ready")
    logging.getLogger("gateway").warning("degraded")
    assert json.loads(stream.getvalue())["event"] == "degraded"
