"""What a request is answered while the database takes nothing."""

import asyncpg
import httpx
import pytest
import sqlalchemy.exc
from fastapi import FastAPI

from carejourney.http import add_problems

AWAY = [
    ConnectionRefusedError(),
    TimeoutError(),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.AdminShutdownError("terminating"),
    asyncpg.DiskFullError("no space left"),
    asyncpg.ReadOnlySQLTransactionError("read-only"),
    asyncpg.DeadlockDetectedError("deadlock"),
    asyncpg.InterfaceError("connection is closed"),
    sqlalchemy.exc.OperationalError("select", None, ConnectionRefusedError()),
]


def an_app(error: Exception) -> FastAPI:
    app = FastAPI()
    add_problems(app)

    @app.get("/")
    async def fails() -> None:
        raise error

    return app


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
async def test_where_the_database_takes_nothing_the_asker_is_told_to_try_again(error: Exception) -> None:
    transport = httpx.ASGITransport(an_app(error))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == "urn:carejourney:problem:unavailable"


async def test_a_fault_of_ours_is_not_called_a_database_that_is_away() -> None:
    transport = httpx.ASGITransport(an_app(KeyError("ours")), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        assert (await client.get("/")).status_code == 500
