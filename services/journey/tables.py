"""Journey's read model, and the questions asked of it."""

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

METADATA = sa.MetaData()

CHILDREN = sa.Table(
    "children",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("local_id", sa.Text),
    sa.Column("local_id_digest", sa.Text),
    sa.Column("in_care", sa.Boolean, nullable=False),
    sa.Column("on_or_before", sa.Boolean, nullable=False),
    sa.Column("entered_on", sa.Date),
    sa.Column("left_on", sa.Date),
    sa.Column("last_event_on", sa.Date),
)
BATCH: Final = 200


async def child_of_digest(engine: AsyncEngine, digest: str) -> UUID | None:
    """The child whose authority and local id have this keyed digest."""
    question = sa.select(CHILDREN.c.subject).where(CHILDREN.c.local_id_digest == digest)
    async with engine.connect() as connection:
        return (await connection.execute(question)).scalars().first()


async def authorities(engine: AsyncEngine) -> Sequence[str]:
    """Every authority that answers for a child known here."""
    question = sa.select(CHILDREN.c.authority).distinct().order_by(CHILDREN.c.authority)
    async with engine.connect() as connection:
        return (await connection.execute(question)).scalars().all()


async def count_of(engine: AsyncEngine, authority: str) -> int:
    """How many children an authority answers for."""
    question = sa.select(sa.func.count()).select_from(CHILDREN).where(CHILDREN.c.authority == authority)
    async with engine.connect() as connection:
        return int((await connection.execute(question)).scalar_one())


async def page_of(engine: AsyncEngine, authority: str, *, page: int, size: int) -> Sequence[RowMapping]:
    """One page of an authority's children: those in care first, then by the latest day anything happened."""
    c = CHILDREN.c
    question = (
        sa.select(c.subject, c.local_id, c.in_care, c.on_or_before, c.entered_on, c.left_on, c.last_event_on)
        .where(c.authority == authority)
        .order_by(c.in_care.desc(), c.last_event_on.desc().nulls_last(), c.subject)
        .limit(size)
        .offset((page - 1) * size)
    )
    async with engine.connect() as connection:
        return (await connection.execute(question)).mappings().all()


async def in_batches(engine: AsyncEngine, authority: str) -> AsyncIterator[list[UUID]]:
    """Every child of an authority, some at a time; no transaction stays open between batches."""
    c = CHILDREN.c
    question = sa.select(c.subject).where(c.authority == authority).order_by(c.subject).limit(BATCH)
    after: UUID | None = None
    while True:
        asked = question if after is None else question.where(c.subject > after)
        async with engine.connect() as connection:
            found = list((await connection.execute(asked)).scalars())
        if not found:
            return
        yield found
        after = found[-1]
