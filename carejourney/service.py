"""One service process put together: database, keys, relay, projector, timers and HTTP, from a parts list.

A service's `app.py` gives its `Parts`; `build` makes the FastAPI application that `carejourney run` serves. Starting
order: HTTP (503 until the database answers), database, then Kafka in the background: commands are taken while
a broker is away.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Response
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from carejourney import telemetry
from carejourney.access import TokenVerifier
from carejourney.background import Background
from carejourney.collecting import collect_seldom
from carejourney.damage import Damages, damage_router
from carejourney.dismissing import Dismissing
from carejourney.dismissing_api import dismissing_router
from carejourney.erasure.forgetting import keep_forgetting
from carejourney.feed.api import feed_router
from carejourney.feed.serving import Feed
from carejourney.healing import Healing, credential_of
from carejourney.http import HoldOff, LimitBody, add_health, add_problems
from carejourney.information_flow import flow_router
from carejourney.keys import Keys, Wrapper
from carejourney.logwatch import LogWatch
from carejourney.migrate import migrate
from carejourney.openapi import Application
from carejourney.operations import Books, Operations, operations_router
from carejourney.parked_api import parked_router
from carejourney.projecting import Projecting
from carejourney.projection import Kinds, Projection
from carejourney.projector import Projector
from carejourney.reactions import Clock, Reaction, Reactions
from carejourney.redriving import Redriving
from carejourney.relay import Relay, relay_producer
from carejourney.republish import republish_router
from carejourney.settings import Settings
from carejourney.starting import Starting
from carejourney.store import Store
from carejourney.subscription import Subscription, describe
from carejourney.tracing import TraceRequests
from carejourney.webhooks.api import webhooks_router
from carejourney.webhooks.deliveries import Deliveries, means_of

log = structlog.get_logger()

DRAIN_SECONDS: Final = 15
CLOSE_SECONDS: Final = 5
# A database that falls silent is given up after this long, and its connection after as long again.
COMMAND_SECONDS: Final = 15
CONNECT_SECONDS: Final = 10
START_STATUS: Final = 3
# What the process ends with where a bug ended its background work: any supervisor then starts it again.
FAULT_STATUS: Final = 1


@dataclass(frozen=True)
class Parts:
    """What makes one service this service.

    `topics` are those it publishes on, `listens` those it hears; `keeps` the fact types whose content goes into its
    copy (None: all of them). `sealed` are the columns that hold something personal, by table, beside projections.
    """

    name: str
    title: str
    catalogue: Mapping[str, Any]
    topics: Sequence[str]
    listens: Sequence[str]
    keeps: frozenset[str] | None
    migrations: Path
    routers: Sequence[APIRouter]
    projections: Sequence[Projection[Any]] = ()
    reactions: Sequence[Reaction] = ()
    clock: Clock | None = None
    sealed: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass
class Running:
    """The living parts of a service, at `app.state.running`; `engine` is for questions in SQLAlchemy Core."""

    parts: Parts
    settings: Settings
    pool: asyncpg.Pool
    keys_pool: asyncpg.Pool
    engine: AsyncEngine
    wrapper: Wrapper
    keys: Keys
    store: Store
    kinds: Kinds
    projecting: Projecting
    reactions: Reactions
    projector: Projector
    books: Books
    healing: Healing
    redriving: Redriving
    dismissing: Dismissing
    damages: Damages
    feed: Feed
    webhooks: Deliveries
    relay: Relay | None = None
    subscription: Subscription | None = None
    background: Background = field(default_factory=Background)
    started: bool = False


async def _as_it_was(_: asyncpg.Connection) -> None:
    """Nothing to undo before the next use: locks, settings and cursors are those of transactions here."""


async def connected(dsn: str, size: int) -> asyncpg.Pool:
    """A pool, waiting for a database that is not up yet."""
    wait = 0.1
    while True:
        try:
            return await asyncpg.create_pool(
                dsn, min_size=1, max_size=size, command_timeout=COMMAND_SECONDS, timeout=CONNECT_SECONDS,
                reset=_as_it_was,
            )  # fmt: skip
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
            log.warning("database.waiting", fault=type(error).__name__, seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5)


def _master_key(settings: Settings) -> Wrapper:
    try:
        return settings.wrapper()
    except ValueError as error:
        # These words are of the file, not of a child: the operator needs them.
        log.critical("settings.wrong", setting="CAREJOURNEY_KEY_FILE", reason=str(error))
        raise


async def assemble(parts: Parts, settings: Settings) -> Running:
    """Connect to the databases and put the parts together; nothing of Kafka is touched yet."""
    dsn = settings.database_url.get_secret_value()
    if settings.owner_database_url:
        await migrate(parts.name, parts.migrations, settings.owner_database_url.get_secret_value())
    async with contextlib.AsyncExitStack() as opened:
        pool = await connected(dsn, settings.pool_size)
        opened.callback(pool.terminate)
        keys_pool = await connected(settings.keys_database_url.get_secret_value(), 2)
        opened.callback(keys_pool.terminate)
        wrapper = _master_key(settings)
        keys = Keys(keys_pool, wrapper)
        await keys.load()
        opened.pop_all()
    kinds = Kinds(parts.catalogue)
    store = Store(pool, keys, parts.catalogue, parts.name)
    projecting = Projecting(parts.name, parts.projections, kinds, keys)
    reactions = Reactions(store, parts.reactions, kinds, parts.clock)
    projector = Projector(pool, projecting, reactions, parts.keeps)
    credential = credential_of(settings, parts.name)
    healing = Healing(pool, projector.applying, settings.owners, credential)
    return Running(
        parts=parts,
        settings=settings,
        pool=pool,
        keys_pool=keys_pool,
        engine=create_async_engine(
            dsn.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=2,
            hide_parameters=True,
            connect_args={"command_timeout": COMMAND_SECONDS, "timeout": CONNECT_SECONDS},
        ),
        wrapper=wrapper,
        keys=keys,
        store=store,
        kinds=kinds,
        projecting=projecting,
        reactions=reactions,
        projector=projector,
        healing=healing,
        redriving=Redriving(pool, projecting, reactions, healing),
        dismissing=Dismissing(pool, projector.applying, parts.topics, settings.owners, credential),
        damages=Damages(pool, parts.name, parts.topics, settings.owners, credential, store.appended),
        feed=Feed(parts.name, pool, keys, parts.catalogue),
        webhooks=Deliveries(dsn, means_of(parts.name, pool, keys, parts.catalogue, settings.webhook_networks)),
        books=Books(dsn),
    )


async def start(running: Running) -> None:
    """Begin to relay, to listen and to fire timers, in the background."""
    settings, parts = running.settings, running.parts
    subscription = Subscription(parts.name, parts.listens, {*parts.topics, *parts.listens}, running.projector, settings)
    running.subscription = subscription

    async def relaying() -> None:
        await subscription.connected.wait()
        make_producer = partial(relay_producer, settings.kafka, parts.name)
        watch = LogWatch(parts.topics, settings)
        running.relay = Relay(settings.database_url.get_secret_value(), make_producer, parts.name, watch)
        running.store.on_append(running.relay.wake)
        await running.relay.run()

    running.background.start("subscription", subscription.run())
    running.background.start("healing", running.healing.run())
    running.background.start("damage", running.damages.run())
    running.store.on_append(running.feed.watch.appended)
    running.background.start("feed", running.feed.watch.run())
    if parts.topics:
        running.background.start("relay", relaying())
        running.store.on_append(running.webhooks.wake)
        running.background.start("webhooks", running.webhooks.run())
    running.background.start("forgetting", keep_forgetting(running))
    if parts.reactions:
        running.background.start("timers", running.reactions.run_timers(running.pool))
    running.started = True


async def stop(running: Running) -> None:
    """Let the batch in hand end, then stop; bounded, so that a pod's grace period is kept."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            if running.subscription:
                await running.subscription.stop()
            await running.webhooks.stop()
    await running.background.stop()
    running.books.close()
    with contextlib.suppress(TimeoutError):
        # A database that hangs is not waited for: closing a pool that is given up terminates its connections.
        async with asyncio.timeout(CLOSE_SECONDS):
            await asyncio.gather(
                running.engine.dispose(), running.pool.close(), running.keys_pool.close(), running.wrapper.close()
            )


