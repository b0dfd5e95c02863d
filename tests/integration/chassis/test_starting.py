"""A service whose database is away at its start listens, says so, and goes on by itself when the database comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from asyncpg import InvalidPasswordError
from pydantic import SecretStr
from structlog.testing import capture_logs

from carejourney.service import build
from tests.faults.proxy import Proxy
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children, says, tallies, until
from tests.integration.chassis.serving import serving
from tests.integration.chassis.test_operating import HELD, ready, served


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(probe: Probe) -> AsyncIterator[Proxy]:
    """The way to the probe's database, not open yet."""
    made = Proxy(urlsplit(probe.database).port or 5432)
    yield made
    await made.stop()


def behind(probe: Probe, proxy: Proxy) -> Probe:
    """The probe, whose database is reached by the proxy."""
    port = urlsplit(probe.database).port
    url = SecretStr(probe.database.replace(f":{port}/", f":{proxy.port}/"))
    return Probe(probe.name, probe.settings.model_copy(update={"database_url": url}), probe.admin_dsn, probe.owner_dsn)


@asynccontextmanager
async def listening(probe: Probe) -> AsyncIterator[httpx.AsyncClient]:
    """The service on a port of its own, before its database is there."""
    async with (
        serving(build(probe.parts(), probe.settings)) as app,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.state.port}", timeout=10) as client,
    ):
        yield client


async def test_a_service_listens_and_says_what_it_waits_for(probe: Probe, proxy: Proxy) -> None:
    async with listening(behind(probe, proxy)) as client:
        assert (await client.get("/health/live")).status_code == 200
        unready = await client.get("/health/ready")
        assert (unready.status_code, unready.json()["database"]) == (503, "away")
        assert (await client.get("/metrics")).status_code == 200
        for path in ("/operations/lag", "/facts/01980000-0000-7000-8000-000000000001", "/nowhere"):
            refused = await client.get(path)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.headers["content-type"] == "application/problem+json"
        await proxy.start()
        await until(lambda: ready(client), "ready when the database has come", 30)
        assert (await client.get("/operations/lag")).status_code == 401


@pytest.mark.parametrize("way", ["refuse", "silence"])
async def test_it_goes_on_by_itself_from_whatever_kept_the_database_away(probe: Probe, proxy: Proxy, way: str) -> None:
    await proxy.start()
    getattr(proxy, way)()
    with capture_logs() as logged:
        async with served(behind(probe, proxy)) as (app, client):
            assert (await client.get("/health/ready")).status_code == 503
            proxy.heal()
            await until(lambda: ready(client), "ready when the database has come", 30)
            (child,) = await children(app.state.running, 1)
            await says(app.state.running, child, HELD)
            await probe.caught_up(app.state.running)
            assert await tallies(app.state.running) == {child: 1}
    waiting = [line for line in logged if line["event"] == "database.waiting"]
    assert {line["service"] for line in waiting} == {probe.name}
    assert all(line.keys() == {"event", "log_level", "service", "fault", "seconds"} for line in waiting)


async def test_a_service_told_to_stop_while_it_waits_stops(probe: Probe, proxy: Proxy) -> None:
    async with served(behind(probe, proxy)) as (app, client):
        assert (await client.get("/health/ready")).status_code == 503
    assert not app.state.started.is_set()


async def test_a_wrong_password_is_not_waited_for(probe: Probe, surroundings: Surroundings) -> None:
    wrong = SecretStr(surroundings.dsn(probe.name, probe.name).replace("-pw@", "-wrong@"))
    told = Probe(probe.name, probe.settings.model_copy(update={"database_url": wrong}), "", "")
    with pytest.raises(InvalidPasswordError):
        async with served(told):
            pass


async def test_a_service_whose_kafka_is_away_at_its_start_takes_commands(probe: Probe) -> None:
    async with served(probe, kafka="127.0.0.1:9") as (app, client):
        await until(lambda: ready(client), "ready without Kafka")
        (child,) = await children(app.state.running, 1)
        await says(app.state.running, child, HELD)
        assert (await client.get("/health/ready")).json()["kafka"] == "away"
