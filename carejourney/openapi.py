"""What a service's OpenAPI document says beside its routes: the token, problems, ETags, bodies of one object a line.

What a route can refuse is told from what it asks for: a token, a child, a version, a body. A route that can refuse more
names it with `problems`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel, ConfigDict, Field

from carejourney.errors import (
    Forbidden,
    Malformed,
    NotFound,
    Refusal,
    StaleVersion,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

PROBLEM: Final = "application/problem+json"
LINES: Final = "application/x-ndjson"
IF_MATCH: Final = "If-Match"
PUBLISHES: Final = "Carejourney-Publishes"
ETAG: Final[dict[str, Any]] = {
    "ETag": {
        "description": "The version of the record, for `If-Match`.",
        "schema": {"type": "string"},
        "example": '"7"',
    }
}
_CHALLENGE: Final = {"WWW-Authenticate": {"schema": {"type": "string"}, "example": "Bearer"}}
_REPLACED: Final = ("HTTPValidationError", "ValidationError")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Other members name the place or the remedy, never a child's data."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="`urn:carejourney:problem:` and the name of the kind.")]
    title: Annotated[str, Field(description="The kind in words.")]
    status: Annotated[int, Field(description="The status of the answer.")]
    detail: Annotated[str, Field(description="What is wrong, and what to do.")]


def problem_type(slug: str) -> str:
    """The stable name of a kind of problem."""
    return f"urn:carejourney:problem:{slug}"


def problems(*kinds: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: what it can refuse beside what its parameters tell."""
    return {kind.status: _response(kind) for kind in kinds}


def with_etag(example: object = None) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: its answer carries the record's version."""
    content = {} if example is None else {"content": {"application/json": {"example": example}}}
    return {200: {"headers": ETAG, **content}}


def of_lines(example: object, kind: object = None) -> dict[str, Any]:
    """The content of a body with one object a line: an example, and the schema of a type where one is given."""
    # As text: of an object FastAPI would leave out what is null.
    shown = {"example": msgspec.json.encode(example).decode() + "\n"}
    if kind is None:
        return {LINES: shown}
    _, found = msgspec.json.schema_components([kind], ref_template="{name}")
    (schema,) = found.values()
    return {LINES: {"schema": schema, **shown}}


def _response(kind: type[Refusal]) -> dict[str, Any]:
    example = {
        "type": problem_type(kind.slug),
        "title": kind.title,
        "status": kind.status,
        "detail": "what is wrong, and what to do",
    }
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    answer: dict[str, Any] = {"description": kind.title, "content": content}
    return {**answer, "headers": _CHALLENGE} if kind is Unauthenticated else answer


# FastAPI's own spans and logs hold addresses, and the texts of exceptions: a local id, a child's data.
_UNTRACED: Final[TelemetryConfig] = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip


class Application(FastAPI):
    """FastAPI with a whole document, and without telemetry of its own: `TraceRequests` and `telemetry` have that."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, telemetry=_UNTRACED)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            for path, methods in document["paths"].items():
                for operation in methods.values():
                    _complete(path, operation)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for name in _REPLACED:
                schemas.pop(name, None)
            schemas["Problem"] = Problem.model_json_schema()
            self.openapi_schema = document
        return self.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    for kind in _refused(path, operation):
        responses.setdefault(str(kind.status), _response(kind))
    if IF_MATCH in _parameters(operation):
        responses["201"]["headers"] = ETAG
    operation["responses"] = dict(sorted(responses.items()))


def _refused(path: str, operation: Mapping[str, Any]) -> Iterator[type[Refusal]]:
    named = _parameters(operation)
    if "security" in operation:
        yield from (Unauthenticated, Forbidden, Unavailable)
    if "{child}" in path:
        yield NotFound
    if IF_MATCH in named:
        yield from (Refusal, StaleVersion)
    if "requestBody" in operation:
        yield TooLarge
    if named or "requestBody" in operation:
        yield Malformed


def _parameters(operation: Mapping[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ())}
