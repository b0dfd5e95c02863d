from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    "alter table subject_register alter column local_id drop not null, alter column local_id_digest drop not null",
    """
    alter table subject_register add constraint forgotten_as_a_whole
    check ((local_id is null) = (local_id_digest is null))
    """,
    "grant update (local_id, local_id_digest) on subject_register to placement",
    """
    create table erasure (
      id uuid primary key,
      subject uuid not null,
      authority text not null,
      reason text not null,
      draft text not null,
      asked_by text not null,
      asked_at timestamptz not null,
      confirmed_by text,
      confirmed_at timestamptz,
      check ((confirmed_by is null) = (confirmed_at is null))
    )
    """,
    "grant select, insert on erasure to placement",
    "grant update (confirmed_by, confirmed_at) on erasure to placement",
    "grant delete on child_brought to placement",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
