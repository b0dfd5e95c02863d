"""The contract over HTTP, for everybody: it says what facts are like, and nothing of any child."""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from carejourney.contracts.asyncapi import asyncapi
from carejourney.contracts.files import ASYNCAPI, SCHEMAS
from carejourney.contracts.page import page, policy
from carejourney.contracts.published import PUBLISHED
from carejourney.contracts.schemas import written
from carejourney.errors import NotFound

HOME: Final = "/catalogue"
_AN_HOUR: Final = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
_SCHEMA: Final = "application/schema+json"

catalogue = APIRouter(include_in_schema=False)


@cache
def _page() -> bytes:
    return page(PUBLISHED).encode()


@cache
def _asyncapi() -> bytes:
    return written(asyncapi(PUBLISHED)).encode()


@catalogue.get(HOME)
async def home() -> Response:
    return RedirectResponse(f"{HOME}/", status_code=308)


@catalogue.get(f"{HOME}/")
async def catalogue_page() -> Response:
    headers = {**_AN_HOUR, "Content-Security-Policy": policy(), "Referrer-Policy": "no-referrer"}
    return Response(_page(), media_type="text/html", headers=headers)


@catalogue.get(f"{HOME}/{ASYNCAPI}")
async def topics() -> Response:
    return Response(_asyncapi(), media_type="application/json", headers=_AN_HOUR)


@catalogue.get(f"{HOME}/{SCHEMAS}/{{name}}")
async def schema(name: str) -> Response:
    """The schema of one version, by the name of its file."""
    kept = {file.name: file for file in (files("events") / SCHEMAS).iterdir()}
    if name not in kept:
        raise NotFound("there is no schema of that name; the catalogue has a link to each")
    return Response(kept[name].read_bytes(), media_type=_SCHEMA, headers=_AN_HOUR)
