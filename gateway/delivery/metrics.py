"""What is counted: events at four gates, and how much waits."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()

EVENTS_IN = Counter(
    "gateway_events_in", "Events committed to the inbox.", ["account"], registry=REGISTRY
)
EVENTS_HANDLED = Counter(
    "gateway_events_handled", "Events that applications handled.", ["account"], registry=REGISTRY
)
EVENTS_OUT = Counter(
    "gateway_events_out", "Events that networks took.", ["account"], registry=REGISTRY
)
EVENTS_DROPPED = Counter(
    "gateway_events_dropped", "Events given up, by reason.", ["reason"], registry=REGISTRY
)
SENDS_UNKNOWN = Counter(
    "gateway_sends_unknown",
    "Sends of which nobody knows whether the network took them.",
    ["account"],
    registry=REGISTRY,
)
AWAKE = Gauge("gateway_conversations_awake", "Conversations awake here.", registry=REGISTRY)
OUTBOX = Gauge(
    "gateway_outbox_waiting", "Events waiting for a network.", ["account"], registry=REGISTRY
)
LEDGER_QUEUE = Gauge(
    "gateway_ledger_waiting", "Operations waiting for a commit.", registry=REGISTRY
)
CONNECTED = Gauge("gateway_account_connected", "1 if connected.", ["account"], registry=REGISTRY)
