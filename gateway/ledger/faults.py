"""Whose fault an error of the database is: its own, or that of what it was given."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

TOO_LONG = "54"
"""The class of SQLSTATEs that say that a value is too long, for an index above all."""

AWAY = frozenset(
    {
        "25006",  # read_only_sql_transaction: another server has taken its place
        "25P03",  # idle_in_transaction_session_timeout: we were stopped for too long
        "25P04",  # transaction_timeout
    }
)
"""SQLSTATEs of a database that does not take what another time it would."""


def is_away(error: Exception) -> bool:
    """Whether an error says that the database cannot be written now, and not that the data is bad.

    The kinds of DB-API draw the line elsewhere in a few places (PostgreSQL, Appendix A).
    """
    state = str(getattr(error.__cause__, "sqlstate", None) or "")
    if state.startswith(TOO_LONG):
        return False
    return state in AWAY or isinstance(error, (OperationalError, InterfaceError))


def in_one_line(error: Exception) -> str:
    """What an error says; PostgreSQL says it in several lines."""
    return " ".join(str(error).split())
