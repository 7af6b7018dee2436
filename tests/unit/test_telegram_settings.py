"""The configuration of a bot."""

import pytest
from pydantic import ValidationError

from protocols.telegram.settings import Settings
from protocols.telegram.webhook import secret_from_settings, url_from_settings


def test_without_a_token_it_is_not_configured():
    assert not Settings().configured


def test_missing_token_says_where_to_get_one():
    assert "GATEWAY_TELEGRAM__TOKEN" in Settings.missing


def test_token_is_in_no_text_of_the_settings():
    settings = Settings(token="123:hidden")
    assert "hidden" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"token": "secret"}, "BotFather"),
        ({"token": "123:secret", "tokn": ""}, "tokn"),
        ({"api_url": "api.telegram.org"}, "https"),
        ({"webhook_secret": "secret secret"}, "256"),
        ({"mode": "webhook"}, "webhook_url"),
        ({"webhook_url": "http://example.org/secret"}, "https"),
        ({"mode": "push"}, "polling"),
        ({"limits": "none"}, "default"),
        ({"limits": {"per_second": 0}}, "greater"),
    ],
)
def test_wrong_value_is_explained(given, words):
    with pytest.raises(ValidationError, match=words):
        Settings(**given)


def test_refused_value_is_not_repeated():
    with pytest.raises(ValidationError) as error:
        Settings(token="my secret")
    assert "my secret" not in str(error.value)


@pytest.mark.parametrize(
    ("mode", "url", "webhook"),
    [
        ("auto", "", False),
        ("auto", "https://example.org", True),
        ("polling", "https://example.org", False),
        ("webhook", "https://example.org", True),
    ],
)
def test_mode_decides_how_updates_come(mode, url, webhook):
    assert Settings(mode=mode, webhook_url=url).webhook is webhook


def test_own_api_server_may_deliver_over_http():
    settings = Settings(api_url="http://127.0.0.1:8081", webhook_url="http://10.0.0.1/hook")
    assert settings.webhook


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("https://example.org", "https://example.org/hooks/telegram/shop/"),
        ("https://example.org/", "https://example.org/hooks/telegram/shop/"),
        ("https://example.org/mine", "https://example.org/mine"),
    ],
)
def test_path_of_the_hook_is_added_where_there_is_none(url, full):
    assert url_from_settings(Settings(webhook_url=url), "shop") == full


def test_configured_secret_is_used():
    assert secret_from_settings(Settings(webhook_secret="mine")) == "mine"


def test_made_secret_tells_nothing_of_the_token_and_stays_the_same():
    secret = secret_from_settings(Settings(token="123:secret"))
    assert secret == secret_from_settings(Settings(token="123:secret"))
    assert "secret" not in secret
