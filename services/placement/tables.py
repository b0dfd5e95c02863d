"""Placement's read models."""

import sqlalchemy as sa

METADATA = sa.MetaData()

PLACEMENT_RECORD = sa.Table(
    "placement_record",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("in_care", sa.Boolean, nullable=False),
    sa.Column("entered_on", sa.Date),
    sa.Column("entered_on_or_before", sa.Boolean, nullable=False),
    sa.Column("left_on", sa.Date),
    sa.Column("legal_status", sa.Text),
    sa.Column("placement_type", sa.Text),
    sa.Column("placed_on", sa.Date),
    sa.Column("moved_on", sa.Date),
    sa.Column("missing_since", sa.Text),
    sa.Column("school_urn", sa.Text),
    sa.Column("school_changed_on", sa.Date),
    sa.Column("school_changed_by_move_on", sa.Date),
    sa.Column("became_adult_on", sa.Date),
)

AGENCIES = sa.Table(
    "agencies",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("agency", sa.Text, nullable=False),
    sa.Column("joined_on", sa.Date, nullable=False),
    sa.Column("left_on", sa.Date),
)

PROVIDERS = sa.Table(
    "providers",
    METADATA,
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("sector", sa.Text, nullable=False),
    sa.Column("services", sa.Text, nullable=False),
)
