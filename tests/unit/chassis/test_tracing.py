"""The trace of a command goes on through its facts, and never names a child or an address."""

import time

import httpx
import pytest
from fastapi import FastAPI, Response
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from carejourney import telemetry, tracing
from carejourney.envelope import Recorded
from carejourney.openapi import Application

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def a_fact(**headers: str) -> Recorded:
    return Recorded({"ce_id": "1", "ce_type": "education.school_changed", **headers}, b"{}", "care.education")


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def test_each_fact_of_a_batch_has_a_span_in_the_trace_it_was_caused_in(spans: InMemorySpanExporter) -> None:
    with tracing.batch("carejourney.apply", "journey", SpanKind.CONSUMER, 2) as whole:
        tracing.each(
            "carejourney.apply_fact", [a_fact(traceparent=TRACEPARENT), a_fact()], whole, SpanKind.CONSUMER,
            time.time_ns(),
        )  # fmt: skip
    (fact,) = named(spans, "carejourney.apply_fact")
    (batch,) = named(spans, "carejourney.apply")
    assert fact.parent is not None
    assert (f"{fact.parent.trace_id:032x}", f"{fact.parent.span_id:016x}") == (TRACE, PARENT)
    assert fact.context is not None
    assert fact.context.trace_id == fact.parent.trace_id
    assert [link.context for link in fact.links] == [batch.context]


def test_where_nothing_traces_no_span_is_made() -> None:
    with tracing.batch("carejourney.apply", "journey", SpanKind.CONSUMER, 1) as whole:
        tracing.each(
            "carejourney.apply_fact", [a_fact(traceparent=TRACEPARENT)], whole, SpanKind.CONSUMER, time.time_ns()
        )
        assert not whole.is_recording()
        assert tracing.traceparent() is None


def an_app() -> FastAPI:
    app = Application()
    app.add_middleware(tracing.TraceRequests)

    @app.get("/children/{child}")
    async def child(child: str) -> Response:
        if child == "fails":
            raise RuntimeError(child)
        return Response(tracing.traceparent())

    return app


async def test_a_request_goes_on_in_the_callers_trace_and_is_named_by_its_route(spans: InMemorySpanExporter) -> None:
    transport = httpx.ASGITransport(an_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/children/SAMPLE1", headers={"traceparent": TRACEPARENT})
    (span,) = named(spans, "GET /children/{child}")
    assert span.context is not None
    assert answer.text == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert "SAMPLE1" not in span.to_json()


async def test_what_went_wrong_in_a_request_is_not_quoted_in_its_span(spans: InMemorySpanExporter) -> None:
    transport = httpx.ASGITransport(an_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        assert (await client.get("/children/fails")).is_server_error
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert "fails" not in span.to_json()


async def test_where_all_are_traced_a_request_has_no_span_that_quotes_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(everything))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("carejourney"))
    transport = httpx.ASGITransport(an_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        for child in ("SAMPLE1", "fails"):
            await client.get(f"/children/{child}")
    assert [span.name for span in everything.get_finished_spans()] == ["GET /children/{child}"] * 2
