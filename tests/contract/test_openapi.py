"""The six OpenAPI documents: every route says what it can refuse, what it takes, and shows an example that is taken."""

import importlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from carejourney.access import Caller, Verifier
from carejourney.commands import State
from carejourney.errors import Refusal
from carejourney.openapi import LINES, PROBLEM, problem_type
from carejourney.service import build
from carejourney.settings import Settings
from carejourney.statements import Findings, Line, StateReturn
from services.education.stating import state_enrolments

SERVICES = ("placement", "planning", "education", "health", "leaving_care", "journey")
IMPORTING = SERVICES[:-1]
CHILD = "01980000-0000-7000-8000-000000000001"
UNPROTECTED = {"/health/live", "/health/ready", "/asyncapi.json"}
BODILESS = {"/erasures/ledger"}
PLACE = re.compile(r"\{\w+\}")


@cache
def app_of(service: str) -> FastAPI:
    """The service, connected to nothing."""
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    settings = Settings(
        environment="development", database_url=nowhere, keys_database_url=nowhere, key_file=Path("none"),
        kafka="127.0.0.1:1", jwks_file=Path("none"),
    )  # fmt: skip
    return build(importlib.import_module(f"services.{service}.app").PARTS, settings)


class Knowing:
    """Takes any token, as that of a caller who may do nothing."""

    async def check(self, _: str) -> Caller:
        return Caller("nobody", frozenset(), frozenset())


def client_of(service: str, verifier: Verifier | None = None, *, token: str | None = None) -> httpx.AsyncClient:
    app = app_of(service)
    app.state.verifier = verifier
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{service}", headers=headers)


def document(service: str) -> dict[str, Any]:
    return app_of(service).openapi()


