from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "drop table return_claim",
    """
    create table child_brought (
      child_digest text not null,
      authority text not null,
      brought_at timestamptz not null default now(),
      primary key (child_digest, authority)
    )
    """,
    "grant select, insert on child_brought to placement",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
