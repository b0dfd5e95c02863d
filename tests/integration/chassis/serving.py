"""A service on a port of its own, in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from tests.integration.chassis.probe import until


@asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[FastAPI]:
    """The application as it listens; `app.state.port` is where."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="on", ws="none"))
    task = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return server.started

    await until(listens, "the server listening")
    app.state.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        server.should_exit = True
        await task
