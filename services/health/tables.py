"""Health's read model, and the questions asked of it."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

METADATA = sa.MetaData()

HEALTH_RECORD = sa.Table(
    "health_record",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("in_care", sa.Boolean, nullable=False),
    sa.Column("entered_on", sa.Date),
    sa.Column("on_or_before", sa.Boolean, nullable=False),
    sa.Column("due_on", sa.Date),
    sa.Column("due_on_or_before", sa.Boolean, nullable=False),
    sa.Column("met_on", sa.Date),
    sa.Column("due_state", sa.Text),
    sa.Column("registration_to_check_since", sa.Date),
    sa.Column("last_assessed_on", sa.Date),
    sa.Column("turned_eighteen_on", sa.Date),
    sa.Column("outcomes_year", sa.Integer),
    sa.Column("sdq_score", sa.Integer),
    sa.Column("sdq_reason", sa.Text),
    sa.Column("health_check", sa.Boolean),
    sa.Column("immunisations", sa.Boolean),
    sa.Column("teeth_check", sa.Boolean),
    sa.Column("health_assessment", sa.Boolean),
)

_SHOWN = [column for column in HEALTH_RECORD.columns if column.name != "state"]


async def assessments_of(
    engine: AsyncEngine, authority: str, on: date, *, overdue: bool, limit: int
) -> Sequence[RowMapping]:
    """An authority's children in care, the earliest due first; with `overdue` those whose first assessment is late."""
    c = HEALTH_RECORD.c
    wanted = [c.authority == authority, c.in_care]
    if overdue:
        wanted += [c.due_state == "open", c.due_on < on]
    question = sa.select(*_SHOWN).where(*wanted).order_by(c.due_on.nulls_last(), c.subject).limit(limit)
    async with engine.connect() as connection:
        return (await connection.execute(question)).mappings().all()
