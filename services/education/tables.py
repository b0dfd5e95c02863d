"""Education's read model, and the questions asked of it."""

from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()

VIRTUAL_ROLL = sa.Table(
    "virtual_roll",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("local_id", sa.Text),
    sa.Column("local_id_digest", sa.Text),
    sa.Column("upn", sa.Text),
    sa.Column("upn_digest", sa.Text),
    sa.Column("in_care", sa.Boolean, nullable=False),
    sa.Column("entered_on", sa.Date, nullable=False),
    sa.Column("on_or_before", sa.Boolean, nullable=False),
    sa.Column("left_on", sa.Date),
    sa.Column("last_moved_on", sa.Date),
    sa.Column("out_of_area", sa.Boolean),
    sa.Column("missing_now", sa.Boolean, nullable=False),
    sa.Column("turned_eighteen", sa.Boolean, nullable=False),
)


def on_roll(authority: str, *, in_care: bool | None) -> sa.Select[Any]:
    """The rows of one authority; in care now, no longer, or both (None)."""
    roll = VIRTUAL_ROLL.c
    query = sa.select(roll.subject, roll.state, roll.local_id_digest, roll.upn_digest).where(
        roll.authority == authority
    )
    return query if in_care is None else query.where(roll.in_care == in_care)


def authorities_on_roll() -> sa.Select[Any]:
    """The codes of the authorities that have a child on the roll."""
    return sa.select(VIRTUAL_ROLL.c.authority).distinct().order_by(VIRTUAL_ROLL.c.authority)
