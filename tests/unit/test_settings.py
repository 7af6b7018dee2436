"""Django's settings, from the configuration. Each set-up is a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load
from gateway.settings import values


def derived(directory: Path, **variables: str) -> dict[str, Any]:
    return values(load(environment=variables, directory=directory))


def output(directory: Path, code: str, **variables: str) -> str:
    prelude = (
        "from pathlib import Path; from gateway.config import load\n"
        "from gateway.settings import configure\n"
        f"config = load(environment={variables!r}, directory=Path({str(directory)!r}))\n"
    )
    command = [sys.executable, "-W", "error", "-c", prelude + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_hosts_are_loopback_only(tmp_path: Path) -> None:
    assert derived(tmp_path)["ALLOWED_HOSTS"] == ["127.0.0.1", "[::1]", "localhost"]


def test_the_public_host_is_allowed(tmp_path: Path) -> None:
    found = derived(tmp_path, GATEWAY_PUBLIC_URL="https://chat.example.org")
    assert "chat.example.org" in found["ALLOWED_HOSTS"]


def test_the_public_origin_is_trusted(tmp_path: Path) -> None:
    found = derived(tmp_path, GATEWAY_PUBLIC_URL="https://chat.example.org:8443/x")
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://chat.example.org:8443"]


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_cookies_are_secure_behind_tls(tmp_path: Path, scheme: str, secure: bool) -> None:
    found = derived(tmp_path, GATEWAY_PUBLIC_URL=f"{scheme}://chat.example.org")
    assert (found["SESSION_COOKIE_SECURE"], found["CSRF_COOKIE_SECURE"]) == (secure, secure)


def test_a_commit_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    code = (
        "configure(config)\n"
        "from django.db import connection as c\n"
        "cursor = c.cursor()\n"
        "print([cursor.execute(f'PRAGMA {p}').fetchone()[0]"
        " for p in ('journal_mode', 'synchronous')])"
    )
    assert output(tmp_path, code) == "['wal', 2]"


def test_our_layer_is_the_default_one(tmp_path: Path) -> None:
    code = (
        "configure(config)\n"
        "from channels.layers import channel_layers as l\n"
        "print(type(l['default']).__name__, type(l['other']).__name__)"
    )
    (tmp_path / "gateway.toml").write_text(
        '[channel_layers.other]\nbackend = "channels.layers.InMemoryChannelLayer"'
    )
    assert output(tmp_path, code) == "HubLayer InMemoryChannelLayer"


def test_configuring_twice_is_harmless(tmp_path: Path) -> None:
    assert output(tmp_path, "configure(config); configure(config); print('ok')") == "ok"


def test_django_finds_nothing_wrong(tmp_path: Path) -> None:
    code = "configure(config)\nfrom django.core.checks import run_checks\nprint(run_checks())"
    assert output(tmp_path, code) == "[]"


def test_static_files_come_from_the_packages(tmp_path: Path) -> None:
    code = (
        "configure(config)\n"
        "from django.contrib.staticfiles import finders\n"
        "print(bool(finders.find('gateway/style.css')))"
    )
    assert output(tmp_path, code) == "True"


def test_other_settings_are_respected(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "SECRET_KEY = 'x'\nINSTALLED_APPS = ['gateway.ledger']\nMINE = 1"
    )
    code = (
        "import os, sys; sys.path.append('.'); os.environ['DJANGO_SETTINGS_MODULE'] = 'mine'\n"
        "configure(config)\n"
        "from django.conf import settings; print(settings.MINE)"
    )
    assert output(tmp_path, code) == "1"


def test_other_settings_must_install_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("SECRET_KEY = 'x'")
    code = (
        "import os, sys; sys.path.append('.'); os.environ['DJANGO_SETTINGS_MODULE'] = 'mine'\n"
        "from gateway.vocabulary.errors import ConfigurationError\n"
        "try: configure(config)\n"
        "except ConfigurationError as error: print(error)"
    )
    expected = "the Django settings mine must have 'gateway.ledger' in INSTALLED_APPS"
    assert output(tmp_path, code) == expected
