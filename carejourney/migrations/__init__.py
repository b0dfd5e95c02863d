"""How Alembic runs for any service: each has its own `versions`, all share this environment."""

import asyncio

import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def run() -> None:
    """Run the migrations the command asks for; called by each service's `env.py`."""
    asyncio.run(_run(context.config.attributes["dsn"]))


async def _run(dsn: str) -> None:
    engine = create_async_engine(
        dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool, hide_parameters=True
    )
    async with engine.begin() as connection:
        await connection.run_sync(_in_transaction)
    await engine.dispose()


def _in_transaction(connection: sa.Connection) -> None:
    context.configure(connection=connection)
    context.run_migrations()
