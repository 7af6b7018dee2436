"""The ``[xmpp]`` section."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.xmpp.settings import Settings


def test_an_account_is_configured_by_jid_and_password() -> None:
    assert Settings(jid="bot@example.org", password="x").configured
    assert not Settings(jid="bot@example.org").configured


def test_the_jid_is_written_as_servers_write_it() -> None:
    settings = Settings(jid="Bot@Example.org/Desk")
    assert (settings.bare_jid, settings.resource) == ("bot@example.org", "Desk")


def test_without_a_resource_it_is_always_the_same() -> None:
    assert Settings(jid="bot@example.org").resource == "gateway"


def test_without_a_nick_it_is_the_name_of_the_account() -> None:
    assert Settings(jid="bot@example.org").room_nick == "bot"


@pytest.mark.parametrize("jid", ["bot", "example.org", "@example.org", "bot@", "a b@c", "a@b/"])
def test_what_is_no_account_is_refused_with_an_example(jid: str) -> None:
    with pytest.raises(ValidationError, match=r"JID|after the '/'"):
        Settings(jid=jid)


def test_the_password_is_in_no_repr_and_no_error() -> None:
    assert "hunter2" not in repr(Settings(jid="bot@example.org", password="hunter2"))
    with pytest.raises(ValidationError) as refusal:
        Settings(jid="bot", password="hunter2")
    assert "hunter2" not in str(refusal.value)


# The component


def component(**changes: object) -> Settings:
    whole = {"mode": "component", "jid": "Bridge.example.org", "password": "x"}
    return Settings.model_validate(whole | changes)


def test_a_component_is_a_domain_with_a_bot_in_it() -> None:
    settings = component()
    assert settings.configured
    assert (settings.domain, settings.bare_jid) == ("bridge.example.org", "bot@bridge.example.org")
    assert (settings.room_nick, settings.home) == ("bot", "example.org")


def test_a_component_is_connected_to_its_own_port_of_this_machine() -> None:
    settings = component()
    assert (settings.host, settings.port, settings.tls) == ("localhost", 5347, "off")


def test_a_component_may_be_connected_elsewhere() -> None:
    settings = component(host="10.0.0.1", port=5348, tls="direct")
    assert (settings.host, settings.port, settings.tls) == ("10.0.0.1", 5348, "direct")


@pytest.mark.parametrize("jid", ["bot@bridge.example.org", "bridge.example.org/x"])
def test_a_component_with_the_jid_of_an_account_is_told_what_is_right(jid: str) -> None:
    with pytest.raises(ValidationError, match=r"a whole domain.*jid = 'bridge\.example\.org'"):
        component(jid=jid)


def test_a_component_without_a_usable_domain_is_told_what_one_looks_like() -> None:
    with pytest.raises(ValidationError, match=r"looks like bridge\.example\.org"):
        component(jid="a b")


def test_a_component_has_no_starttls() -> None:
    with pytest.raises(ValidationError, match="no STARTTLS"):
        component(tls="starttls")


def test_a_domain_without_the_mode_is_told_of_it() -> None:
    with pytest.raises(ValidationError, match='mode = "component"'):
        Settings(jid="bridge.example.org", password="x")
