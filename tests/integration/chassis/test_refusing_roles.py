"""Who has none of the roles that a question or command needs is told so, before anything else of it is judged."""

import importlib
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from carejourney.service import build
from tests.fixtures.system import SERVICES, Surroundings

FORBIDDEN = 403


def guarded(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of each question and command that asks who calls; what stands for a place in it is no id."""
    for path, ways in app.openapi()["paths"].items():
        for method, way in ways.items():
            if way.get("security"):
                yield method, path.replace("{", "").replace("}", "")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_that_may_not_is_told_so_before_what_is_wrong_with_the_request(
    surroundings: Surroundings, service: str
) -> None:
    app = build(importlib.import_module(f"services.{service}.app").PARTS, surroundings.settings(service))
    headers = {"authorization": f"Bearer {surroundings.token('none')}", "content-type": "application/json"}
    asked = list(guarded(app))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://here") as client:
        answers = [await client.request(m, path, headers=headers, content=b'{"odd": 1}') for m, path in asked]
    assert asked
    assert {(m, p): a.status_code for (m, p), a in zip(asked, answers, strict=True)} == dict.fromkeys(asked, FORBIDDEN)
