from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    create table subject_register (
      subject uuid primary key,
      authority text not null,
      kind text not null check (kind in ('child', 'worker')),
      local_id_digest text not null,
      local_id text not null,
      registered_at timestamptz not null default now(),
      unique (authority, kind, local_id_digest)
    )
    """,
    """
    create table return_claim (
      digest text primary key,
      authority text not null,
      year integer not null,
      claimed_at timestamptz not null default now()
    )
    """,
    """
    create table placement_record (
      subject uuid primary key,
      state bytea not null,
      authority text not null,
      in_care boolean not null,
      entered_on date,
      entered_on_or_before boolean not null,
      left_on date,
      legal_status text,
      placement_type text,
      placed_on date,
      moved_on date,
      missing_since text,
      school_urn text,
      school_changed_on date,
      school_changed_by_move_on date,
      became_adult_on date
    )
    """,
    "create index placement_record_by_authority on placement_record (authority, subject)",
    "grant select, insert on subject_register, return_claim to placement",
    "grant select, insert, update, delete on placement_record to placement",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
