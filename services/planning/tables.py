"""Planning's read model, and the questions asked of it."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

METADATA = sa.MetaData()

REVIEW_POSITION = sa.Table(
    "review_position",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("in_care", sa.Boolean, nullable=False),
    sa.Column("entered_on", sa.Date),
    sa.Column("on_or_before", sa.Boolean, nullable=False),
    sa.Column("last_review_on", sa.Date),
    sa.Column("participation", sa.Text),
    sa.Column("first_review_due_on", sa.Date),
    sa.Column("first_review_due_on_or_before", sa.Boolean, nullable=False),
    sa.Column("first_review_met_on", sa.Date),
    sa.Column("first_review_state", sa.Text),
    sa.Column("open_duty", sa.Text),
    sa.Column("open_since", sa.Date),
    sa.Column("open_due_on", sa.Date),
    sa.Column("open_due_on_or_before", sa.Boolean, nullable=False),
    sa.Column("visits_from", sa.Date),
    sa.Column("missing_now", sa.Boolean, nullable=False),
    sa.Column("missing_since", sa.Date),
    sa.Column("worker", sa.Uuid),
    sa.Column("worker_since", sa.Date),
)

_HIDDEN = frozenset({"state"})


async def position_of(engine: AsyncEngine, child: UUID) -> RowMapping | None:
    """One child's row; None where the projection has none."""
    table = REVIEW_POSITION
    columns = [column for column in table.columns if column.name not in _HIDDEN]
    async with engine.connect() as connection:
        return (await connection.execute(sa.select(*columns).where(table.c.subject == child))).mappings().first()


async def open_duties(
    engine: AsyncEngine, authority: str, on: date, *, overdue: bool, limit: int
) -> Sequence[RowMapping]:
    """The review duties of an authority that nothing has met yet, the earliest due first."""
    table = REVIEW_POSITION
    c = table.c
    wanted = [c.authority == authority, c.open_duty.is_not(None)]
    if overdue:
        wanted.append(c.open_due_on < on)
    question = (
        sa.select(c.subject, c.open_duty, c.open_since, c.open_due_on, c.open_due_on_or_before, c.missing_now, c.worker)
        .where(*wanted)
        .order_by(c.open_due_on, c.subject)
        .limit(limit)
    )
    async with engine.connect() as connection:
        return (await connection.execute(question)).mappings().all()
