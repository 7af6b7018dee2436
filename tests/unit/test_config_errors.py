"""Mistakes in the configuration: each is a sentence with its place and what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config import load
from gateway.vocabulary.errors import ConfigurationError


def error(directory: Path, toml: str = "", flags: Any = None, **variables: str) -> str:
    if toml:
        (directory / "gateway.toml").write_text(toml)
    with pytest.raises(ConfigurationError) as caught:
        load(flags=flags or {}, environment=variables, directory=directory)
    return str(caught.value)


IN_THE_FILE = {
    "a key of the top": (
        '\nprotocolls = ["ws"]',
        "gateway.toml:2: there is no key protocolls; did you mean protocols?",
    ),
    "a section": (
        '[telegrm]\ntoken = "1:a"',
        "gateway.toml:1: there is no key telegrm; did you mean telegram?",
    ),
    "a key of a section": (
        '[xmpp]\njid = "a@b"\npasword = "x"',
        "gateway.toml:3: there is no key xmpp.pasword; did you mean xmpp.password?",
    ),
    "a key of an account": (
        '[telegram.shop]\ntokn = "x"',
        "gateway.toml:2: there is no key telegram.shop.tokn; did you mean telegram.shop.token?",
    ),
    "a key of a room": (
        '[rooms.den]\nacess = "open"',
        "gateway.toml:2: there is no key rooms.den.acess; did you mean rooms.den.access?",
    ),
    "a key of the top in a section": (
        '[ws]\nredis = ""',
        "gateway.toml:2: there is no key ws.redis;"
        " it belongs at the top of the file, before the first [section]",
    ),
    "the public address in a section": (
        '[ws]\npublic_url = ""',
        "gateway.toml:2: there is no key ws.public_url;"
        " it belongs at the top of the file, before the first [section]",
    ),
    "a key of a section at the top": (
        'jid = "a@b"',
        "gateway.toml:1: there is no key jid; it belongs in [xmpp]",
    ),
    "a key that is like no other": (
        "[rooms.den]\nzzz = 1",
        "gateway.toml:2: there is no key rooms.den.zzz; known here are members, access, title,"
        " history, catch_up_hours, catch_up_messages, format, code, directions, ignore_names,"
        " ignore_texts, joins, untold, in_words",
    ),
    "a value where a table belongs": (
        "telegram = 1",
        "gateway.toml:1: telegram is a table, not a value",
    ),
    "a protocol": (
        'protocols = ["telgram"]',
        "gateway.toml:1: there is no protocol 'telgram'; did you mean telegram?",
    ),
    "no protocol": (
        "protocols = []",
        "gateway.toml:1: protocols is empty; choose from telegram, ws, xmpp",
    ),
    "a choice": (
        '[telegram]\nmode = "poll"',
        "gateway.toml:2: telegram.mode: input should be 'auto', 'polling' or 'webhook'",
    ),
    "a table that is nearly right": (
        "[telegram]\nlimits = { per_second = 0 }",
        "gateway.toml:2: telegram.limits.per_second: input should be greater than 0",
    ),
    "a bot": (
        'bot = "echo"',
        "gateway.toml:1: bot: must be written module:Name",
    ),
    "a database": (
        'database = "mysql://localhost/g"',
        "gateway.toml:1: database: must be sqlite:///FILE or postgres://USER:PASSWORD@HOST/NAME",
    ),
    "a database without a file": (
        'database = "sqlite://"',
        "gateway.toml:1: database: must name a file: sqlite:///gateway.sqlite3",
    ),
    "redis": (
        'redis = "localhost:6379"',
        "gateway.toml:1: redis: must be redis://HOST:PORT/NUMBER, or empty",
    ),
    "a public address": (
        'public_url = "chat.example.org"',
        "gateway.toml:1: public_url: must be http://HOST or https://HOST, or empty",
    ),
    "a proxy": (
        'trusted_proxies = ["proxy"]',
        "gateway.toml:1: trusted_proxies: 'proxy' does not appear to be an IPv4 or IPv6 network",
    ),
    "a room's name": (
        '[rooms."a/b"]',
        "gateway.toml:1: rooms: 'a/b' cannot be a room's name: no '#', no '/', no leading '~'",
    ),
    "a member that is no key": (
        '[rooms.den]\nmembers = ["-1001"]',
        "gateway.toml:2: rooms.den.members:"
        " '-1001' is not a conversation key (protocol:account:place)",
    ),
    "a member of no platform": (
        '[rooms.den]\nmembers = ["telegrm:default:1"]',
        "gateway.toml:2: telegrm:default:1 is of no known platform; did you mean telegram:?",
    ),
    "a member of no account": (
        '[rooms.den]\nmembers = ["telegram:shop:1"]',
        "gateway.toml:2: telegram:shop:1 names an account that is not configured;"
        " [telegram] has default",
    ),
    "a member of two rooms": (
        '[rooms.a]\nmembers = ["xmpp:default:x@y"]\n[rooms.b]\nmembers = ["xmpp:default:x@y"]',
        "gateway.toml:4: xmpp:default:x@y is a member of a too;"
        " a conversation is in at most one room",
    ),
    "a format without the text": (
        '[rooms.den]\nformat = "{name}"',
        "gateway.toml:2: rooms.den.format: takes {text}, {name} and {network},"
        " and {text} must be in it",
    ),
    "an account's name": (
        '[telegram."a:b"]',
        "gateway.toml:1: 'a:b' cannot be an account's name:"
        " 1 to 64 of ASCII letters, digits, '-', '_' and '.'",
    ),
    "our own layer": (
        '[channel_layers.default]\nbackend = "x"',
        "gateway.toml:1: channel_layers: the alias 'default' is the gateway's own; choose another",
    ),
}


@pytest.mark.parametrize("mistake", IN_THE_FILE)
def test_a_mistake_in_the_file_is_said(mistake: str, tmp_path: Path) -> None:
    toml, sentence = IN_THE_FILE[mistake]
    assert error(tmp_path, toml) == sentence


IN_A_VARIABLE = {
    "GATEWAY_PROTOCOLLS": "did you mean GATEWAY_PROTOCOLS?",
    "GATEWAY_TELEGRM__TOKEN": "did you mean GATEWAY_TELEGRAM?",
    "GATEWAY_TELEGRAM__TOKN": "did you mean GATEWAY_TELEGRAM__TOKEN?",
    "GATEWAY_IDLE": "did you mean GATEWAY_IDLE_SECONDS?",
}


@pytest.mark.parametrize("variable", IN_A_VARIABLE)
def test_an_unknown_variable_is_said(variable: str, tmp_path: Path) -> None:
    said = error(tmp_path, **{variable: "x"})
    assert said.startswith("environment: ")
    assert said.endswith(IN_A_VARIABLE[variable])


def test_a_wrong_value_of_a_variable_is_said(tmp_path: Path) -> None:
    assert error(tmp_path, GATEWAY_WS__PORT="http").startswith("environment: GATEWAY_WS__PORT: ")


def test_a_mistake_in_dotenv_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# ours\nexport GATEWAY_REDDIS=x\n")
    expected = ".env:2: there is no key GATEWAY_REDDIS; did you mean GATEWAY_REDIS?"
    assert error(tmp_path) == expected


def test_a_wrong_flag_is_said(tmp_path: Path) -> None:
    said = error(tmp_path, flags={"protocols": "telegram,xmp"})
    assert said == "--protocols: there is no protocol 'xmp'; did you mean xmpp?"


def test_every_mistake_is_said_at_once(tmp_path: Path) -> None:
    assert len(error(tmp_path, "a = 1\nb = 2").splitlines()) == 2


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no file other.toml \(given by"):
        load(Path("other.toml"), environment={}, directory=tmp_path)


def test_a_file_that_is_not_toml_is_said_with_its_line(tmp_path: Path) -> None:
    said = error(tmp_path, "protocols = = 1\n")
    assert "gateway.toml is not TOML" in said
    assert "line 1" in said


def test_a_secret_in_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    said = error(tmp_path, GATEWAY_TELEGRAM__TOKEN_FILE="/not/there")
    assert said == (
        "GATEWAY_TELEGRAM__TOKEN_FILE names /not/there, which cannot be read:"
        " No such file or directory"
    )


def test_a_secret_in_both_forms_is_said(tmp_path: Path) -> None:
    variables = {"GATEWAY_XMPP__PASSWORD": "x", "GATEWAY_XMPP__PASSWORD_FILE": "/x"}
    expected = "GATEWAY_XMPP__PASSWORD and GATEWAY_XMPP__PASSWORD_FILE are both set; unset one"
    assert error(tmp_path, **variables).startswith(expected)


def test_no_error_repeats_a_secret(tmp_path: Path) -> None:
    said = error(tmp_path, GATEWAY_TELEGRAM__TOKEN="not a token but a secret")
    assert "not a token but a secret" not in said


def test_no_error_keeps_a_secret_beneath_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(environment={"GATEWAY_TELEGRAM__TOKEN": "hush"}, directory=tmp_path)
    assert caught.value.__cause__ is caught.value.__context__ is None