def operations(service: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document(service)["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def referred(node: object) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        yield from (v for k, v in node.items() if k == "$ref" and isinstance(v, str))
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from referred(one)


def bodies(service: str) -> Iterator[tuple[str, str, dict[str, Any], object]]:
    """Path, media type, schema and example of every body that is taken."""
    for _, path, operation in operations(service):
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
            name = body["schema"].get("$ref", "").rpartition("/")[2]
            schema = document(service)["components"]["schemas"][name] if name else body["schema"]
            lines = media_type == LINES
            shown = [one["value"] for one in body.get("examples", {}).values()] or schema.get("examples", ())
            for example in [json.loads(body["example"])] if lines else shown:
                yield path, media_type, schema, example


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_is_whole(service: str) -> None:
    said = document(service)
    assert said["openapi"].startswith("3.1")
    assert {ref.rpartition("/")[2] for ref in referred(said)} <= said["components"]["schemas"].keys()
    assert "HTTPValidationError" not in said["components"]["schemas"]
    for schema in said["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation in operations(service)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("service", SERVICES)
def test_a_route_declares_each_part_of_its_path_and_describes_each_answer(service: str) -> None:
    for _, path, operation in operations(service):
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert declared == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert all(answer["description"] for answer in operation["responses"].values())
        assert operation["summary"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_route_that_needs_a_token_says_so_and_what_happens_without_one(service: str) -> None:
    for _, path, operation in operations(service):
        assert ("security" in operation) is (path not in UNPROTECTED)
        assert path in UNPROTECTED or {"401", "403", "503"} <= operation["responses"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_a_route_that_takes_something_says_what_is_refused(service: str) -> None:
    for method, path, operation in operations(service):
        answers = operation["responses"].keys()
        assert method != "post" or path in BODILESS or {"413", "422"} <= answers
        assert "parameters" not in operation or "422" in answers
        assert "{child}" not in path or "404" in answers


@pytest.mark.parametrize("service", SERVICES)
def test_every_refusal_is_documented_as_a_problem(service: str) -> None:
    every: list[type[Refusal]] = [Refusal, *Refusal.__subclasses__()]
    kinds = {(kind.status, problem_type(kind.slug)) for kind in every}
    for _, path, operation in operations(service):
        for status, answer in operation["responses"].items():
            if status[0] in "45" and not path.startswith("/health/"):
                (body,) = [answer["content"][PROBLEM]]
                assert body["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert (int(status), body["example"]["type"]) in kinds


@pytest.mark.parametrize("service", SERVICES)
def test_a_command_takes_a_key_and_a_version_and_gives_one(service: str) -> None:
    for method, path, operation in operations(service):
        if method == "post" and "{child}" in path:
            assert {"Idempotency-Key", "If-Match"} <= {p["name"] for p in operation["parameters"]}
            assert {"404", "409", "412"} <= operation["responses"].keys()
            assert "ETag" in operation["responses"]["201"]["headers"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_post_shows_a_body_that_fits_its_schema(service: str) -> None:
    parts = {"components": document(service)["components"]}
    assert {p for p, *_ in bodies(service)} == {p for m, p, _ in operations(service) if m == "post"} - BODILESS
    for path, _, schema, example in bodies(service):
        errors = list(Draft202012Validator({**schema, **parts}).iter_errors(example))
        assert not errors, (path, errors)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_body_as_shown_is_read_and_only_the_caller_refused(service: str) -> None:
    async with client_of(service, Knowing(), token="anything") as client:
        for path, media_type, _, example in bodies(service):
            answer = await client.post(
                PLACE.sub(CHILD, path), content=json.dumps(example), headers={"content-type": media_type}
            )
            assert (path, answer.status_code) == (path, 403), answer.text
            assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("service", IMPORTING)
def test_a_line_as_shown_is_taken_without_a_question(service: str) -> None:
    decisions: dict[str, StateReturn] = {"/returns/enrolments": state_enrolments}
    api = importlib.import_module(f"services.{service}.api")
    decisions["/returns/ssda903"] = getattr(api, "_state_return", None) or api.state_return
    lines = [
        (path, example) for path, media_type, _, example in bodies(service) if media_type == LINES and path in decisions
    ]
    assert lines
    for path, example in lines:
        line, findings = msgspec.convert(example, Line), Findings()
        decided = decisions[path](State(UUID(CHILD), [], datetime(2026, 5, 4, tzinfo=UTC)), line, findings)
        assert decided.drafts
        assert findings.notes() == {"refused": [], "flagged": []}


BROKEN: dict[str, bytes] = {
    "no JSON": b"{not json",
    "no UTF-8": b'{"a": "\xff"}',
    "nested too deeply": b"[" * 100_000,
    "of another shape": b"[]",
    "nothing": b"",
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("body", BROKEN)
async def test_of_nobody_known_no_body_is_judged(service: str, body: str) -> None:
    async with client_of(service) as client:
        for path, media_type, *_ in bodies(service):
            answer = await client.post(
                PLACE.sub(CHILD, path), content=BROKEN[body], headers={"content-type": media_type}
            )
            assert (path, answer.status_code) == (path, 401), answer.text
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("service", IMPORTING)
@pytest.mark.parametrize("body", ["no JSON", "no UTF-8", "nested too deeply"])
async def test_a_body_that_cannot_be_read_is_a_documented_refusal_that_names_the_body(service: str, body: str) -> None:
    async with client_of(service, Knowing(), token="anything") as client:
        commands = [path for path, media_type, *_ in bodies(service) if media_type != LINES]
        for path in commands:
            headers = {"content-type": "application/json"}
            answer = await client.post(PLACE.sub(CHILD, path), content=BROKEN[body], headers=headers)
            assert (path, answer.status_code) == (path, 422), answer.text
            assert [one["field"] for one in answer.json()["fields"]] == ["body"]


async def test_who_has_not_the_role_is_told_so_before_what_is_wrong_with_the_question() -> None:
    async with client_of("journey", Knowing(), token="anything") as client:
        answers = [await client.get("/children", params={"page": page}) for page in ("1", "nothing")]
    assert [answer.status_code for answer in answers] == [403, 403]
    (needed,) = document("journey")["paths"]["/children"]["get"]["security"]
    assert needed == {"token": ["social-work", "review"]}
