"""What ``gateway config show`` prints, and which secrets are known to the logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, load
from gateway.provenance import MASK, Row, rows, secrets

TOKEN = "123456:an-example-of-a-token"


def read(directory: Path, **variables: str) -> Config:
    return load(environment=variables, directory=directory)


def row(config: Config, key: str) -> Row:
    return next(one for one in rows(config) if one.key == key)


def test_what_nobody_set_is_a_default(tmp_path: Path) -> None:
    assert row(read(tmp_path), "idle_seconds") == Row("idle_seconds", 300.0, "default")


def test_a_value_of_the_file_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[xmpp]\n\n# who\njid = "bot@example.org"\n')
    expected = Row("xmpp.jid", "bot@example.org", "gateway.toml:4")
    assert row(read(tmp_path), "xmpp.jid") == expected


def test_a_value_of_the_environment_has_its_variable(tmp_path: Path) -> None:
    found = row(read(tmp_path, GATEWAY_WS__PORT="9"), "ws.port")
    assert found == Row("ws.port", 9, "GATEWAY_WS__PORT")


def test_a_value_of_dotenv_has_its_line_and_variable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\nGATEWAY_WS__PORT=9\n")
    assert row(read(tmp_path), "ws.port").origin == ".env:2 GATEWAY_WS__PORT"


def test_a_value_of_a_flag_has_the_flag(tmp_path: Path) -> None:
    config = load(flags={"app": "mine:application"}, environment={}, directory=tmp_path)
    assert row(config, "application").origin == "--app"


def test_a_secret_of_a_file_has_the_variable_that_named_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    config = read(tmp_path, GATEWAY_TELEGRAM__TOKEN_FILE=str(tmp_path / "token"))
    assert row(config, "telegram.token").origin == "GATEWAY_TELEGRAM__TOKEN_FILE"


def test_accounts_are_shown_by_name(tmp_path: Path) -> None:
    config = read(tmp_path, GATEWAY_TELEGRAM__SHOP__MODE="polling")
    assert row(config, "telegram.shop.mode").value == "polling"


SECRET = {
    "telegram.token": ("GATEWAY_TELEGRAM__TOKEN", TOKEN, MASK),
    "secret_key": ("GATEWAY_SECRET_KEY", "hush", MASK),
    "rooms.lobby.code": ("GATEWAY_ROOMS__LOBBY__CODE", "hush", MASK),
    "redis": ("GATEWAY_REDIS", "redis://u:hush@h:1/0", f"redis://u:{MASK}@h:1/0"),
    "database": ("GATEWAY_DATABASE", "postgres://u:hush@h/g", f"postgres://u:{MASK}@h/g"),
}


@pytest.mark.parametrize("key", SECRET)
def test_a_secret_is_masked(key: str, tmp_path: Path) -> None:
    variable, value, shown = SECRET[key]
    assert row(read(tmp_path, **{variable: value}), key).value == shown


def test_a_secret_that_is_not_set_is_shown_so(tmp_path: Path) -> None:
    assert row(read(tmp_path), "telegram.token").value == ""


def test_the_logs_know_every_secret(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        GATEWAY_TELEGRAM__TOKEN=TOKEN,
        GATEWAY_SECRET_KEY="key",
        GATEWAY_ROOMS__LOBBY__CODE="code",
        GATEWAY_REDIS="redis://:p%40ss@localhost",
    )
    assert secrets(config) == {TOKEN, "key", "code", "p%40ss", "p@ss"}
