"""The Django app of the pages."""

from __future__ import annotations

from django.apps import AppConfig

from gateway.dashboard.attempts import Attempts


class DashboardConfig(AppConfig):  # type: ignore[misc]
    """Holds what the pages remember while the process lives."""

    name = "gateway.dashboard"
    label = "gateway_dashboard"
    verbose_name = "Gateway"

    attempts: Attempts

    def ready(self) -> None:
        """Start with no failed sign-in on record."""
        self.attempts = Attempts()
