"""What became of a send."""

import pytest

from gateway.vocabulary.errors import (
    CredentialsRefused,
    Delayed,
    Moved,
    NotSent,
    Refused,
    Uncertain,
)
from protocols.telegram.outcomes import delivery_error_from, login_error_from
from protocols.telegram.polling import Patience
from protocols.telegram.request import AnswerLost, ApiError, ConnectFailed


def api_error(code, description="", **parameters):
    return ApiError(code, {"description": description, "parameters": parameters})


def outcome(error):
    return delivery_error_from(error, "telegram:default:-5")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectFailed("no connection"), NotSent),
        (AnswerLost("no answer"), Uncertain),
        (api_error(500, "Internal Server Error"), NotSent),
        (api_error(502), NotSent),
        (api_error(504), Uncertain),
        (api_error(401, "Unauthorized"), NotSent),
        (api_error(404), NotSent),
        (api_error(429, "Too Many Requests: retry after 3", retry_after=3), Delayed),
        (api_error(400, "Bad Request: chat not found"), Refused),
        (api_error(404, "Not Found: method not found"), Refused),
    ],
)
def test_outcome_of_an_error(error, kind):
    assert type(outcome(error)) is kind


@pytest.mark.parametrize(
    ("code", "description", "name"),
    [
        (403, "Forbidden: bot was blocked by the user", "blocked"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "kicked"),
        (403, "Forbidden: bot is not a member of the channel chat", "kicked"),
        (403, "Forbidden: user is deactivated", "not_found"),
        (403, "Forbidden: something new", "forbidden"),
        (400, "Bad Request: chat not found", "not_found"),
        (400, "Bad Request: message thread not found", "not_found"),
        (400, "Bad Request: message is too long", "too_long"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "forbidden"),
        (400, "Bad Request: message text is empty", "bad_request"),
    ],
)
def test_code_of_a_refusal(code, description, name):
    assert outcome(api_error(code, description)).code == name


def test_flood_says_how_long():
    assert outcome(api_error(429, "Too Many Requests", retry_after=3)).seconds == 3


@pytest.mark.parametrize("nonsense", ["soon", "3", None, True, [3], {}, 3.5])
def test_flood_that_does_not_say_how_long_is_waited_for(nonsense):
    assert outcome(api_error(429, "Too Many Requests", retry_after=nonsense)).seconds > 0


@pytest.mark.parametrize("nonsense", ["elsewhere", None, True, [-1005]])
def test_migration_to_nowhere_is_a_refusal(nonsense):
    error = api_error(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=nonsense)
    assert type(outcome(error)) is Refused


def test_migration_names_the_new_conversation():
    error = api_error(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1005)
    moved = outcome(error)
    assert isinstance(moved, Moved)
    assert moved.conversation == "telegram:default:-1005"


@pytest.mark.parametrize("error", [api_error(401, "Unauthorized"), api_error(404, "Not Found")])
def test_token_that_is_not_known_is_refused(error):
    assert isinstance(login_error_from(error), CredentialsRefused)


@pytest.mark.parametrize("error", [api_error(404), api_error(502), AnswerLost("no answer")])
def test_other_trouble_is_no_matter_of_credentials(error):
    assert isinstance(login_error_from(error), NotSent)


@pytest.mark.parametrize(
    ("away", "least", "most"), [(0, 0.05, 0.1), (6, 0.25, 0.5), (3600, 7.5, 15)]
)
def test_pause_grows_with_the_outage(away, least, most):
    assert least <= Patience().pause(away) <= most
