"""The few files a page loads, all our own, served under a name that changes with their content."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response

from carejourney.errors import NotFound

TYPES: Final = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `mark` is a short digest of it."""

    content: bytes
    media_type: str
    mark: str


@cache
def _assets() -> dict[str, Asset]:
    found = {}
    for file in (files("carejourney.web") / "static").iterdir():
        content = file.read_bytes()
        found[file.name] = Asset(content, TYPES[file.name.rpartition(".")[2]], sha256(content).hexdigest()[:12])
    return found


def asset_path(name: str) -> str:
    """The path of an asset in its present content."""
    return f"/assets/{name}?{_assets()[name].mark}"


def add_assets(router: APIRouter) -> None:
    """`GET /assets/{name}`."""

    @router.get("/assets/{name}")
    async def asset(name: str, request: Request) -> Response:
        found = _assets().get(name)
        if found is None:
            raise NotFound("there is no asset of that name")
        current = request.url.query == found.mark
        headers = {"Cache-Control": FOR_EVER if current else "no-cache", "X-Content-Type-Options": "nosniff"}
        return Response(found.content, media_type=found.media_type, headers=headers)
