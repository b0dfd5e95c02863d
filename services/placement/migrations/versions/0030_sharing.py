from alembic import op

revision = "0030"
down_revision = "0021"

STATEMENTS = (
    "alter table subject_register drop constraint subject_register_kind_check",
    """
    alter table subject_register add constraint subject_register_kind_check
    check (kind in ('child', 'worker', 'agency', 'provider'))
    """,
    """
    create table earlier_record (
      subject uuid primary key,
      earlier text not null
    )
    """,
    """
    create table earlier_record_opening (
      id uuid primary key,
      subject uuid not null,
      purpose text not null,
      opened_by text not null,
      opened_at timestamptz not null default now()
    )
    """,
    "create index on earlier_record_opening (subject, opened_at)",
    "grant select, insert on earlier_record, earlier_record_opening to placement",
    """
    create table agencies (
      subject uuid primary key,
      state bytea not null,
      authority text not null,
      agency text not null,
      joined_on date not null,
      left_on date
    )
    """,
    "create index on agencies (authority)",
    """
    create table providers (
      subject uuid primary key,
      state bytea not null,
      authority text not null,
      sector text not null,
      services text not null
    )
    """,
    "create index on providers (authority)",
    "grant select, insert, update, delete on agencies, providers to placement",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
