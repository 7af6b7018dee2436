"""The configuration: what is read, from where, in which order, and what becomes of it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, load, secret_key
from gateway.vocabulary.errors import StartError

TOKEN = "123456:an-example-of-a-token"


def read(directory: Path, toml: str = "", /, flags: Any = None, **variables: str) -> Config:
    if toml:
        (directory / "gateway.toml").write_text(toml)
    return load(flags=flags or {}, environment=variables, directory=directory)


def test_without_a_file_the_web_alone_is_served(tmp_path: Path) -> None:
    assert read(tmp_path).protocols == ("ws",)


def test_a_platform_with_credentials_is_served(tmp_path: Path) -> None:
    config = read(tmp_path, f'[telegram]\ntoken = "{TOKEN}"')
    assert config.protocols == ("telegram", "ws")


def test_protocols_are_those_chosen(tmp_path: Path) -> None:
    assert read(tmp_path, 'protocols = ["xmpp"]').protocols == ("xmpp",)


def test_a_flag_takes_a_list_with_commas(tmp_path: Path) -> None:
    config = read(tmp_path, flags={"protocols": "telegram, xmpp,ws"})
    assert config.protocols == ("telegram", "xmpp", "ws")


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    config = read(tmp_path, "idle_seconds = 1", GATEWAY_IDLE_SECONDS="2")
    assert config.idle_seconds == 2


def test_dotenv_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY_IDLE_SECONDS=3\n")
    assert read(tmp_path, "idle_seconds = 1").idle_seconds == 3


def test_the_environment_goes_before_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY_IDLE_SECONDS=3\n")
    assert read(tmp_path, GATEWAY_IDLE_SECONDS="2").idle_seconds == 2


def test_a_flag_goes_before_the_environment(tmp_path: Path) -> None:
    config = read(tmp_path, flags={"port": 9000}, GATEWAY_WS__PORT="8080")
    assert config.accounts["ws"]["default"].port == 9000


def test_a_flag_that_was_not_given_changes_nothing(tmp_path: Path) -> None:
    config = read(tmp_path, flags={"port": None}, GATEWAY_WS__PORT="8080")
    assert config.accounts["ws"]["default"].port == 8080


def test_other_variables_of_a_dotenv_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DJANGO_DEBUG=1\n")
    assert read(tmp_path).protocols == ("ws",)


def test_variables_of_a_cluster_are_not_ours(tmp_path: Path) -> None:
    variables = {"GATEWAY_PORT": "tcp://10.0.0.1:80", "GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1"}
    assert read(tmp_path, GATEWAY_SERVICE_HOST="10.0.0.1", **variables).protocols == ("ws",)


def test_subtables_are_more_accounts(tmp_path: Path) -> None:
    config = read(tmp_path, f'[telegram]\ntoken = "{TOKEN}"\n[telegram.shop]\nmode = "polling"')
    assert list(config.accounts["telegram"]) == ["default", "shop"]


def test_an_account_may_come_from_a_variable(tmp_path: Path) -> None:
    config = read(tmp_path, GATEWAY_TELEGRAM__SHOP__TOKEN=TOKEN)
    assert config.accounts["telegram"]["shop"].token.get_secret_value() == TOKEN


def test_where_only_others_are_named_there_is_no_default_account(tmp_path: Path) -> None:
    config = read(tmp_path, GATEWAY_TELEGRAM__SHOP__TOKEN=TOKEN)
    assert "default" not in config.accounts["telegram"]


def test_a_variable_finds_an_account_whatever_its_letters(tmp_path: Path) -> None:
    config = read(tmp_path, "[telegram.My-Shop]", GATEWAY_TELEGRAM__MY_SHOP__TOKEN=TOKEN)
    assert config.accounts["telegram"]["My-Shop"].configured


def test_a_table_that_is_a_key_is_no_account(tmp_path: Path) -> None:
    config = read(tmp_path, "[telegram]\nlimits = { per_second = 5 }")
    assert config.accounts["telegram"]["default"].limits.per_second == 5


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    config = read(tmp_path, GATEWAY_TELEGRAM__TOKEN_FILE=str(secret))
    assert config.accounts["telegram"]["default"].token.get_secret_value() == TOKEN


def test_the_database_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "g.toml").write_text('database = "sqlite:///state.sqlite3"')
    config = load(Path("etc/g.toml"), environment={}, directory=tmp_path)
    assert config.database == f"sqlite:///{tmp_path}/etc/state.sqlite3"


def test_the_state_lies_beside_the_database(tmp_path: Path) -> None:
    config = read(tmp_path, 'database = "sqlite:////var/lib/gateway/state.sqlite3"')
    assert config.socket == Path("/var/lib/gateway/gateway.sock")


def test_with_a_database_server_the_state_lies_beside_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, 'database = "postgres://u:p@localhost/g"').directory == tmp_path


def test_the_lobby_is_open_to_the_page_on_loopback(tmp_path: Path) -> None:
    assert read(tmp_path).rooms["lobby"].access == "page"


def test_the_lobby_is_closed_where_others_can_reach_it(tmp_path: Path) -> None:
    assert read(tmp_path, flags={"host": "0.0.0.0"}).rooms["lobby"].access == "members"


def test_what_is_said_of_the_lobby_counts(tmp_path: Path) -> None:
    assert read(tmp_path, '[rooms.lobby]\naccess = "link"').rooms["lobby"].access == "link"


def test_a_room_may_be_an_empty_table(tmp_path: Path) -> None:
    assert read(tmp_path, "[rooms.den]").rooms["den"].access == "members"


def test_a_room_has_members(tmp_path: Path) -> None:
    config = read(tmp_path, '[rooms.den]\nmembers = ["telegram:default:-1001"]')
    assert config.rooms["den"].members == ("telegram:default:-1001",)


def test_the_web_is_told_the_public_address(tmp_path: Path) -> None:
    config = read(tmp_path, 'public_url = "https://chat.example.org/"')
    assert config.accounts["ws"]["default"].public_url == "https://chat.example.org"


def test_a_bot_given_later_takes_the_place_of_an_application(tmp_path: Path) -> None:
    config = read(tmp_path, 'application = "mine:application"', flags={"bot": "echo:Echo"})
    assert (config.bot, config.application) == ("echo:Echo", "routing:application")


def test_another_layer_may_be_configured(tmp_path: Path) -> None:
    toml = '[channel_layers.other]\nbackend = "channels.layers.InMemoryChannelLayer"'
    assert list(read(tmp_path, toml).channel_layers) == ["other"]


def test_no_secret_is_in_the_repr(tmp_path: Path) -> None:
    variables = {
        "GATEWAY_TELEGRAM__TOKEN": TOKEN,
        "GATEWAY_REDIS": "redis://:hush@localhost",
        "GATEWAY_DATABASE": "postgres://u:hush@localhost/g",
        "GATEWAY_ROOMS__LOBBY__CODE": "hush",
    }
    shown = repr(read(tmp_path, **variables))
    assert not [secret for secret in (TOKEN, "hush") if secret in shown]


def test_a_configured_secret_key_is_used(tmp_path: Path) -> None:
    assert secret_key(read(tmp_path, GATEWAY_SECRET_KEY="mine")) == "mine"


def test_a_secret_key_is_made_and_kept(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert secret_key(config) == secret_key(config)


def test_a_made_secret_key_is_its_owners_alone(tmp_path: Path) -> None:
    config = read(tmp_path)
    secret_key(config)
    assert stat.S_IMODE(config.secret_file.stat().st_mode) == 0o600


def test_gateways_that_start_at_once_get_one_secret_key(tmp_path: Path) -> None:
    config = read(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret_key(config), range(8)))
    assert len(keys) == 1


def test_making_a_secret_key_leaves_nothing_else(tmp_path: Path) -> None:
    secret_key(read(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["gateway.secret"]


def test_a_secret_key_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    config = read(tmp_path, 'database = "sqlite:///not/there.sqlite3"')
    with pytest.raises(StartError, match=r"gateway\.secret cannot be kept: No such file"):
        secret_key(config)
