"""The tables that the migrations make are the tables that the models describe."""

from __future__ import annotations

from django.core.management import call_command


def test_no_change_of_a_model_is_without_its_migration() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
