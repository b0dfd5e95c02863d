"""Every metric and span name, and how they are set up. Labels never hold a child's data."""

import os
from typing import Final

from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry(auto_describe=True)

FACTS_RECORDED: Final = Counter(
    "carejourney_facts_recorded", "Facts appended to the store.", ["service", "topic"], registry=REGISTRY
)
FACTS_RELAYED: Final = Counter("carejourney_facts_relayed", "Facts published to Kafka.", ["service"], registry=REGISTRY)
RELAY_AGE: Final = Gauge(
    "carejourney_relay_age_seconds", "Age of the oldest fact not yet published.", ["service"], registry=REGISTRY
)
PART_WORKS: Final = Gauge(
    "carejourney_part_works", "1 where a part did its work when last asked.", ["service", "part"], registry=REGISTRY
)
RELAY_LEADER: Final = Gauge("carejourney_relay_leader", "1 where this process relays.", ["service"], registry=REGISTRY)
FACTS_APPLIED: Final = Counter(
    "carejourney_facts_applied", "Facts taken into the service's copy.", ["service", "topic"], registry=REGISTRY
)
DUPLICATES: Final = Counter(
    "carejourney_duplicates", "Records dropped as already seen.", ["service"], registry=REGISTRY
)
UNREADABLE: Final = Counter("carejourney_unreadable", "Records that hold no fact.", ["service"], registry=REGISTRY)
# `schema` names a type and version in the form of the published language, or says that it has no such form.
UNKNOWN_FACTS: Final = Counter(
    "carejourney_unknown_facts", "Facts of types or versions that this program does not know.", ["service", "schema"],
    registry=REGISTRY,
)  # fmt: skip
CONFLICTS: Final = Counter(
    "carejourney_conflicts", "Records whose place in a lane another fact holds.", ["service"], registry=REGISTRY
)
GAPS_HEALED: Final = Counter(
    "carejourney_gaps_healed", "Gaps filled by asking the owner.", ["service"], registry=REGISTRY
)
GAPS_ASKED: Final = Counter(
    "carejourney_gaps_asked", "Times an owner was asked for what a lane lacks.", ["service", "outcome"],
    registry=REGISTRY,
)  # fmt: skip
REDRIVEN: Final = Counter(
    "carejourney_redriven_lanes", "Parked lanes tried again by hand.", ["service", "outcome"], registry=REGISTRY
)
# All projections of a service come as far in the same transaction, so what holds of the service holds of each.
LAG: Final = Gauge(
    "carejourney_lag_facts", "Records not yet applied.", ["service", "topic", "partition"], registry=REGISTRY
)
LAG_SECONDS: Final = Gauge(
    "carejourney_lag_seconds", "Age of the oldest record not yet applied.", ["service", "topic", "partition"],
    registry=REGISTRY,
)  # fmt: skip
PARKED: Final = Gauge("carejourney_parked_lanes", "Lanes that wait for a person.", ["service"], registry=REGISTRY)
BATCH_SECONDS: Final = Histogram(
    "carejourney_batch_seconds", "Time to apply one batch.", ["service"], registry=REGISTRY
)
FENCED: Final = Counter("carejourney_fenced", "Batches dropped as no longer ours.", ["service"], registry=REGISTRY)
LOG_LOST: Final = Counter(
    "carejourney_log_lost", "Losses of what Kafka had acknowledged.", ["service", "topic"], registry=REGISTRY
)
LOG_DAMAGED: Final = Counter(
    "carejourney_log_damaged", "Stretches of a log that nobody can read.", ["service", "topic"], registry=REGISTRY
)
TIMER_AGE: Final = Gauge(
    "carejourney_timer_age_seconds", "For how long the oldest timer that is due has waited.", ["service"],
    registry=REGISTRY,
)  # fmt: skip
HELD_BACK: Final = Gauge(
    "carejourney_oldest_transaction_seconds", "For how long one open transaction has held the relay back.", ["service"],
    registry=REGISTRY,
)  # fmt: skip
TIMERS_FIRED: Final = Counter("carejourney_timers_fired", "Timers that came due.", ["service"], registry=REGISTRY)
FEED_GIVEN: Final = Counter(
    "carejourney_feed_given", "Facts given to subscribers over HTTP.", ["service", "topic"], registry=REGISTRY
)
FEED_STREAMS: Final = Gauge(
    "carejourney_feed_streams", "Streams of the HTTP feed that are open.", ["service"], registry=REGISTRY
)
WEBHOOK_DELIVERED: Final = Counter(
    "carejourney_webhook_delivered", "Facts that targets of webhooks accepted.", ["service"], registry=REGISTRY
)
WEBHOOK_FAILED: Final = Counter(
    "carejourney_webhook_failed", "Requests that targets of webhooks did not accept.", ["service"], registry=REGISTRY
)
WEBHOOK_PARKED: Final = Gauge(
    "carejourney_webhook_parked_lanes", "Lanes of webhooks that wait for a person.", ["service"], registry=REGISTRY
)
WEBHOOK_STOPPED: Final = Gauge(
    "carejourney_webhooks_stopped", "Webhooks that are paused, or whose target is gone.", ["service"],
    registry=REGISTRY,
)  # fmt: skip
WEBHOOK_AGE: Final = Gauge(
    "carejourney_webhook_age_seconds", "Age of the oldest fact that a webhook was not sent yet.", ["service"],
    registry=REGISTRY,
)  # fmt: skip

COMMAND_SPAN: Final = "carejourney.command"
# Of a batch, and of each of its facts in the trace that the fact belongs to.
RELAY_SPAN: Final = "carejourney.relay"
PUBLISH_SPAN: Final = "carejourney.publish"
APPLY_SPAN: Final = "carejourney.apply"
FACT_SPAN: Final = "carejourney.fact"

tracer: Final = trace.get_tracer("carejourney")


def set_up_tracing(service: str) -> None:
    """Export traces where the standard `OTEL_*` variables say so; otherwise do nothing."""
    if not (os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"carejourney-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
