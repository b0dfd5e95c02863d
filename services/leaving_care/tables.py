"""Leaving care's read model, and the questions asked of it."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

METADATA = sa.MetaData()

BIRTHDAYS = sa.Table(
    "birthdays",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("in_care", sa.Boolean, nullable=False),
    sa.Column("left_on", sa.Date),
    sa.Column("died", sa.Boolean, nullable=False),
    sa.Column("in_care_at_sixteen_or_after", sa.Boolean, nullable=False),
    sa.Column("care_leaver", sa.Boolean, nullable=False),
    sa.Column("turned_sixteen_on", sa.Date),
    sa.Column("turned_eighteen_on", sa.Date),
    sa.Column("turned_twenty_one_on", sa.Date),
    sa.Column("turned_twenty_five_on", sa.Date),
    sa.Column("outcomes_year", sa.Integer),
    sa.Column("in_touch", sa.Text),
    sa.Column("activity", sa.Text),
    sa.Column("accommodation", sa.Text),
)

_SHOWN = [column for column in BIRTHDAYS.columns if column.name != "state"]


async def birthdays_of(engine: AsyncEngine, child: UUID) -> RowMapping | None:
    """One young person's row; None where the projection has none."""
    question = sa.select(*_SHOWN).where(BIRTHDAYS.c.subject == child)
    async with engine.connect() as connection:
        return (await connection.execute(question)).mappings().first()


async def leavers_of(engine: AsyncEngine, authority: str, limit: int) -> Sequence[RowMapping]:
    """An authority's care leavers, the most recent to leave first."""
    c = BIRTHDAYS.c
    question = (
        sa.select(*_SHOWN)
        .where(c.authority == authority, c.care_leaver)
        .order_by(c.left_on.desc().nulls_first(), c.subject)
        .limit(limit)
    )
    async with engine.connect() as connection:
        return (await connection.execute(question)).mappings().all()
