"""The trace of one command: from the caller, through store, relay and Kafka, into every service that listens."""

import secrets
import time

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from carejourney import telemetry
from tests.fixtures.system import System
from tests.integration.chassis.probe import until

TRACE = secrets.token_hex(16)
CALLER = "b7ad6b7169203331"
ENTRY = {
    "on": "2026-01-12", "legal_status": "V2", "category_of_need": "N1", "placement_type": "U6",
    "placement_provider": "PR1", "home_postcode": "B1 1AA", "placement_postcode": "B13 8DD",
}  # fmt: skip


def of_the_command(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    found = [span for span in spans.get_finished_spans() if span.name == name]
    return [span for span in found if span.context and f"{span.context.trace_id:032x}" == TRACE]


async def test_the_trace_of_a_command_goes_on_into_every_service(system: System, spans: InMemorySpanExporter) -> None:
    (child,) = await system.register(f"TRACED{time.time_ns()}")
    caller = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    answer = await system["placement"].post(f"/children/{child}/care", json=ENTRY, headers=caller)
    recorded = answer.json()["facts"]
    listening = len(system.clients)
    (request,) = of_the_command(spans, "POST /children/{child}/care")
    assert request.parent is not None
    assert request.context is not None
    ours = request.context.span_id
    assert f"{request.parent.span_id:016x}" == CALLER

    def under_it(name: str) -> list[ReadableSpan]:
        """What others record because of it is in the same trace, further down."""
        return [span for span in of_the_command(spans, name) if span.parent and span.parent.span_id == ours]

    async def heard() -> bool:
        return len(under_it(telemetry.FACT_SPAN)) >= int(recorded) * listening

    await until(heard, "a span for each fact in each service", 20)
    assert len(under_it(telemetry.PUBLISH_SPAN)) >= recorded
    assert len(under_it(telemetry.COMMAND_SPAN)) == 1
    assert all(span.links for span in of_the_command(spans, telemetry.FACT_SPAN))
    assert str(child) not in "".join(span.to_json() for span in spans.get_finished_spans())
