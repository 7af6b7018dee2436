"""The gateway as people install it: as a wheel, and from a checkout; used from elsewhere.

Dependencies are not downloaded again: the fresh environment sees those of the running one, but
not the gateway there, because a directory that a ``.pth`` file adds brings no ``.pth`` of its own.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = ("gateway", "protocols", "consumers", "routing")

pytestmark = pytest.mark.timeout(180)


class Environment:
    """A virtual environment with our dependencies and without us."""

    def __init__(self, directory: Path) -> None:
        self.elsewhere = directory / "elsewhere"
        self.elsewhere.mkdir()
        venv.create(directory / "venv", with_pip=False)
        self.bin = directory / "venv" / "bin"
        base = {"base": str(directory / "venv"), "platbase": str(directory / "venv")}
        site = Path(sysconfig.get_path("purelib", "venv", vars=base))
        (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def install(self, *what: str) -> None:
        python = str(self.bin / "python")
        options = ("--quiet", "--no-deps", "--no-build-isolation", "--force-reinstall")
        run(sys.executable, "-m", "pip", "--python", python, "install", *options, *what)

    def gateway(self, *arguments: str) -> str:
        return run(str(self.bin / "gateway"), *arguments, directory=self.elsewhere)

    def python(self, code: str) -> str:
        return run(str(self.bin / "python"), "-c", code, directory=self.elsewhere)


def run(*command: str, directory: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory))
    return next(directory.glob("*.whl"))


@pytest.fixture(scope="module")
def from_wheel(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("from-wheel"))
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="module")
def from_checkout(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("from-checkout"))
    environment.install("--editable", str(ROOT))
    return environment


@pytest.fixture(params=["from_wheel", "from_checkout"])
def installed(request: pytest.FixtureRequest) -> Environment:
    environment: Environment = request.getfixturevalue(request.param)
    return environment


def test_the_version_is_printed(installed: Environment) -> None:
    assert installed.gateway("version").startswith("gateway ")


def test_help_is_printed(installed: Environment) -> None:
    assert "serve" in installed.gateway("--help")


def test_the_protocols_are_found(installed: Environment) -> None:
    shown = installed.gateway("config", "show")
    assert not [key for key in ("telegram.token", "xmpp.jid", "ws.port") if key not in shown]


def test_the_gateway_runs_as_a_module(installed: Environment) -> None:
    python = str(installed.bin / "python")
    shown = run(python, "-m", "gateway", "version", directory=installed.elsewhere)
    assert shown.startswith("gateway ")


@pytest.mark.parametrize("package", ["protocols.telegram", "protocols.xmpp", "protocols.websocket"])
def test_a_server_can_be_imported(installed: Environment, package: str) -> None:
    assert installed.python(f"import {package}.server as s; print(s.Server.__name__)") == "Server\n"


def test_what_is_installed_lies_together(from_wheel: Environment) -> None:
    code = f"import importlib as i; print(*(i.util.find_spec(n).origin for n in {TOP!r}))"
    origins = from_wheel.python(f"import importlib.util\n{code}").split()
    assert not [origin for origin in origins if "from-wheel" not in origin]


def test_the_wheel_brings_pages_and_their_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "gateway/dashboard/templates/dashboard/chat.html" in names
    assert "gateway/dashboard/static/gateway/chat.js" in names


def test_the_wheel_brings_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"gateway", "protocols", "consumers", "routing.py"}
