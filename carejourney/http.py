"""HTTP as every service speaks it: problem details (RFC 9457), body limits, health, metrics, idempotency and ETags."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from fastapi import FastAPI, Header, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from prometheus_client import generate_latest
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carejourney import telemetry
from carejourney.access import caller
from carejourney.errors import Malformed, Refusal, TooLarge, Unavailable
from carejourney.ids import derived_id, new_id
from carejourney.logs import kind_of, place_of
from carejourney.openapi import IF_MATCH, PROBLEM, problem_type
from carejourney.store import DATABASE_UNABLE

log = structlog.get_logger()

MAX_BODY: Final = 8 * 1024 * 1024
_ALWAYS: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


def problem(status: int, slug: str, title: str, detail: str, **extra: object) -> JSONResponse:
    """A problem document; `extra` members name the place and the remedy, never a child's data."""
    body = {"type": problem_type(slug), "title": title, "status": status, "detail": detail, **extra}
    return JSONResponse(body, status_code=status, media_type=PROBLEM)


def _nobody(_: BaseException) -> None:
    """Stands for who hears of a database that takes nothing, where nobody does."""


def add_problems(app: FastAPI, unable: Callable[[BaseException], None] = _nobody) -> None:
    """Turn every refusal into a problem document; `unable` hears why a database could not do what was asked."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - registered for this class alone
        answer = problem(error.status, error.slug, error.title, error.detail, **error.extra)
        if error.status == 401:  # noqa: PLR2004
            answer.headers["www-authenticate"] = "Bearer"
        return answer

    async def malformed(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
        return _malformed([(_field(one), one["msg"]) for one in error.errors()])

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
        if isinstance(error.__cause__, Refusal):
            # FastAPI calls whatever goes wrong while it reads a body a bad request.
            return await refused(request, error.__cause__)
        if error.status_code == 400:  # noqa: PLR2004
            return _malformed([("body", "this is no JSON in UTF-8, or it is nested too deeply")])
        slug = error.detail.lower().replace(" ", "-")
        answer = problem(error.status_code, slug, error.detail, "see the documentation of this service at /docs")
        answer.headers.update(error.headers or {})
        return answer

    async def failed(_: Request, error: Exception) -> Response:
        log.error("request.failed", fault=kind_of(error), at=place_of(error))
        return problem(500, "failed", "The service failed", "this is a fault of the service; its log names the kind")

    async def away(_: Request, error: Exception) -> Response:
        log.warning("request.waiting", fault=kind_of(error))
        unable(error)
        detail = "the database takes nothing now; send it again, with the same Idempotency-Key"
        answer = problem(Unavailable.status, Unavailable.slug, Unavailable.title, detail)
        answer.headers["retry-after"] = "1"
        return answer

    for kind in (*DATABASE_UNABLE, OperationalError, InterfaceError):
        app.add_exception_handler(kind, away)
    app.add_exception_handler(Exception, failed)
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(RequestValidationError, malformed)


def _malformed(places: Iterable[tuple[str, str]]) -> JSONResponse:
    fields = [{"field": field, "reason": reason} for field, reason in places]
    detail = "; ".join(f"{one['field']}: {one['reason']}" for one in fields)
    return problem(Malformed.status, Malformed.slug, Malformed.title, detail, fields=fields)


def _field(error: Mapping[str, Any]) -> str:
    # Of a body that is no JSON the place is an offset, which is no field.
    place = () if error["type"] == "json_invalid" else error["loc"]
    return ".".join(str(part) for part in place if part != "body") or "body"


class HoldOff:
    """While a service is not put together, answers for everything but its health and metrics that it is unavailable."""

    def __init__(self, app: ASGIApp, while_: Callable[[], bool]) -> None:
        self._app = app
        self._while = while_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS or not self._while():
            await self._app(scope, receive, send)
            return
        detail = "the service waits for its database; send it again, with the same Idempotency-Key"
        answer = problem(Unavailable.status, Unavailable.slug, Unavailable.title, detail)
        answer.headers["retry-after"] = "5"
        await answer(scope, receive, send)


class LimitBody:
    """Reads a body from known callers alone and up to a limit; refuses addresses that hold a NUL."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if b"%00" in scope["query_string"] or "\0" in scope["path"]:
            await problem(Malformed.status, Malformed.slug, Malformed.title, "a NUL is no part of any name here")(
                scope, receive, send
            )
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            if not taken and scope["method"] not in _WITHOUT_BODY:
                await _know_caller(scope)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(f"a request of at most {self._limit} bytes is taken; send it in parts")
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"a request of at most {self._limit} bytes is taken; send it in parts"
        await problem(TooLarge.status, TooLarge.slug, TooLarge.title, detail)(scope, receive, send)


async def _know_caller(scope: Scope) -> None:
    """Refuse who needs a token and has none. FastAPI asks for the body before it asks who sends it."""
    route = scope.get("route")
    if isinstance(route, APIRoute) and _needs_caller(route.dependant.dependencies):
        await caller(Request(scope))


def _needs_caller(dependencies: Iterable[Dependant]) -> bool:
    return any(one.call is caller or _needs_caller(one.dependencies) for one in dependencies)


_KEY = Header(
    alias="Idempotency-Key", max_length=200, examples=["0197a3c2-5d1e-7c3a-9b60-2f4d8a6b1c05"],
    description="Any text of the sender's own. Sent again with the same key, the request is answered as before, and"
    " nothing is recorded twice.",
)  # fmt: skip
_VERSION = Header(
    alias=IF_MATCH, max_length=40, examples=['"7"'],
    description="The ETag of the record the decision was made on: 412 where it has changed since.",
)  # fmt: skip


def command_id(idempotency_key: Annotated[str | None, _KEY] = None) -> UUID:
    """The command's own id: from `Idempotency-Key`, or new. FastAPI dependency."""
    if idempotency_key is None:
        return new_id()
    try:
        return UUID(idempotency_key)
    except ValueError:
        return derived_id("idempotency-key", idempotency_key)


def expected_version(if_match: Annotated[str | None, _VERSION] = None) -> int | None:
    """The stream version of `If-Match`, where given. FastAPI dependency."""
    if if_match is None or if_match == "*":
        return None
    text = if_match.removeprefix("W/").strip('"')
    if not text.isdigit():
        raise Malformed('If-Match must be the ETag of the record, such as "7"')
    return int(text)


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def add_health(
    app: FastAPI, readiness: Callable[[], Awaitable[dict[str, Any]]], faults: Callable[[], Mapping[str, str]]
) -> None:
    """`/health/live`, `/health/ready` and `/metrics`. `faults` names background work that a bug ended."""

    @app.get(
        "/health/live",
        tags=["operations"],
        summary="The process answers, and no bug has ended its background work.",
        responses={503: {"description": "It is about to end, to be started anew."}},
    )
    async def live() -> Response:
        ended = faults()
        state = {"status": "ending", "faults": dict(ended)} if ended else {"status": "alive"}
        return JSONResponse(state, status_code=503 if ended else 200)

    @app.get(
        "/health/ready",
        tags=["operations"],
        summary="The database answers and nothing is stuck: commands are taken, also while Kafka is away.",
        responses={503: {"description": "Commands cannot be taken, or facts are stuck though Kafka answers."}},
    )
    async def ready() -> Response:
        state = await readiness()
        return JSONResponse(state, status_code=200 if state["ready"] else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        await readiness()
        return Response(generate_latest(telemetry.REGISTRY), media_type="text/plain; version=0.0.4")
