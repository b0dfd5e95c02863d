"""The kit from a service, without a token."""

import io
import zipfile

import httpx
from fastapi import FastAPI

from carejourney.kit.serving import router
from carejourney.kit.writing import contents


async def test_the_archive_is_the_kit() -> None:
    app = FastAPI()
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://journey") as client:
        answer = await client.get("/kit.zip")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert {name.removeprefix("kit/") for name in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()} == set(
        contents()
    )
