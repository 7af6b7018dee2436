"""The section ``[media]``."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, load
from gateway.provenance import rows
from gateway.vocabulary.errors import ConfigurationError


def configured(directory: Path, text: str = "", **variables: str) -> Config:
    (directory / "gateway.toml").write_text(text)
    return load(environment=variables, directory=directory)


def test_files_lie_beside_the_database(tmp_path: Path) -> None:
    config = configured(tmp_path, 'database = "sqlite:///state/ledger.sqlite3"')
    assert config.media_directory == tmp_path / "state" / "media"


def test_files_may_lie_somewhere_else(tmp_path: Path) -> None:
    config = configured(tmp_path, '[media]\ndirectory = "/srv/files"')
    assert config.media_directory == Path("/srv/files")


def test_a_variable_may_list_networks(tmp_path: Path) -> None:
    config = configured(tmp_path, GATEWAY_MEDIA__ALLOW_NETWORKS="10.0.0.0/8,fd00::/8")
    assert config.media.allow_networks == ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[media]\nmax_megabyte = 5", "gateway.toml:2: there is no key media.max_megabyte;"),
        ("[media]\nmax_megabytes = 0", "gateway.toml:2: media.max_megabytes: "),
        ('[media]\nallow_networks = ["here"]', "gateway.toml:2: media.allow_networks: 'here' "),
        ('media = "here"', "gateway.toml:1: media is a table, not a value"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, text)
    assert str(caught.value).startswith(sentence)


def test_what_is_configured_is_shown_with_its_place(tmp_path: Path) -> None:
    shown = {row.key: row for row in rows(configured(tmp_path, "[media]\nkeep_days = 3"))}
    assert (shown["media.keep_days"].value, shown["media.keep_days"].origin) == (
        3,
        "gateway.toml:2",
    )
    assert shown["media.link_hours"].origin == "default"
    assert "media" not in shown
