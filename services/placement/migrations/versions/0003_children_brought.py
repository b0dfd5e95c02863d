from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "drop table return_claim",
    """
    create table child_brought (
      child_digest text not null,
      authority text not null,
      local_id_digest text not null,
      brought_at timestamptz not null default now(),
      primary key (child_digest, authority)
    )
    """,
    "create index on child_brought (authority, local_id_digest)",
    "grant select, insert, update (brought_at) on child_brought to placement",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
