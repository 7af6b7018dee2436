"""The pages that people read: the chat, and the dashboard with its ways in and out."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.contrib.auth import alogin, alogout, get_user_model
from django.contrib.auth import login as log_in
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect, render

from gateway.dashboard.attempts import Attempts
from gateway.delivery import process
from gateway.vocabulary.ids import check_room_name

LOBBY = "lobby"
OPERATOR = "operator"
BACKEND = "django.contrib.auth.backends.ModelBackend"


class StaffForm(AuthenticationForm):  # type: ignore[misc]
    """Name and password of a Django user who is staff."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse, in the same words as a wrong password, whoever is no active staff."""
        if not (user.is_active and user.is_staff):
            raise ValidationError(self.error_messages["invalid_login"], code="invalid_login")


def chat(request: Any, room: str = LOBBY) -> Any:
    """The chat page of a room; who may be in it is decided at its socket."""
    try:
        check_room_name(room)
    except ValueError as error:
        raise Http404(str(error)) from error
    return render(request, "dashboard/chat.html", {"room": room})


def dashboard(request: Any) -> Any:
    """The dashboard for signed-in staff; for anybody else the ways in."""
    if request.user.is_active and request.user.is_staff:
        return render(request, "dashboard/dashboard.html")
    if request.method == "POST":
        return _sign_in_by_password(request)
    return _ways_in(request, StaffForm(request))


async def sign_in(request: Any) -> Any:
    """Spend a one-time link. The redirect takes the token out of the address bar."""
    running = process.current()
    if running is None or not running.sign_in(request.GET.get("token", "")):
        return _unreferred(render(request, "dashboard/spent.html", status=HTTPStatus.FORBIDDEN))
    await alogin(request, await sync_to_async(_operator)(), BACKEND)
    return _unreferred(redirect("dashboard"))


async def sign_out(request: Any) -> Any:
    """End the session, everywhere it is open."""
    await alogout(request)
    return redirect("dashboard")


def _sign_in_by_password(request: Any) -> Any:
    address, now = request.META.get("REMOTE_ADDR", ""), time.monotonic()
    pause = _attempts().pause(address, now)
    if pause:
        return _too_often(request, pause)
    # Counted before the password is looked at, because many may be tried side by side.
    _attempts().failed(address, now)
    form = StaffForm(request, request.POST)
    if not form.is_valid():
        return _ways_in(request, form, HTTPStatus.FORBIDDEN)
    _attempts().succeeded(address)
    log_in(request, form.get_user())
    return redirect("dashboard")


def _too_often(request: Any, pause: float) -> Any:
    seconds = int(pause) + 1
    form = StaffForm(request)
    answer = _ways_in(request, form, HTTPStatus.TOO_MANY_REQUESTS, seconds=seconds)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _ways_in(request: Any, form: Any, status: int = HTTPStatus.OK, **context: Any) -> Any:
    return render(request, "dashboard/sign_in.html", {"form": form, **context}, status=status)


def _operator() -> Any:
    """The user of the one-time links: made at the first one, and without a password."""
    users = get_user_model().objects
    user, made = users.get_or_create(username=OPERATOR, defaults={"is_staff": True})
    if made:
        user.set_unusable_password()
        user.save()
    return user


def _unreferred(response: Any) -> Any:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _attempts() -> Attempts:
    attempts: Attempts = apps.get_app_config("gateway_dashboard").attempts
    return attempts
