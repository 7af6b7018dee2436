"""The pages that machines read: is it alive, is it ready, what has it counted."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django.http import HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.delivery import process
from gateway.delivery.metrics import REGISTRY

FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")


async def healthz(request: Any) -> Any:
    """200 as long as the process serves at all."""
    return HttpResponse("ok\n", content_type="text/plain")


async def readyz(request: Any) -> Any:
    """200 when every enabled account is connected, else 503; the states as JSON."""
    running = process.current()
    ready = running is not None and running.ready
    states = [] if running is None else [_state(status) for status in running.statuses()]
    return JsonResponse({"ready": ready, "accounts": states}, status=200 if ready else 503)


async def metrics(request: Any) -> Any:
    """What was counted, for Prometheus: to this machine and to signed-in staff only."""
    if not (is_local(request.META) or await _is_staff(request)):
        return HttpResponse("Ask from this machine, or sign in.\n", "text/plain", 403)
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def is_local(meta: dict[str, Any]) -> bool:
    """Whether a request was made on this machine, and not through a proxy on it."""
    if any(header in meta for header in FORWARDED):
        return False
    try:
        return ip_address(meta.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _state(status: dict[str, Any]) -> dict[str, Any]:
    """A status as everybody may see it: errors may name what is inside."""
    return {"account": status["account"], "state": status["state"], "since": status["since"]}


async def _is_staff(request: Any) -> bool:
    user = await request.auser()
    return bool(user.is_active and user.is_staff)
