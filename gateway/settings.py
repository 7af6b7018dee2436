"""Django's settings, derived from the configuration.

Whoever has a Django project of their own names its settings in ``DJANGO_SETTINGS_MODULE``; then
those are used as they are, and only have to install ``gateway.ledger``.
"""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import django
from django.apps import apps
from django.conf import settings

from gateway import registry
from gateway.config import Config, secret_key
from gateway.vocabulary.errors import ConfigurationError

LEDGER = "gateway.ledger"
APPLICATIONS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    LEDGER,
    "gateway.dashboard",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "gateway.dashboard.middleware.SecurityHeaders",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

SQLITE_OPTIONS = {
    # FULL: a commit is on disk when it returns; the ledger's promise rests on it.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    # A transaction that reads first and writes later would fail at once when another wrote.
    "transaction_mode": "IMMEDIATE",
    # Seconds to wait for another process that writes; past this the ledger counts as away.
    "timeout": 5,
}

POSTGRES_OPTIONS = {
    # Seconds (the last one: ms) until a server that is gone without a word is noticed.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def configure(config: Config) -> None:
    """Set Django up, once; raises ``ConfigurationError`` if other settings lack the ledger."""
    if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
        settings.configure(**values(config))
    django.setup()
    if not apps.is_installed(LEDGER):
        raise ConfigurationError(
            f"the Django settings {os.environ.get('DJANGO_SETTINGS_MODULE', 'in use')} must have"
            f" {LEDGER!r} in INSTALLED_APPS"
        )


def values(config: Config) -> dict[str, Any]:
    """The settings, by name."""
    secure = config.public_url.startswith("https:")
    return {
        "SECRET_KEY": secret_key(config),
        "DEBUG": False,
        "ALLOWED_HOSTS": _hosts(config),
        "CSRF_TRUSTED_ORIGINS": _origins(config),
        "SESSION_COOKIE_SECURE": secure,
        "CSRF_COOKIE_SECURE": secure,
        "INSTALLED_APPS": APPLICATIONS,
        "MIDDLEWARE": MIDDLEWARE,
        "ROOT_URLCONF": "gateway.dashboard.urls",
        "TEMPLATES": [_templates()],
        "DATABASES": {"default": _database(config.database)},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "CHANNEL_LAYERS": _layers(config),
        "STATIC_URL": "/static/",
        # Our files lie in the installed packages; nothing is collected first.
        "SERVESTATIC_USE_FINDERS": True,
        "SERVESTATIC_ALLOW_ALL_ORIGINS": False,
        "LOGIN_URL": "dashboard",
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "USE_I18N": False,
        "LOGGING_CONFIG": None,
        "GATEWAY_BOT": config.bot,
    }


def _templates() -> dict[str, Any]:
    processors = [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
    ]
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": processors},
    }


def _database(url: str) -> dict[str, Any]:
    database = dict(dj_database_url.parse(url))
    options = SQLITE_OPTIONS if url.startswith("sqlite:") else POSTGRES_OPTIONS
    database["OPTIONS"] = {**options, **(database.get("OPTIONS") or {})}
    return database


def _layers(config: Config) -> dict[str, Any]:
    layers: dict[str, Any] = {
        "default": {
            "BACKEND": "gateway.delivery.hub.HubLayer",
            "CONFIG": {"redis": config.redis},
        }
    }
    for alias, layer in config.channel_layers.items():
        layers[alias] = {"BACKEND": layer.backend, "CONFIG": dict(layer.config)}
    return layers


def _hosts(config: Config) -> list[str]:
    """The names under which people may open the page; another name is refused (DNS rebinding)."""
    hosts = {"localhost", "127.0.0.1", "[::1]"}
    for own in config.accounts.get(registry.own_platform() or "", {}).values():
        hosts |= _own_names() if own.host in ("0.0.0.0", "::", "") else {own.host}
    if public := urlsplit(config.public_url).hostname:
        hosts.add(public)
    return sorted(f"[{host}]" if ":" in host and host[0] != "[" else host for host in hosts)


def _own_names() -> set[str]:
    """What this machine is called where it listens on every address."""
    name = socket.gethostname()
    try:
        found = socket.getaddrinfo(name, None)
    except OSError:
        return {name}
    return {name, socket.getfqdn(name), *(str(one[4][0]).partition("%")[0] for one in found)}


def _origins(config: Config) -> list[str]:
    parts = urlsplit(config.public_url)
    return [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []
