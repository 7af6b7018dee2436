"""The gateway's own paths; they are served before those of an application."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST, require_safe

from gateway.dashboard import health, views

urlpatterns = [
    path("", require_safe(views.chat), name="chat"),
    path("rooms/<str:room>/", require_safe(views.chat), name="room"),
    path("dashboard/", never_cache(csrf_protect(views.dashboard)), name="dashboard"),
    # GET alone: a HEAD by whatever looks at links first must not spend the token.
    path("dashboard/sign-in/", never_cache(require_GET(views.sign_in)), name="sign-in"),
    path(
        "dashboard/sign-out/",
        never_cache(csrf_protect(require_POST(views.sign_out))),
        name="sign-out",
    ),
    path("healthz", never_cache(require_safe(health.healthz)), name="healthz"),
    path("readyz", never_cache(require_safe(health.readyz)), name="readyz"),
    path("metrics", never_cache(require_safe(health.metrics)), name="metrics"),
]