def _add_asyncapi(app: FastAPI, parts: Parts, settings: Settings) -> None:
    """`/asyncapi.json`: what the service subscribes to."""

    @app.get("/asyncapi.json", tags=["operations"], summary="AsyncAPI 3 document of the service's subscriptions.")
    async def asyncapi() -> Response:
        document = describe(parts.name, parts.title, parts.listens, settings)
        return Response(document, media_type="application/json")


def _operators_pages(parts: Parts) -> list[APIRouter]:
    """The pages of parked lanes and webhooks, and the sign-in where the service has no pages of its own."""
    from carejourney.web import page_routes, parked, webhooks  # noqa: PLC0415 - not needed to describe a service

    paths = {getattr(route, "path", "") for router in parts.routers for route in router.routes}
    pages = [parked.pages, webhooks.pages]
    return pages if "/sign-in" in paths else [page_routes(home=parked.HOME), *pages]


def _databases(settings: Settings) -> list[str]:
    """Every database that a start needs."""
    needed = (settings.owner_database_url, settings.database_url, settings.keys_database_url)
    return [url.get_secret_value() for url in needed if url]


def build(parts: Parts, settings: Settings, *, on_start: Callable[[Running], None] | None = None) -> FastAPI:
    """The application of one service. `app.state.end` is called where a bug has ended its background work."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        telemetry.set_up_tracing(parts.name)

        async def begin() -> None:
            running = await assemble(parts, settings)
            running.background.on_fault = app.state.end
            running.feed.watch.ending = app.state.ending
            app.state.running = operations.running = running
            await start(running)
            if on_start:
                on_start(running)
            app.state.started.set()

        def failed() -> None:
            app.state.failed = True
            app.state.end()

        operations.starting = Starting(parts.name, _databases(settings), begin)
        try:
            async with operations.starting.under_way(failed):
                yield
        finally:
            if operations.running is not None:
                await stop(operations.running)

    operations = Operations()
    app = Application(title=parts.title, version="1", lifespan=lifespan)
    app.state.end = lambda: None
    app.state.ending = lambda: False
    app.state.started = asyncio.Event()
    app.state.failed = False
    app.state.verifier = TokenVerifier(settings.audience, issuer=settings.issuer, jwks_file=settings.jwks_file)
    app.add_middleware(LimitBody)
    app.add_middleware(TraceRequests)
    app.add_middleware(HoldOff, while_=operations.is_starting)
    add_problems(app, operations.unable)
    add_health(app, operations.readiness, operations.faults)
    app.include_router(operations_router(operations))
    app.include_router(parked_router())
    app.include_router(dismissing_router())
    app.include_router(republish_router(parts.topics))
    app.include_router(damage_router(parts.topics))
    app.include_router(flow_router())
    app.include_router(feed_router(parts.topics, parts.catalogue))
    app.include_router(webhooks_router(parts.topics))
    _add_asyncapi(app, parts, settings)
    for router in (*parts.routers, *_operators_pages(parts)):
        app.include_router(router)
    return app


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until told to stop. Exits with a status other than 0 where it cannot start, or where a bug has ended it."""
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, loop="uvloop", http="httptools", log_config=None,
        access_log=False, timeout_graceful_shutdown=20, lifespan="on",
    )  # fmt: skip
    server = uvicorn.Server(config)
    app.state.end = partial(setattr, server, "should_exit", True)
    app.state.ending = lambda: server.should_exit
    collect_seldom()
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started or app.state.failed:
        raise SystemExit(START_STATUS)
    if app.state.started.is_set() and app.state.running.background.faults:
        raise SystemExit(FAULT_STATUS)
