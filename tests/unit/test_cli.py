"""The command line: verbs, exit codes, and sentences instead of tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import place
from gateway.cli import run
from gateway.vocabulary.errors import ConfigurationError

VERBS = ("serve", "check", "config", "rooms", "send", "status", "version", "completion")

HEAVY = ("django", "channels", "twisted", "telegram", "slixmpp", "aiohttp", "pydantic", "structlog")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert not [verb for verb in VERBS if verb not in shown]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from gateway.cli import run; run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(done.stdout.split())


def test_no_verb_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().err


WRONG = {
    "srve": "No such command 'srve'. Did you mean 'serve'?",
    "rooms creat": "No such command 'creat'. Did you mean 'create'?",
    "serve --protocls ws": "No such option: --protocls. Did you mean --protocols?",
    "send lobby": "Missing argument 'text'.",
    "completion csh": "Invalid value for '<bash|zsh|fish>'",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_line_is_said(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    assert WRONG[line].split("'")[0] in capsys.readouterr().err


@pytest.mark.parametrize("line", ["srve", "rooms creat", "serve --protocls ws"])
def test_what_was_meant_is_said(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(line.split())
    assert WRONG[line] in capsys.readouterr().err


def test_a_wrong_configuration_is_2(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "gateway.toml").write_text("protocolls = []")
    assert run(["serve"]) == 2
    said = capsys.readouterr().err
    assert said == "gateway.toml:1: there is no key protocolls; did you mean protocols?\n"


def test_a_missing_configuration_file_is_2() -> None:
    assert run(["config", "show", "--config", "other.toml"]) == 2


@pytest.mark.parametrize("line", ["status", "rooms list", "send lobby hello", "rooms invite a"])
def test_without_a_gateway_verbs_are_1(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 1
    assert "no gateway is running here" in capsys.readouterr().err


def test_a_traceback_is_shown_with_v(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_configuration_is_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--json"]) == 0
    keys = {row["key"]: row["origin"] for row in json.loads(capsys.readouterr().out)}
    assert keys["ws.port"] == "default"


def test_the_configuration_is_shown_as_a_table(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "gateway.toml").write_text('trusted_proxies = ["10.0.0.1"]')
    run(["config", "show"])
    assert ["trusted_proxies", '["10.0.0.1"]', "gateway.toml:1"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]


def test_the_version_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json"]) == 0
    assert "gateway" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert f"_GATEWAY_COMPLETE=complete_{shell}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gateway", "protocols", "consumers", "routing"])
def test_a_module_with_our_name_is_refused(name: str, directory: Path) -> None:
    (directory / f"{name}.py").touch()
    with pytest.raises(ConfigurationError, match=rf"{name}\.py .* rename it$"):
        place.guard_names(directory)


def test_a_package_with_our_name_is_refused(directory: Path) -> None:
    (directory / "consumers").mkdir()
    (directory / "consumers" / "bot.py").touch()
    with pytest.raises(ConfigurationError, match="rename it"):
        place.guard_names(directory)


def test_a_folder_with_our_name_and_no_module_is_fine(directory: Path) -> None:
    (directory / "gateway").mkdir()
    place.guard_names(directory)


def test_our_own_checkout_is_fine() -> None:
    place.guard_names(place.HOME)


def test_the_directory_comes_last_on_the_path(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    place.enter(directory)
    assert "" not in sys.path
    assert sys.path[-1] == str(directory)
