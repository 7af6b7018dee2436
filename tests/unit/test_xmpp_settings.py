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
