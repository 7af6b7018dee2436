"""The ledger as a Django application."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):  # type: ignore[misc]
    """Makes Django migrate the ledger's tables."""

    name = "gateway.ledger"
    label = "gateway_ledger"
    default_auto_field = "django.db.models.BigAutoField"
