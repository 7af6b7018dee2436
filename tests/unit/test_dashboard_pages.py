"""The pages: what they answer, to whom, and under which headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections
from django.test import Client

import gateway.dashboard
from dashboard_stand_in import Running, running
from gateway.dashboard.attempts import FAILURES, Attempts
from gateway.dashboard.health import is_local

FOLDER = Path(gateway.dashboard.__file__).parent
TEMPLATES = sorted(FOLDER.glob("templates/**/*.html"))
SCRIPTS = sorted(FOLDER.glob("static/**/*.js"))
TOKEN = "a-token"
SIGN_IN = f"/dashboard/sign-in/?token={TOKEN}"


@pytest.fixture(scope="module", autouse=True)
def _database() -> Iterator[None]:
    call_command("migrate", verbosity=0, interactive=False)
    yield
    connections.close_all()


@pytest.fixture
def client() -> Iterator[Client]:
    apps.get_app_config("gateway_dashboard").attempts = Attempts()
    get_user_model().objects.all().delete()
    yield Client(SERVER_NAME="127.0.0.1")
    get_user_model().objects.all().delete()


@pytest.fixture
def gateway_() -> Iterator[Running]:
    with running(TOKEN) as stand_in:
        yield stand_in


def staff(name: str = "sam", *, is_staff: bool = True) -> None:
    get_user_model().objects.create_user(name, password="right", is_staff=is_staff)


def try_password(client: Client, password: str, name: str = "sam") -> int:
    form = {"username": name, "password": password}
    return client.post("/dashboard/", form).status_code


def test_the_chat_page_is_at_the_root(client: Client) -> None:
    assert b'data-room="lobby"' in client.get("/").content


def test_another_room_has_a_page_of_its_own(client: Client) -> None:
    assert 'data-room="Küche &lt;1&gt;"' in client.get("/rooms/Küche <1>/").content.decode()


def test_what_can_be_no_room_has_no_page(client: Client) -> None:
    assert client.get("/rooms/~visitor/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/rooms/x/", "/dashboard/", "/healthz", "/nothing"])
def test_every_answer_keeps_foreign_scripts_out(client: Client, path: str) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "part", ["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "ws://127.0.0.1"]
)
def test_the_policy_says(client: Client, part: str) -> None:
    assert part in client.get("/").headers["Content-Security-Policy"]


def test_types_are_not_guessed(client: Client) -> None:
    assert client.get("/").headers["X-Content-Type-Options"] == "nosniff"


def test_referrers_stay_within_the_site(client: Client) -> None:
    assert client.get("/").headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_style_or_handler(template: Path) -> None:
    source = template.read_text()
    assert not re.search(r"\son\w+\s*=|\sstyle\s*=|javascript:|<style|\|safe|autoescape", source)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", source))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_parses_no_html(script: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b"
    assert not re.search(forbidden, script.read_text())


def test_alive_without_a_gateway(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


def test_not_ready_without_a_gateway(client: Client) -> None:
    assert client.get("/readyz").status_code == 503


def test_not_ready_while_an_account_is_not_connected(client: Client) -> None:
    with running(ready=False):
        assert client.get("/readyz").status_code == 503


@pytest.mark.usefixtures("gateway_")
def test_ready_names_states_and_nothing_that_is_inside(client: Client) -> None:
    expected = {"account": "web:default", "state": "connected", "since": 1.0}
    assert client.get("/readyz").json() == {"ready": True, "accounts": [expected]}


def test_metrics_are_shown_to_this_machine(client: Client) -> None:
    assert b"gateway_events_in" in client.get("/metrics").content


def test_metrics_are_not_shown_to_strangers(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403


@pytest.mark.usefixtures("gateway_")
def test_metrics_are_shown_to_staff_anywhere(client: Client) -> None:
    client.get(SIGN_IN)
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 200


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"])
def test_a_proxy_on_this_machine_is_not_this_machine(header: str) -> None:
    assert not is_local({"REMOTE_ADDR": "127.0.0.1", header: "192.0.2.1"})


def test_the_dashboard_asks_strangers_who_they_are(client: Client) -> None:
    assert b'name="password"' in client.get("/dashboard/").content


@pytest.mark.usefixtures("gateway_")
def test_a_link_signs_in(client: Client) -> None:
    assert b"dashboard.js" in client.get(SIGN_IN, follow=True).content


@pytest.mark.usefixtures("gateway_")
def test_a_link_leaves_the_address_bar(client: Client) -> None:
    assert client.get(SIGN_IN).headers["Location"] == "/dashboard/"


@pytest.mark.usefixtures("gateway_")
def test_a_link_is_told_to_nobody(client: Client) -> None:
    assert client.get(SIGN_IN).headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.usefixtures("gateway_")
def test_a_link_works_once(client: Client) -> None:
    client.get(SIGN_IN)
    answer = Client(SERVER_NAME="127.0.0.1").get(SIGN_IN)
    assert answer.status_code == 403
    assert b"was used or has expired" in answer.content


def test_a_glance_at_a_link_does_not_spend_it(client: Client, gateway_: Running) -> None:
    client.head(SIGN_IN)
    assert gateway_.tokens == {TOKEN}


def test_no_link_works_without_a_gateway(client: Client) -> None:
    assert client.get(SIGN_IN).status_code == 403


@pytest.mark.usefixtures("gateway_")
def test_the_operator_has_no_password(client: Client) -> None:
    client.get(SIGN_IN)
    assert not get_user_model().objects.get(username="operator").has_usable_password()


@pytest.mark.usefixtures("gateway_")
def test_signing_out_needs_a_post(client: Client) -> None:
    client.get(SIGN_IN)
    assert client.get("/dashboard/sign-out/").status_code == 405


@pytest.mark.usefixtures("gateway_")
def test_signing_out_ends_the_session(client: Client) -> None:
    client.get(SIGN_IN)
    client.post("/dashboard/sign-out/")
    assert b'name="password"' in client.get("/dashboard/").content


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/sign-out/"])
def test_a_form_of_another_site_is_refused(path: str) -> None:
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    assert strict.post(path, {}).status_code == 403


def test_staff_sign_in_by_password(client: Client) -> None:
    staff()
    assert try_password(client, "right") == 302


def test_a_wrong_password_is_refused(client: Client) -> None:
    staff()
    assert try_password(client, "wrong") == 403


def test_who_is_no_staff_is_refused(client: Client) -> None:
    staff(is_staff=False)
    assert try_password(client, "right") == 403


def test_passwords_cannot_be_tried_for_long(client: Client) -> None:
    staff()
    answers = [try_password(client, "wrong") for _ in range(FAILURES)]
    assert [*answers, try_password(client, "right")] == [403] * FAILURES + [429]
