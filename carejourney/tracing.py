"""The trace of a command, carried by its facts: from the request, through the relay, into every projector.

A fact keeps the trace context of the request that caused it in its `traceparent` header. Batches have spans of their
own; each fact of a batch has a short span whose parent is the stored one, linked to the batch. Spans name routes and
fact types, never an address that was asked for or a subject: an address may hold a local id.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carejourney import telemetry
from carejourney.envelope import Recorded

_SERVER_FAULT: Final = 500
_PROPAGATOR: Final = TraceContextTextMapPropagator()


def traceparent() -> str | None:
    """The W3C trace context of the current span, for the envelope; None where nothing traces."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, str | int] | None = None,
    parent: Context | None = None,
) -> Iterator[Span]:  # fmt: skip
    """A span that is current inside; of what goes wrong it keeps the kind alone: a text may quote a child's data."""
    with telemetry.tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


@contextmanager
def batch(name: str, service: str, kind: SpanKind, size: int) -> Iterator[Span]:
    """The span of one batch of `size` facts, in a trace of its own."""
    attributes: dict[str, str | int] = {
        "carejourney.service": service,
        "messaging.system": "kafka",
        "messaging.batch.message_count": size,
    }
    with span(name, kind, attributes, Context()) as current:
        yield current


def each(name: str, facts: Iterable[Recorded], whole: Span, kind: SpanKind, began: int) -> None:
    """One span a fact, from `began` (nanoseconds since 1970) until now, under the parent the fact holds.

    Costs nothing where nothing traces.
    """
    link = whole.get_span_context()
    if not link.is_valid:
        return
    ended = time.time_ns()
    for fact in facts:
        parent = fact.headers.get("traceparent")
        if parent is None:
            continue
        made = telemetry.tracer.start_span(
            name,
            _PROPAGATOR.extract({"traceparent": parent}, Context()),
            kind,
            {"messaging.destination.name": fact.topic, "carejourney.fact_type": fact.type},
            [Link(link)],
            start_time=began,
        )
        made.end(ended)


class TraceRequests:
    """A span for each request, continuing the caller's trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"] if k.startswith(b"trace")}
        parent = _PROPAGATOR.extract(carrier, Context())
        with span(scope["method"], SpanKind.SERVER, {"http.request.method": scope["method"]}, parent) as request:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(request, scope, message["status"])
                await send(message)

            try:
                await self._app(scope, receive, answer)
            except Exception:
                _describe(request, scope, _SERVER_FAULT)
                raise


def _describe(request: Span, scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    if route:
        request.update_name(f"{scope['method']} {route}")
        request.set_attribute("http.route", route)
    request.set_attribute("http.response.status_code", status)
    if status >= _SERVER_FAULT:
        request.set_status(Status(StatusCode.ERROR))
